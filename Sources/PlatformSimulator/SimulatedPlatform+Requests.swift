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
    record.requestMethod = message.code
    record.path = RequestOptions.path(of: message)
    dropTakenBack()
    record.leniencies = LeniencyUse(configuration)
    var read: RequestOptions?
    do throws(Refusal) {
      var options = try RequestOptions(
        message,
        tokenOption: configuration.tokenOption,
        takesQuery: configuration.assumptions.takesQuery
      )
      read = options
      try options.settleToken(tokenOption: configuration.tokenOption, &record.leniencies)
      record.isCBOR = options.contentFormat == 60
      if options.segments == ["auth"] {
        record.kind = .authentication
        if let failure = fail(options, record: &record) { return failure }
        return try authenticate(message, options, at: now, record: &record)
      }
      if options.segments == ["auth", "register", "device"], configuration.protection == .dtls {
        record.kind = .registration
        if let failure = fail(options, record: &record) { return failure }
        return try register(message, options, record: &record)
      }
      if options.segments == ["pull"] {
        record.kind = .pull
        if let failure = fail(options, record: &record) { return failure }
        return try pull(message, options, at: now, record: &record)
      }
      guard options.segments.first == "topic", options.segments.count > 1 else {
        throw Refusal(
          code: .notFound,
          note: "only /auth, /topic and /pull exist, and /auth/register/device over DTLS"
        )
      }
      record.kind = .report
      if let failure = fail(options, record: &record) { return failure }
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
    try checkSize(payload)
    let format = try options.payloadFormat(isOpaque: false)
    guard format == .json || configuration.assumptions.takesCBORAuthentication else {
      throw Refusal(code: .unsupportedContentFormat, note: "/auth is not taken in CBOR")
    }
    let check = try AuthenticationCheck(
      payload: payload,
      format,
      configuration.assumptions,
      &record.leniencies
    )
    // Device guide 3.6: the fields of the DTLS mode are those of the other but for seq, which the symmetric mode
    // has in its example and not in its table.
    // Unverified (`seq-dtls` and `missing-seq` of `Assumption`): what the wrong one gets.
    let isSecure = configuration.protection == .dtls
    if isSecure, check.hasSequence, let code = configuration.assumptions.sequenceOverDTLS {
      throw Refusal(code: code, note: "the field seq belongs to the symmetric mode")
    }
    if !isSecure, !check.hasSequence, let code = configuration.assumptions.missingSequence {
      throw Refusal(code: code, note: "the field seq is missing")
    }
    let fields = try check.run(
      devices: devices,
      names: configuration.deviceNames,
      configuration.assumptions,
      &record.leniencies
    )
    record.device = fields.device.path
    try checkEnabled(fields.device.path)
    if registered[fields.device.path] != nil { registered[fields.device.path] = true }
    let session = try makeSession(fields, at: now)
    keep(session)
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
    if answerFormat == .cbor || configuration.assumptions.namesAuthenticationFormat {
      response.contentFormat = answerFormat
    }
    return response
  }

  private mutating func report(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: false, &record.leniencies)
    guard options.topicLength <= 128 else {
      throw Refusal(code: configuration.assumptions.longTopic, note: "the topic has over 128 bytes")
    }
    let session = try session(of: options, at: now, record: &record)
    try checkTopic(options, of: session.device, record: &record)
    let method = configuration.reply == nil ? AlinkMethod(topic: options.segments[1...]) : nil
    var format = PlatformValue.Format.json
    // Unverified (`report-format` of `Assumption`): that the option is not checked (device guide 3.5).
    if let method {
      format = try options.payloadFormat(
        isOpaque: method.isOpaque,
        isChecked: configuration.assumptions.checksReportFormat
      )
    }
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
      if ["sys", "ota", "ext", "shadow"].contains(options.segments[1]) {
        record.note = "the guide has no such topic: taken, and nothing done"
      }
      response = PlatformResponse(code: .content)
    }
    nameMessage(&response)
    response.isSeparate = session.answersSeparately
    // Unverified (`report` of `Assumption`): 2.05, not 2.04, for a report that is taken.
    if response.code == .content { response.code = configuration.assumptions.report }
    countRequest(of: session)
    return response
  }

  /// Unverified (`message-id` and `message-id-dtls` of `Assumption`): whether the answer has option 2090 in the
  /// DTLS mode, of which the guide does not say it.
  private mutating func nameMessage(_ response: inout PlatformResponse) {
    let assumptions = configuration.assumptions
    guard configuration.protection == .symmetric || assumptions.namesMessagesOverDTLS,
      assumptions.messageID != .none
    else { return }
    nextPlatformMessageID += 1
    response.platformMessageID = nextPlatformMessageID
    response.writesMessageIDInDigits = assumptions.messageID == .digits
  }

  /// Carries out what a report asks for; the Alink reply is the response's payload.
  ///
  /// Unverified (`reply-format` of `Assumption`): that the response names the reply's format, which is that of Accept or of the request.
  private mutating func answer(
    _ method: AlinkMethod,
    _ payload: [UInt8],
    _ format: PlatformValue.Format,
    _ options: RequestOptions,
    _ session: PlatformSession,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    if let code = configuration.assumptions.brokenPayload, !method.isOpaque,
      PlatformValue(payload, format) == nil
    {
      throw Refusal(code: code, note: "the payload is not a value of its Content-Format")
    }
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

  /// The plain payload of a request whose number is good.
  func open(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    _ session: PlatformSession,
    record: inout RequestRecord
  ) throws(Refusal) -> [UInt8] {
    if configuration.protection == .dtls {
      // Device guide 3.6: its token alone, and the payload as it is.
      // Unverified (`option-2089-dtls` of `Assumption`): that it is an unknown critical option then.
      if options.sequence != nil, let code = configuration.assumptions.sequenceOptionOverDTLS {
        var refusal = Refusal(code: code, note: "option 2089 belongs to the symmetric mode")
        refusal.isAboutOption = code == .badOption
        throw refusal
      }
      let payload = Self.bytes(of: message.payload)
      record.payload = payload
      try checkSize(payload)
      return payload
    }
    let undecryptable = configuration.assumptions.undecryptable
    guard let sealed = options.sequence, let text = session.decrypt(sealed.span),
      let sequence = UInt64(String(decoding: text, as: UTF8.self)),
      text.elementsEqual(String(sequence).utf8)
    else {
      throw Refusal(code: undecryptable, note: "option 2089 is no encrypted decimal number")
    }
    record.sequence = sequence
    // The request for a further block has no payload.
    let isFurther = (options.block?.number ?? 0) > 0 && message.payload.isEmpty
    guard let payload = isFurther ? [] : session.decrypt(message.payload) else {
      throw Refusal(
        code: undecryptable,
        note: "the payload does not decrypt with the session's key"
      )
    }
    record.payload = payload
    try checkSize(payload)
    // Unverified (`used-sequence` of `Assumption`): the code for a number that is too low or was used before.
    let used = configuration.assumptions.usedSequence
    guard sequence >= session.sequenceOffset else {
      throw Refusal(code: used, note: "seq is not above \(session.sequenceOffset)")
    }
    if sequence == session.sequenceOffset, configuration.sequenceRule == .greater {
      try record.leniencies.need(
        .offsetAsSequence,
        "seq is seqOffset, \(session.sequenceOffset), and not above it"
      ) { Refusal(code: used, note: $0) }
    }
    guard session.use(sequence) else {
      throw Refusal(code: used, note: "seq was used before in this session")
    }
    return payload
  }

  func checkSize(_ payload: [UInt8]) throws(Refusal) {
    guard payload.count <= configuration.payloadLimit else {
      throw Refusal(
        code: configuration.assumptions.longPayload,
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
