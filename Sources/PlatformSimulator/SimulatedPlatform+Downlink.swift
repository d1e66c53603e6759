internal import CoAPMessage
internal import ConstrainedCore

/// `POST /pull`, by which a device gets what waits for it (protocol facts 2.1, the platform's C SDK v4).
extension SimulatedPlatform {
  /// The first messages of the queue, at most as many as `pageSize` says and as fit one message, and one
  /// in any case; they leave the queue.
  ///
  /// Unverified (`pull`, `pull-answer` and `pull-nothing` of `Assumption`): the answer's form, an array of
  /// objects with `topic` and `payload`, and empty when nothing waits.
  mutating func pull(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    guard configuration.assumptions.servesPull else {
      throw Refusal(code: .notFound, note: "there is no /pull")
    }
    try options.check(message, needsContentFormat: false, &record.leniencies)
    let session = try session(of: options, at: now, record: &record)
    let format = try options.payloadFormat(
      isOpaque: false,
      isChecked: configuration.assumptions.checksReportFormat
    )
    let payload = try open(message, options, session, record: &record)
    if let next = try nextBlock(options, session, payload) { return next }
    guard let text = PlatformValue(payload, format)?["pageSize"]?.string, let limit = Int(text),
      (1...10).contains(limit), text == "\(limit)"
    else {
      throw Refusal(code: .badRequest, note: "pageSize is no text of a number from 1 to 10")
    }
    let path = session.device.path
    let answerFormat = options.answerFormat(format)
    let waiting = things.states[path]?.downlink ?? []
    var elements: [PlatformValue] = []
    var bytes = envelope([]).encoded(answerFormat)
    for message in waiting.prefix(limit) {
      elements.append(["topic": .text(message.topic), "payload": message.payload])
      let longer = envelope(elements).encoded(answerFormat)
      // Room for the padding of the symmetric mode.
      if elements.count > 1, longer.count >= 1_024 {
        elements.removeLast()
        break
      }
      bytes = longer
    }
    things.states[path]?.downlink.removeFirst(elements.count)
    record.note = "\(elements.count) of \(waiting.count) messages"
    if waiting.isEmpty, configuration.assumptions.emptiesPull { bytes = [] }
    var response = try seal(bytes, answerFormat, options, session)
    countRequest(of: session)
    response.isSeparate = session.answersSeparately
    return response
  }

  private func envelope(_ elements: [PlatformValue]) -> PlatformValue {
    configuration.assumptions.wrapsPull
      ? ["code": 200, "data": .array(elements)] : .array(elements)
  }
}
