internal import ConstrainedCore

/// What the platform remembers of a device that has authenticated, and the numbers that it has used.
package final class PlatformSession {
  package let device: SimulatedDevice
  package let token: [UInt8]
  /// The 16 hexadecimal digits that the device is told with its token.
  package let random: [UInt8]
  package let sequenceOffset: UInt64
  let expiry: Instant
  /// What the front that the device came in by keeps of it as long as the session lasts.
  package var companion: AnyObject?
  /// How many requests with the token were taken.
  var uses = 0
  private var usedSequences: Set<UInt64> = []

  /// How many numbers are remembered; a session that used them all must authenticate again.
  private static let maxSequences = 1_000_000

  init(
    device: SimulatedDevice,
    token: [UInt8],
    random: [UInt8],
    sequenceOffset: UInt64,
    expiry: Instant
  ) {
    self.device = device
    self.token = token
    self.random = random
    self.sequenceOffset = sequenceOffset
    self.expiry = expiry
  }

  var isFull: Bool { usedSequences.count >= Self.maxSequences }

  /// Notes the number; `false` when the session has seen it before.
  func use(_ sequence: UInt64) -> Bool { usedSequences.insert(sequence).inserted }
}

/// The last 100 tokens that were taken back, to tell the log why they are unknown.
struct TakenBackTokens {
  private var tokens: [(token: [UInt8], path: String)] = []

  /// Whose token it was.
  func device(of token: [UInt8]) -> String? { tokens.first { $0.token == token }?.path }

  mutating func remember(_ token: [UInt8], of path: String) {
    tokens.append((token, path))
    if tokens.count > 100 { tokens.removeFirst() }
  }
}
