// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import HTTPSLayer
internal import HTTPSLink
internal import MQTTLayer
internal import MQTTLink
internal import PayloadCoding
internal import Platform
internal import PlatformMQTT

/// The printed form of one report.
struct ResultLine {
  /// The outcome of a report, in the words of the JSON output.
  enum Outcome: String {
    /// The platform accepted it.
    case acknowledged
    /// The platform, or the peer, refused it.
    case rejected
    /// There was no answer.
    case timedOut
    /// What came back is not the platform's.
    case unreadable
    /// It was not sent.
    case refused
  }

  let number: Int
  let topic: String
  let outcome: Outcome
  var code: Code?
  var result: ReportResult?
  var answer: [UInt8] = []
  var milliseconds: Int64 = 0
  var advice: String?
  /// The platform's reason for its refusal; empty if there is none.
  var diagnostic = ""

  /// The number in a CONNACK that refuses the device; `nil` where there was none.
  var connack: UInt8?

  /// The platform's code over HTTPS, and the HTTP status beside it, where it refuses; `nil` where there was none.
  var httpsCode: UInt64?
  var httpStatus: UInt16?

  /// The state of the secure channel; `nil` in a mode without one.
  var channel: Channel?

  /// The secure channel of a report.
  enum Channel: String {
    /// The report used the existing channel.
    case kept
    /// The report needed a full handshake.
    case made
    /// The report resumed a session.
    case resumed
    /// There is no channel.
    case none

    init(before: DeviceCounters, after: DeviceCounters) {
      if after.handshakes == before.handshakes {
        self = after.handshakes == 0 ? .none : .kept
      } else {
        let resumptions = after.resumptions - before.resumptions
        self = resumptions == after.handshakes - before.handshakes ? .resumed : .made
      }
    }
  }

  var messageID: String? {
    guard let value = result?.messageID, !value.isEmpty else { return nil }
    return PlatformMessageID.text(value.bytes)
  }

  /// The text of the platform's reply; `nil` if there is none.
  var replyMessage: String?

  /// Which part of the answer is missing; `nil` if it is complete.
  private var lack: String? {
    switch result?.extent {
    case .cut: "cut"
    case .incomplete: "incomplete"
    case .unreadable: "unreadable"
    case .inBlocks where result?.gap != nil: "unreadable"
    case .whole, .inBlocks, nil: nil
    }
  }

  /// The line for people.
  var text: String {
    var parts = ["report \(number) \(outcome.rawValue)"]
    if let code { parts.append(code.description) }
    if let messageID { parts.append("id \(messageID)") }
    if let result {
      if let sequence = result.sequence { parts.append("seq \(sequence)") }
      parts.append("\(result.bytesUp) B up")
      parts.append("\(result.bytesDown) B down")
      parts.append("\(result.transmissions) sent")
    }
    if let channel, channel != .none { parts.append("DTLS session \(channel.rawValue)") }
    parts.append("\(milliseconds) ms")
    if let replyCode = result?.replyCode { parts.append("reply \(replyCode)") }
    if let lack { parts.append("answer \(lack)") }
    if !answer.isEmpty {
      parts.append(
        "answer " + (String(validating: answer, as: UTF8.self) ?? String(hexadecimal: answer.span))
      )
    }
    return parts.joined(separator: ", ") + (advice.map { ": " + $0 } ?? "")
  }

  /// Prints the object for programs, on one line.
  func printJSON() {
    // In the worst case each byte becomes an escape of six bytes; a reason appears twice.
    var buffer = [UInt8](repeating: 0, count: 4_096 + 12 * (answer.count + diagnostic.utf8.count))
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try write(into: &json)
    } catch {
      preconditionFailure("the longest line fits its buffer")
    }
    Console.print(json: json.written)
  }

  private func write(into json: inout JSONWriter) throws(CapacityError) {
    try json.beginObject()
    try json.key("report")
    try json.integer(Int64(number))
    try json.key("topic")
    try json.text(topic)
    try json.key("outcome")
    try json.text(outcome.rawValue)
    try json.key("code")
    try json.text(code?.dotted)
    try json.key("messageID")
    try json.text(messageID)
    try json.key("seq")
    if let sequence = result?.sequence { try json.unsigned(sequence) } else { try json.null() }
    try json.key("bytesUp")
    try json.integer(Int64(result?.bytesUp ?? 0))
    try json.key("bytesDown")
    try json.integer(Int64(result?.bytesDown ?? 0))
    try json.key("transmissions")
    try json.integer(Int64(result?.transmissions ?? 0))
    try json.key("milliseconds")
    try json.integer(milliseconds)
    if let channel {
      try json.key("session")
      try json.text(channel == .none ? nil : channel.rawValue)
    }
    if let connack {
      try json.key("connack")
      try json.integer(Int64(connack))
    }
    if let httpsCode {
      try json.key("httpsCode")
      try json.unsigned(httpsCode)
    }
    if let httpStatus {
      try json.key("httpStatus")
      try json.unsigned(UInt64(httpStatus))
    }
    if let replyCode = result?.replyCode {
      try json.key("replyCode")
      try json.unsigned(UInt64(replyCode))
      try json.key("replyMessage")
      try json.text(replyMessage)
    }
    if let lack {
      try json.key("answerExtent")
      try json.text(lack)
    }
    if !answer.isEmpty {
      if let text = String(validating: answer, as: UTF8.self) {
        try json.key("answer")
        try json.text(text)
      } else {
        try json.key("answerHex")
        try json.text(String(hexadecimal: answer.span))
      }
    }
    if !diagnostic.isEmpty {
      try json.key("diagnostic")
      try json.text(diagnostic)
    }
    if let advice {
      try json.key("error")
      try json.text(advice)
    }
    try json.endObject()
  }
}

extension ResultLine {
  /// The line for a report answered by the platform.
  init(_ number: Int, _ topic: String, _ receipt: Receipt) {
    let result = receipt.result
    let outcome: Outcome =
      switch result.outcome {
      case .acknowledged: .acknowledged
      case .timedOut, .interrupted, .unauthenticated(.timedOut): .timedOut
      case .unsealable, .sequenceExhausted: .refused
      case .handshake: result.transmissions == 0 ? .refused : .timedOut
      case .rejected, .reset, .unauthenticated: .rejected
      case .unreadable: .unreadable
      }
    self.init(
      number: number,
      topic: topic,
      outcome: outcome,
      code: result.code,
      result: result,
      answer: receipt.diagnostic.isEmpty ? receipt.answer : [],
      milliseconds: result.duration.count,
      advice: receipt.explanation,
      diagnostic: receipt.diagnostic
    )
    if !receipt.replyMessage.isEmpty { replyMessage = receipt.replyMessage }
  }

  /// The line for a report that was not sent, or not answered.
  init(_ number: Int, _ topic: String, _ error: DeviceClientError, milliseconds: Int64) {
    if case .undelivered(let receipt) = error {
      self.init(number, topic, receipt)
      return
    }
    switch error {
    case .interrupted(_, let receipt), .lost(_, let receipt), .unacknowledged(let receipt):
      self.init(number, topic, receipt)
      advice = error.explanation
      return
    case .httpsReport(let failure, let text, let receipt):
      self.init(number, topic, receipt)
      advice = error.explanation
      diagnostic = text
      httpsCode = failure.code
      httpStatus = failure.httpStatus
      return
    default: break
    }
    var code: Code?
    var outcome = Outcome.refused
    var diagnostic = ""
    if case .authentication(let failure, let reason) = error {
      diagnostic = reason
      switch failure {
      case .refused(let answered), .putOff(let answered, _): code = answered
      default: break
      }
      if failure == .timedOut { outcome = .timedOut }
    }
    if case .connection(.connection(let failure)) = error,
      failure == .timedOut || failure == .authentication(.transfer(.timedOut))
    {
      outcome = .timedOut
    }
    if case .httpsAuthentication(let failure, let text, _) = error {
      diagnostic = text
      if failure == .transfer(.timedOut) { outcome = .timedOut }
    }
    self.init(
      number: number,
      topic: topic,
      outcome: outcome,
      code: code,
      milliseconds: milliseconds,
      advice: error.explanation,
      diagnostic: diagnostic
    )
    switch error {
    case .connection(.refused(let code)), .resting(.refused(let code), _):
      connack = code.rawValue
    case .httpsAuthentication(let failure, _, _):
      httpsCode = failure.code
      httpStatus = failure.httpStatus
    case .connection(.connection(.authentication(.code(let code)))): httpsCode = UInt64(code)
    case .connection(.connection(.authentication(.status(let status)))): httpStatus = status
    default: break
    }
  }
}

extension JSONWriter {
  /// Writes a string, or `null`.
  mutating func text(_ value: String?) throws(CapacityError) {
    guard let value else { return try null() }
    try string(Array(value.utf8).span)
  }
}
