// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// `POST /topic/…` (device guide 3.6).
extension SimulatedPlatform {
  func report(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: false, &record.notes.leniencies)
    try ask { () throws(Refusal) in try core.checkTopicLength(options.topicLength) }
    let session = try session(of: options, at: now, record: &record)
    let topic = options.segments.dropFirst()
    try ask { () throws(Refusal) in
      try core.checkTopic(topic, of: session.platform.device, &record.notes)
    }
    let method = core.method(of: topic)
    var format = PayloadValue.Format.json
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
    } else {
      let answer = try ask { () throws(Refusal) in
        try core.execute(method, topic: topic, payload, format, of: session.platform, &record.notes)
      }
      response = try self.response(with: answer, format, options, session)
    }
    nameMessage(&response)
    response.isSeparate = session.state.answersSeparately
    // Unverified (`report` of `Assumption`): 2.05, not 2.04, for an accepted report.
    if response.code == .content { response.code = configuration.assumptions.report }
    core.countRequest(of: session.platform)
    return response
  }

  /// Unverified (`reply-format` of `Assumption`): that the response names the reply's format, which
  /// is that of Accept or of the request.
  private func response(
    with answer: ReportAnswer,
    _ format: PayloadValue.Format,
    _ options: RequestOptions,
    _ session: CoAPSession
  ) throws(CoAPRefusal) -> PlatformResponse {
    switch answer {
    case .taken: return PlatformResponse(code: .content)
    case .configured(let bytes): return try seal(bytes, nil, options, session)
    case .reply(let reply):
      let answerFormat = options.answerFormat(format)
      return try seal(reply.encoded(answerFormat), answerFormat, options, session)
    }
  }

  /// Unverified (`message-id` and `message-id-dtls` of `Assumption`): whether responses in the DTLS
  /// mode have option 2090, which the guide leaves open.
  private func nameMessage(_ response: inout PlatformResponse) {
    let assumptions = configuration.assumptions
    guard configuration.protection == .symmetric || assumptions.namesMessagesOverDTLS,
      assumptions.messageID != .none
    else { return }
    response.platformMessageID = core.makeMessageID()
    response.writesMessageIDInDigits = assumptions.messageID == .digits
  }

  /// The plaintext payload of a request whose sequence number is valid.
  func open(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    _ session: CoAPSession,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> [UInt8] {
    if configuration.protection == .dtls {
      // Device guide 3.6: only the token is needed, and the payload is plaintext.
      // Unverified (`option-2089-dtls` of `Assumption`): that it is then an unknown critical
      // option.
      if options.sequence != nil, let code = configuration.assumptions.sequenceOptionOverDTLS {
        var refusal = CoAPRefusal(code: code, note: "option 2089 belongs to the symmetric mode")
        refusal.isAboutOption = code == .badOption
        throw refusal
      }
      let payload = Self.bytes(of: message.payload)
      record.payload = payload
      try ask { () throws(Refusal) in try core.checkSize(payload) }
      return payload
    }
    let undecryptable = configuration.assumptions.undecryptable
    guard let sealed = options.sequence, let text = session.state.decrypt(sealed.span),
      let sequence = UInt64(String(decoding: text, as: UTF8.self)),
      text.elementsEqual(String(sequence).utf8)
    else {
      throw CoAPRefusal(code: undecryptable, note: "option 2089 is no encrypted decimal number")
    }
    record.sequence = sequence
    // A request for a further block has no payload.
    let isFurther = (options.block?.number ?? 0) > 0 && message.payload.isEmpty
    guard let payload = isFurther ? [] : session.state.decrypt(message.payload) else {
      throw CoAPRefusal(
        code: undecryptable,
        note: "the payload does not decrypt with the session's key"
      )
    }
    record.payload = payload
    try ask { () throws(Refusal) in
      try core.checkSize(payload)
      // Unverified (`used-sequence` of `Assumption`): the code for a number that is too low or was used before.
      try core.use(sequence, in: session.platform, &record.notes)
    }
    return payload
  }
}
