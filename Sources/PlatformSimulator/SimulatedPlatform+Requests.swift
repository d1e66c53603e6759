internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// What each request means to the platform, and the answer to it.
extension SimulatedPlatform {
  mutating func respond(
    to message: borrowing MessageView,
    at now: Instant,
    record: inout RequestRecord
  ) -> PlatformResponse {
    record.path = RequestOptions.path(of: message)
    record.leniencies = LeniencyUse(configuration)
    var read: RequestOptions?
    do throws(Refusal) {
      var options = try RequestOptions(message, tokenOption: configuration.tokenOption)
      read = options
      try options.settleToken(tokenOption: configuration.tokenOption, &record.leniencies)
      record.isCBOR = options.contentFormat == 60
      if options.segments == ["auth"] {
        record.kind = .authentication
        return try authenticate(message, options, at: now, record: &record)
      }
      if options.segments == ["auth", "register", "device"], configuration.protection == .dtls {
        record.kind = .registration
        return try register(message, options, record: &record)
      }
      if options.segments == ["pull"] {
        record.kind = .pull
        return try pull(message, options, at: now, record: &record)
      }
      guard options.segments.first == "topic", options.segments.count > 1 else {
        throw Refusal(
          code: .notFound,
          note: "only /auth, /topic and /pull exist, and /auth/register/device over DTLS"
        )
      }
      record.kind = .report
      return try report(message, options, at: now, record: &record)
    } catch {
      record.note = error.note
      return response(to: error, of: record.kind, read)
    }
  }

  private mutating func authenticate(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: true, &record.leniencies)
    let payload = Self.bytes(of: message.payload)
    let format = try options.payloadFormat(isOpaque: false)
    let check = try AuthenticationCheck(payload: payload, format, &record.leniencies)
    if configuration.protection == .dtls, check.hasSequence {
      // Device guide 3.6: the fields of the DTLS mode are those of the other but for this one.
      throw Refusal(code: .badRequest, note: "the field seq belongs to the symmetric mode")
    }
    let fields = try check.run(
      devices: devices,
      names: configuration.deviceNames,
      &record.leniencies
    )
    record.device = fields.device.path
    if registered[fields.device.path] != nil { registered[fields.device.path] = true }
    let session = try makeSession(fields, at: now)
    if let old = tokens[fields.device.path] { sessions[old] = nil }
    tokens[fields.device.path] = session.token
    sessions[session.token] = session
    let token = String(decoding: session.token, as: UTF8.self)
    var answer: PlatformValue = ["token": .text(token)]
    if configuration.protection == .symmetric {
      answer = [
        "random": .text(String(decoding: session.random, as: UTF8.self)),
        "seqOffset": PlatformValue(session.sequenceOffset), "token": .text(token),
      ]
    }
    // In what Accept says, else in the request's format; the guide's answer names none.
    let answerFormat = options.answerFormat(format)
    var response = PlatformResponse(code: .content, payload: answer.encoded(answerFormat))
    if answerFormat == .cbor { response.contentFormat = .cbor }
    return response
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
    try options.check(message, needsContentFormat: false, &record.leniencies)
    guard record.path.utf8.count <= 128 + "/topic".utf8.count else {
      throw Refusal(code: .pathTooLong, note: "the topic has over 128 bytes")
    }
    let session = try session(of: options, at: now, record: &record)
    guard options.names(session.device) else {
      throw Refusal(code: .forbidden, note: "the topic does not name the device of this token")
    }
    let method = configuration.reply == nil ? AlinkMethod(topic: options.segments[1...]) : nil
    var format = PlatformValue.Format.json
    if let method { format = try options.payloadFormat(isOpaque: method.isOpaque) }
    let payload = try open(message, options, session, record: &record)
    var response: PlatformResponse
    if let next = try nextBlock(options, session, payload) {
      response = next
    } else if let configured = configuration.reply {
      let reply = configured(Self.topic(of: options), payload)
      response = try seal(reply, nil, options, session)
    } else if let method {
      response = try answer(method, payload, format, options, session, record: &record)
    } else {
      if ["sys", "ota", "ext"].contains(options.segments[1]) {
        record.note = "the guide has no such topic for CoAP: taken, and nothing done"
      }
      response = PlatformResponse(code: .content)
    }
    // Unverified: whether the answer has option 2090 in the DTLS mode; the guide does not mention it.
    if configuration.protection == .symmetric {
      nextPlatformMessageID += 1
      response.platformMessageID = nextPlatformMessageID
    }
    response.isSeparate = session.answersSeparately
    return response
  }

  /// Carries out what a report asks for; the Alink reply is the response's payload.
  ///
  /// Unverified: that the response names the reply's format, which is that of Accept or of the request.
  private mutating func answer(
    _ method: AlinkMethod,
    _ payload: [UInt8],
    _ format: PlatformValue.Format,
    _ options: RequestOptions,
    _ session: PlatformSession,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    let device = DeviceState.Identity(
      productKey: session.device.productKey,
      deviceName: session.device.deviceName
    )
    let outcome = things.execute(
      method,
      topic: Self.topic(of: options),
      payload,
      format,
      of: device,
      random: &random
    )
    record.method = Self.readable(method.name)
    record.replyCode = outcome.code
    record.note = Self.readable(outcome.note)
    guard let reply = outcome.reply else { return PlatformResponse(code: .content) }
    let answerFormat = options.answerFormat(format)
    return try seal(reply.encoded(answerFormat), answerFormat, options, session)
  }

  /// The session of a request's token.
  func session(
    of options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformSession {
    guard let token = options.token else {
      throw Refusal(code: .badRequest, note: "option \(configuration.tokenOption) is missing")
    }
    guard let session = sessions[token], session.expiry > now, !session.isFull else {
      throw Refusal(code: .unauthorized, note: "the token is unknown or expired")
    }
    record.device = session.device.path
    return session
  }

  /// The plain payload of a request whose number is good.
  func open(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    _ session: PlatformSession,
    record: inout RequestRecord
  ) throws(Refusal) -> [UInt8] {
    if configuration.protection == .dtls {
      // Device guide 3.6: its token alone, and the payload as it is.
      guard options.sequence == nil else {
        throw .option("option 2089 belongs to the symmetric mode")
      }
      let payload = Self.bytes(of: message.payload)
      record.payload = payload
      try checkSize(payload)
      return payload
    }
    guard let sealed = options.sequence, let text = session.decrypt(sealed.span),
      let sequence = UInt64(String(decoding: text, as: UTF8.self)),
      text.elementsEqual(String(sequence).utf8)
    else {
      throw Refusal(code: .badRequest, note: "option 2089 is no encrypted decimal number")
    }
    record.sequence = sequence
    // The request for a further block has no payload.
    let isFurther = (options.block?.number ?? 0) > 0 && message.payload.isEmpty
    guard let payload = isFurther ? [] : session.decrypt(message.payload) else {
      throw Refusal(code: .badRequest, note: "the payload does not decrypt with the session's key")
    }
    record.payload = payload
    try checkSize(payload)
    // Unverified: the platform's code for a number that is too low or was used before.
    guard sequence >= session.sequenceOffset else {
      throw Refusal(code: .badRequest, note: "seq is not above \(session.sequenceOffset)")
    }
    if sequence == session.sequenceOffset, configuration.sequenceRule == .greater {
      try record.leniencies.need(
        .offsetAsSequence,
        "seq is seqOffset, \(session.sequenceOffset), and not above it"
      ) { Refusal(code: .badRequest, note: $0) }
    }
    guard session.use(sequence) else {
      throw Refusal(code: .badRequest, note: "seq was used before in this session")
    }
    return payload
  }

  private func checkSize(_ payload: [UInt8]) throws(Refusal) {
    guard payload.count <= configuration.payloadLimit else {
      throw Refusal(
        code: .requestEntityTooLarge,
        note: configuration.payloadLimit == 1_024
          ? "the payload has over 1,024 bytes"
          : "the payload has over \(configuration.payloadLimit) bytes"
      )
    }
  }

  private static func topic(of options: RequestOptions) -> String {
    "/" + options.segments.dropFirst().joined(separator: "/")
  }

  /// What a device has written, fit for one line of a terminal.
  private static func readable(_ text: String) -> String {
    let bytes = Array(String(text.unicodeScalars.prefix(300)).utf8)
    return ReadableText.plain(bytes.span, keepsLines: false) ?? ""
  }

  static func bytes(of span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
  }
}
