// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import PlatformFaults

/// The sessions of authenticated devices, their tokens and numbers.
extension PlatformCore {
  /// The session of a currently valid token, of a device that is not disabled.
  package func session(
    _ token: [UInt8],
    at now: Instant,
    for service: TokenService = .messages,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> PlatformSession {
    guard let session = sessions[token], session.expiry > now + faults.clockOffset,
      session.service == service,
      !session.isFull
    else {
      notes.device = takenBackTokens.device(of: token)
      throw Refusal(
        .unknownToken,
        notes.device == nil ? "the token is unknown or expired" : "the token was taken back"
      )
    }
    notes.device = session.device.path
    try checkEnabled(session.device.path)
    return session
  }

  /// The session with the token, valid or not.
  package func session(withToken token: [UInt8]) -> PlatformSession? { sessions[token] }

  /// Uses a number, which must be new and above the session's offset.
  package func use(
    _ sequence: UInt64,
    in session: PlatformSession,
    _ notes: inout RequestNotes
  ) throws(Refusal) {
    guard sequence >= session.sequenceOffset else {
      throw Refusal(.usedSequence, "seq is not above \(session.sequenceOffset)")
    }
    if sequence == session.sequenceOffset, configuration.sequenceRule == .greater {
      try notes.leniencies.need(
        .offsetAsSequence,
        "seq is seqOffset, \(session.sequenceOffset), and not above it"
      ) { Refusal(.usedSequence, $0, namesSetting: true) }
    }
    guard session.use(sequence) else {
      throw Refusal(.usedSequence, "seq was used before in this session")
    }
  }

  /// Keeps a device's newest token, or its last eight if a new one does not end the others.
  ///
  /// Unverified (`second-auth` of `Assumption`): that a new token ends the earlier one.
  func keep(_ session: PlatformSession) {
    let most = assumptions.endsEarlierToken ? 1 : 8
    let owner = TokenOwner(path: session.device.path, service: session.service)
    tokens[owner, default: []].append(session.token)
    while let old = tokens[owner]?.first, tokens[owner, default: []].count > most {
      sessions[old] = nil
      tokens[owner]?.removeFirst()
    }
    sessions[session.token] = session
  }

  func makeSession(
    of device: SimulatedDevice,
    at now: Instant,
    for service: TokenService = .messages
  ) -> PlatformSession {
    // As in the guide's examples. CoAP (3.6): 16 hexadecimal digits; and 30 characters, a dot and the first 4 of
    // the digits. HTTPS (3.8) and iotToken (3.2): 32 hexadecimal digits; iotId: letters and digits.
    let digits = Array("0123456789abcdef".utf8)
    let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    let value = random.next()
    let key = (0..<16).map { digits[Int(value >> UInt64($0 * 4) & 0xF)] }
    let name = (0..<30).map { _ in letters[Int(random.next() % 62)] }
    let more = service == .messages ? 0 : random.next()
    return PlatformSession(
      device: device,
      token: service == .messages
        ? name + [UInt8(ascii: ".")] + key[..<4]
        : key + (0..<16).map { digits[Int(more >> UInt64($0 * 4) & 0xF)] },
      random: key,
      sequenceOffset: configuration.sequenceOffset,
      expiry: now + faults.clockOffset + configuration.tokenLifetime,
      service: service,
      connectionName: service == .connection ? String(decoding: name, as: UTF8.self) : ""
    )
  }
}

/// A device's tokens of one service.
struct TokenOwner: Hashable {
  let path: String
  let service: TokenService
}
