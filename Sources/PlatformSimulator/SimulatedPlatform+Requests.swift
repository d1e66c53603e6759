internal import CoAPMessage
internal import ConstrainedCore

/// What each request means to the platform, and the answer to it.
extension SimulatedPlatform {
  mutating func respond(
    to message: borrowing MessageView,
    at now: Instant,
    record: inout RequestRecord
  ) -> PlatformResponse {
    record.path = RequestOptions.path(of: message)
    do throws(Refusal) {
      let options = try RequestOptions(message, tokenOption: configuration.tokenOption)
      if options.segments == ["auth"] {
        record.kind = .authentication
        return try authenticate(message, options, at: now, record: &record)
      }
      guard options.segments.first == "topic", options.segments.count > 1 else {
        throw Refusal(code: .notFound, note: "only /auth and /topic exist")
      }
      record.kind = .report
      return try report(message, options, at: now, record: &record)
    } catch {
      record.note = error.note
      return PlatformResponse(code: error.code)
    }
  }

  private mutating func authenticate(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: true)
    let payload = Self.bytes(of: message.payload)
    let check = try AuthenticationCheck(payload: payload)
    if configuration.protection == .dtls, check.hasSequence {
      // Device guide 3.6: the fields of the DTLS mode are those of the other but for this one.
      throw Refusal(code: .badRequest, note: "the field seq belongs to the symmetric mode")
    }
    let fields = try check.run(devices: devices)
    record.device = fields.device.path
    let session = try makeSession(fields, at: now)
    if let old = tokens[fields.device.path] { sessions[old] = nil }
    tokens[fields.device.path] = session.token
    sessions[session.token] = session
    if configuration.protection == .dtls {
      let answer = #"{"token":"\#(String(decoding: session.token, as: UTF8.self))"}"#
      return PlatformResponse(code: .content, payload: Array(answer.utf8))
    }
    let random = String(decoding: session.random, as: UTF8.self)
    let token = String(decoding: session.token, as: UTF8.self)
    let answer =
      #"{"random":"\#(random)","seqOffset":\#(session.sequenceOffset),"token":"\#(token)"}"#
    return PlatformResponse(code: .content, payload: Array(answer.utf8))
  }

  private mutating func makeSession(
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

  private mutating func report(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: false)
    guard record.path.utf8.count <= 128 + "/topic".utf8.count else {
      throw Refusal(code: .pathTooLong, note: "the topic has over 128 bytes")
    }
    guard let token = options.token else {
      throw Refusal(code: .badRequest, note: "option \(configuration.tokenOption) is missing")
    }
    guard let session = sessions[token], session.expiry > now, !session.isFull else {
      throw Refusal(code: .unauthorized, note: "the token is unknown or expired")
    }
    record.device = session.device.path
    guard options.names(session.device) else {
      throw Refusal(code: .forbidden, note: "the topic does not name the device of this token")
    }
    if configuration.protection == .dtls {
      return try plainReport(message, options, session, record: &record)
    }
    guard let sealed = options.sequence, let text = session.decrypt(sealed.span),
      let sequence = UInt64(String(decoding: text, as: UTF8.self)),
      text.elementsEqual(String(sequence).utf8)
    else {
      throw Refusal(code: .badRequest, note: "option 2089 is no encrypted decimal number")
    }
    record.sequence = sequence
    guard let payload = session.decrypt(message.payload) else {
      throw Refusal(code: .badRequest, note: "the payload does not decrypt with the session's key")
    }
    record.payload = payload
    guard payload.count <= 1_024 else {
      throw Refusal(code: .requestEntityTooLarge, note: "the payload has over 1,024 bytes")
    }
    // Unverified: the platform's code for a number that is too low or was used before.
    let isAbove =
      configuration.sequenceRule == .greaterOrEqual
      ? sequence >= session.sequenceOffset : sequence > session.sequenceOffset
    guard isAbove else {
      throw Refusal(code: .badRequest, note: "seq is not above \(session.sequenceOffset)")
    }
    guard session.use(sequence) else {
      throw Refusal(code: .badRequest, note: "seq was used before in this session")
    }
    nextPlatformMessageID += 1
    var response = PlatformResponse(code: .content)
    let reply = reply(to: options, payload)
    if !reply.isEmpty { response.payload = session.encrypt(reply) ?? [] }
    response.platformMessageID = nextPlatformMessageID
    response.isSeparate = session.answersSeparately
    return response
  }

  /// A report of the DTLS mode: its token alone, and the payload as it is (device guide 3.6).
  ///
  /// Unverified: whether the answer has option 2090 there; the guide does not mention it.
  private mutating func plainReport(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    _ session: PlatformSession,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    guard options.sequence == nil else {
      throw Refusal(code: .badOption, note: "option 2089 belongs to the symmetric mode")
    }
    let payload = Self.bytes(of: message.payload)
    record.payload = payload
    guard payload.count <= 1_024 else {
      throw Refusal(code: .requestEntityTooLarge, note: "the payload has over 1,024 bytes")
    }
    var response = PlatformResponse(code: .content, payload: reply(to: options, payload))
    response.isSeparate = session.answersSeparately
    return response
  }

  private func reply(to options: RequestOptions, _ payload: [UInt8]) -> [UInt8] {
    configuration.reply?("/" + options.segments.dropFirst().joined(separator: "/"), payload) ?? []
  }

  private static func bytes(of span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
  }
}
