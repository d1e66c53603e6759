internal import CoAPMessage
internal import ConstrainedCore

/// The sessions of devices that have authenticated, and their tokens.
extension SimulatedPlatform {
  /// Keeps a device's newest token, or its last eight where a new one does not end the others.
  ///
  /// Unverified (`second-auth` of `Assumption`): that it does.
  mutating func keep(_ session: PlatformSession) {
    let most = configuration.assumptions.endsEarlierToken ? 1 : 8
    let path = session.device.path
    tokens[path, default: []].append(session.token)
    while let old = tokens[path]?.first, tokens[path, default: []].count > most {
      sessions[old] = nil
      tokens[path]?.removeFirst()
    }
    sessions[session.token] = session
  }

  mutating func makeSession(
    _ fields: AuthenticationFields,
    at now: Instant
  ) throws(Refusal) -> PlatformSession {
    // As the guide's example has them: 16 hexadecimal digits, and 30 characters, a dot and the first
    // 4 of the digits.
    let digits = Array("0123456789abcdef".utf8)
    let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    let value = random.next()
    let key = (0..<16).map { digits[Int(value >> UInt64($0 * 4) & 0xF)] }
    let name = (0..<30).map { _ in letters[Int(random.next() % 62)] }
    do {
      return try PlatformSession(
        device: fields.device,
        token: name + [UInt8(ascii: ".")] + key[..<4],
        random: key,
        sequenceOffset: configuration.sequenceOffset,
        expiry: now + configuration.tokenLifetime,
        answersSeparately: fields.answersSeparately ?? (configuration.answerMode == .separate),
        protection: configuration.protection
      )
    } catch {
      throw Refusal(code: .internalServerError, note: "OpenSSL failed: \(error)")
    }
  }

  /// The session of a request's token.
  func session(
    of options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformSession {
    guard let token = options.token else {
      throw Refusal(
        code: configuration.assumptions.missingToken,
        note: "option \(configuration.tokenOption) is missing"
      )
    }
    guard let session = sessions[token], session.expiry > now, !session.isFull else {
      record.device = takenBackTokens.device(of: token)
      throw Refusal(
        code: configuration.assumptions.unknownToken,
        note: record.device == nil ? "the token is unknown or expired" : "the token was taken back"
      )
    }
    record.device = session.device.path
    try checkEnabled(session.device.path)
    return session
  }
}
