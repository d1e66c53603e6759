// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// `POST /topic/…` (device guide 3.8).
extension WebFront {
  /// `path` is the topic without its first slash, percent-encoded where it needs to be.
  func report(
    _ request: WebRequest,
    _ path: Substring,
    at now: Instant,
    _ record: inout WebRecord
  ) throws(WebRefusal) -> WebAnswer {
    record.payload = request.body
    var topic: [String] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: false) {
      guard let text = PercentCoding.decode(segment) else {
        throw refusal(.malformed, "the topic is not percent-encoded UTF-8", record.kind)
      }
      topic.append(text)
    }
    let session = try session(request, at: now, &record)
    let length = topic.reduce(topic.count - 1) { $0 + $1.utf8.count }
    let answer = try ask(record.kind) { () throws(Refusal) in
      try core.checkTopicLength(length)
      try core.checkTopic(topic[...], of: session.device, &record.notes)
      return try core.execute(
        core.method(of: topic[...]),
        topic: topic[...],
        request.body,
        .json,
        of: session,
        &record.notes
      )
    }
    // Nothing of it goes back: over HTTPS a device only reports (3.8).
    if case .reply = answer, record.note.isEmpty { record.note = "no reply goes back over HTTPS" }
    core.countRequest(of: session)
    let messageID = core.makeMessageID()
    record.messageID = messageID
    let value: PayloadValue = [
      "code": 0, "message": "success", "info": ["messageId": PayloadValue(messageID)],
    ]
    guard assumptions.hasTrailingComma else { return self.answer(value) }
    var answered = WebAnswer(200)
    let text = #"{"code":0,"message":"success","info":{"messageId":\#(messageID),}}"#
    answered.body = .bytes(Array(text.utf8))
    return answered
  }

  /// The session of the header `password`.
  private func session(
    _ request: WebRequest,
    at now: Instant,
    _ record: inout WebRecord
  ) throws(WebRefusal) -> PlatformSession {
    let tokens = request.values("password")
    guard tokens.count < 2 else {
      throw refusal(.malformed, "the header has two fields password", record.kind)
    }
    guard let text = tokens.first, !text.isEmpty else {
      throw WebRefusal(code: 20_002, note: "the header has no field password")
    }
    let token = Array(text.utf8)
    do throws(Refusal) {
      return try core.session(token, at: now, for: .web, &record.notes)
    } catch {
      let isKnown = core.session(withToken: token)?.service == .web
      // Unverified (`https-ended-token` of `WebAssumption`): 20001 for a token that was valid once.
      if error.reason == .unknownToken, isKnown || record.notes.device != nil {
        throw WebRefusal(
          code: assumptions.endedToken,
          note: isKnown ? "the token has expired" : error.note
        )
      }
      throw refusal(error.reason, error.note, record.kind)
    }
  }
}
