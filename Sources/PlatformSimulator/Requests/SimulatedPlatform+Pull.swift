// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// `POST /pull`, with which a device fetches waiting messages (protocol facts 2.1, the platform's C
/// SDK v4).
extension SimulatedPlatform {
  /// Removes messages from the front of the queue and returns them: at least one, at most
  /// `pageSize`, and only as many as fit into a message.
  ///
  /// Unverified (`pull`, `pull-answer` and `pull-nothing` of `Assumption`): the answer's format, an
  /// array of objects with `topic` and `payload`, which is empty if no messages are waiting.
  func pull(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> PlatformResponse {
    guard configuration.assumptions.servesPull else {
      throw CoAPRefusal(code: .notFound, note: "there is no /pull")
    }
    try options.check(message, needsContentFormat: false, &record.notes.leniencies)
    let session = try session(of: options, at: now, record: &record)
    let format = try options.payloadFormat(
      isOpaque: false,
      isChecked: configuration.assumptions.checksReportFormat
    )
    let payload = try open(message, options, session, record: &record)
    if let next = try nextBlock(options, session, payload) { return next }
    guard let text = PayloadValue(payload, format)?["pageSize"]?.string, let limit = Int(text),
      (1...10).contains(limit), text == "\(limit)"
    else {
      throw CoAPRefusal(
        code: .badRequest,
        note: "pageSize is no text of a number from 1 to 10"
      )
    }
    let device = session.platform.device
    let answerFormat = options.answerFormat(format)
    let waiting = core.things.downlink(of: device)
    var elements: [PayloadValue] = []
    var bytes = envelope([]).encoded(answerFormat)
    for message in waiting.prefix(limit) {
      elements.append(["topic": .text(message.topic), "payload": message.payload])
      let longer = envelope(elements).encoded(answerFormat)
      // Leave room for the padding of the symmetric mode.
      if elements.count > 1, longer.count >= 1_024 {
        elements.removeLast()
        break
      }
      bytes = longer
    }
    core.things.dropDownlink(elements.count, of: device)
    record.note = "\(elements.count) of \(waiting.count) messages"
    if waiting.isEmpty, configuration.assumptions.emptiesPull { bytes = [] }
    var response = try seal(bytes, answerFormat, options, session)
    core.countRequest(of: session.platform)
    response.isSeparate = session.state.answersSeparately
    return response
  }

  private func envelope(_ elements: [PayloadValue]) -> PayloadValue {
    configuration.assumptions.wrapsPull
      ? ["code": 200, "data": .array(elements)] : .array(elements)
  }
}
