// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import PayloadValues
internal import PlatformBroker
internal import PlatformCore
internal import PlatformSimulator
internal import PlatformWebServer

extension BookEvent {
  /// What a request over CoAP means.
  init(_ record: RequestRecord) {
    device = record.device ?? ""
    message.transport = "coap"
    message.kind = record.kind.rawValue
    message.title = "\(record.requestMethodName) \(record.path)"
    message.sequence = record.sequence
    message.messageID = record.platformMessageID
    message.request = record.request
    message.response = record.response
    message.payload = record.payload
    message.bytesUp = record.bytesUp
    message.bytesDown = record.bytesDown
    message.note = record.note
    message.outcome = record.code?.description ?? "nothing"
    message.isGood = record.code?.isSuccess ?? false
    if let reply = record.replyCode, reply.rawValue != 200 {
      message.outcome += ", \(reply.rawValue)"
      message.isGood = false
    }
    switch record.kind {
    case .duplicate:
      meaning = .again
      message.title = "again: \(message.title)"
      isRoundTrip = false
    case .association:
      message.title = "DTLS"
      message.outcome = ""
      message.isGood = true
      isRoundTrip = false
    case .malformed:
      meaning = .refusal
      message.title = "no CoAP message"
      isRoundTrip = false
    case _ where !message.isGood: meaning = .refusal
    case .report:
      meaning = .report
      readings = Self.readings(record.payload, record.isCBOR ? .cbor : .json)
    case .authentication: meaning = .authentication
    case .pull, .registration, .other: break
    }
    if device.isEmpty, record.kind == .authentication, let claim = Self.claim(record.request) {
      device = claim
      isClaimed = true
    }
  }

  /// What happened over MQTT; `nil` for what concerns no device.
  init?(_ record: BrokerRecord) {
    guard record.kind != .broker else { return nil }
    device = record.device ?? ""
    message.transport = record.transport?.rawValue ?? "mqtt"
    message.kind = record.kind.rawValue
    message.title = record.kind.rawValue.uppercased()
    if !record.topic.isEmpty { message.title += " " + record.topic }
    message.payload = record.payload
    message.bytesUp = record.kind == .deliver ? 0 : record.topic.utf8.count + record.payload.count
    message.bytesDown = record.kind == .deliver ? record.topic.utf8.count + record.payload.count : 0
    message.note = record.note
    message.outcome = record.outcome
    message.isGood =
      !record.outcome.hasPrefix("refused") && record.outcome != "closed"
      && (!record.outcome.hasPrefix("CONNACK") || record.outcome == "CONNACK 0")
    if let reply = record.replyCode, reply.rawValue != 200 {
      message.outcome += ", \(reply.rawValue)"
      message.isGood = false
    }
    switch record.kind {
    case .deliver:
      meaning = .down
      isRoundTrip = false
    case .disconnect, .close, .broker: isRoundTrip = false
    case _ where !message.isGood: meaning = .refusal
    case .publish:
      guard !record.topic.hasSuffix("_reply"), !record.topic.contains("/rrpc/response/") else {
        return
      }
      meaning = .report
      readings = Self.readings(record.payload, .json)
    case .connect: meaning = .authentication
    case .subscribe, .unsubscribe: break
    }
  }

  /// What a request over HTTPS means.
  init(_ record: WebRecord) {
    device = record.device ?? ""
    message.transport = "https"
    message.kind = record.kind.rawValue
    message.title = "\(record.method) \(record.path)"
    message.messageID = record.messageID
    message.payload = record.payload
    message.bytesUp = record.path.utf8.count + record.payload.count
    message.note = record.note
    message.outcome = record.status.map { "\($0)" } ?? ""
    if let code = record.code { message.outcome += " code \(code)" }
    message.isGood = record.status.map { $0 < 400 } ?? true
    if let code = record.code, code != 0, code != 200 { message.isGood = false }
    switch record.kind {
    case .close:
      message.title = "closed"
      isRoundTrip = false
    case _ where !message.isGood: meaning = .refusal
    case .report:
      meaning = .report
      readings = Self.readings(record.payload, .json)
    case .authentication, .connection: meaning = .authentication
    case .registration, .file, .other: break
    }
  }

  /// Whose credentials a refused `/auth` has.
  private static func claim(_ request: [UInt8]) -> String? {
    do throws(MessageFormatError) {
      let view = try MessageView(request.span)
      let payload = view.payload.indices.map { view.payload[$0] }
      guard let form = PayloadValue(payload, .json) ?? PayloadValue(payload, .cbor),
        let product = form["productKey"]?.string, let name = form["deviceName"]?.string
      else { return nil }
      return "\(product)/\(name)"
    } catch {
      return nil
    }
  }

  /// The numbers in a report: properties of the guide's form, or the members of an object.
  static func readings(
    _ payload: [UInt8],
    _ format: PayloadValue.Format
  ) -> [(name: String, value: Double)] {
    guard payload.count <= longestRead, let value = PayloadValue(payload, format) else {
      return []
    }
    if let number = value.number { return [("value", number)] }
    let members = value["params"]?.members ?? value.members ?? []
    let isEnvelope = value["params"] != nil
    return members.compactMap { member in
      guard isEnvelope || !envelope.contains(member.name), member.name.utf8.count <= 64 else {
        return nil
      }
      return number(member.value["value"] ?? member.value).map { (shown(member.name), $0) }
    }
  }

  /// A name without characters that control a terminal or turn the text after them round.
  private static func shown(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  private static func number(_ value: PayloadValue) -> Double? {
    if case .boolean(let flag) = value { return flag ? 1 : 0 }
    return value.number
  }

  private static let longestRead = 16_384
  private static let envelope: Set<String> = ["id", "version", "time", "timestamp", "seq"]
}
