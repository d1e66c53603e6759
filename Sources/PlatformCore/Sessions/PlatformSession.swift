// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// What a token opens; a token of one service is unknown to the others.
package enum TokenService: Sendable {
  /// Reports over CoAP.
  case messages
  /// Reports over HTTPS (device guide 3.8).
  case web
  /// A connection over MQTT (device guide 3.2).
  case connection
}

/// The platform's session of an authenticated device, and the numbers used in it.
package final class PlatformSession {
  package let device: SimulatedDevice
  package let token: [UInt8]
  /// The 16 hexadecimal digits sent to the device with its token.
  package let random: [UInt8]
  package let sequenceOffset: UInt64
  let expiry: Instant
  /// What the token opens.
  package let service: TokenService
  /// The name that goes with the token of a connection, `iotId`; empty for the other services.
  package let connectionName: String
  /// State of the front through which the device authenticated, kept as long as the session.
  package var companion: AnyObject?
  /// The number of accepted requests with the token.
  var uses = 0
  private var usedSequences: Set<UInt64> = []

  /// The maximum number of remembered sequence numbers; a session that has used them must
  /// authenticate again.
  private static let maxSequences = 1_000_000

  init(
    device: SimulatedDevice,
    token: [UInt8],
    random: [UInt8],
    sequenceOffset: UInt64,
    expiry: Instant,
    service: TokenService,
    connectionName: String
  ) {
    self.device = device
    self.token = token
    self.random = random
    self.sequenceOffset = sequenceOffset
    self.expiry = expiry
    self.service = service
    self.connectionName = connectionName
  }

  var isFull: Bool { usedSequences.count >= Self.maxSequences }

  /// Records the number; returns `false` if the session has used it before.
  func use(_ sequence: UInt64) -> Bool { usedSequences.insert(sequence).inserted }
}

/// The last 100 revoked tokens, so that the log can tell why they are unknown.
struct TakenBackTokens {
  private var tokens: [(token: [UInt8], path: String)] = []

  /// The device that had the token.
  func device(of token: [UInt8]) -> String? { tokens.first { $0.token == token }?.path }

  mutating func remember(_ token: [UInt8], of path: String) {
    tokens.append((token, path))
    if tokens.count > 100 { tokens.removeFirst() }
  }
}
