// SPDX-License-Identifier: Apache-2.0
internal import Inspection
internal import PayloadValues
internal import PlatformWebServer

/// A device's page.
extension ConsoleFront {
  /// `/api/devices/PK/DN` and `/api/devices/PK/DN/messages/ID`; `-` for what belongs to no device.
  func device(_ path: String) -> ConsoleReaction {
    let parts = path.dropFirst("/api/devices/".count)
      .split(separator: "/", omittingEmptySubsequences: false).map {
        PercentCoding.decode($0) ?? ""
      }
    let isNone = parts.first == "-"
    let names = isNone ? 1 : 2
    let device = isNone ? "" : parts.prefix(2).joined(separator: "/")
    guard parts.count >= names, let index = isNone ? 0 : book.read({ $0.index(of: device) }) else {
      return .answer(ConsoleAnswer(404, "there is no such device"))
    }
    if parts.count == names + 2, parts[names] == "messages", let id = UInt64(parts[names + 1]) {
      return .answer(message(id, of: index))
    }
    guard parts.count == names else { return .answer(ConsoleAnswer(404, "not found")) }
    if isNone { return .answer(ConsoleAnswer(page(of: 0, [:]))) }
    let front = self
    return .ask([
      "do": "describe", "productKey": .text(parts[0]), "deviceName": .text(parts[1]),
    ]) { answer in ConsoleAnswer(front.page(of: index, answer)) }
  }

  /// All of the page but the messages' insides; `platform` is what the platform holds of the device.
  private func page(of index: Int, _ platform: PayloadValue) -> PayloadValue {
    let now = book.now
    return book.read { pages in
      let device = pages.devices[index]
      return [
        "now": .integer(now), "version": .integer(Int64(clamping: device.version)),
        "row": Self.row(index, pages), "missing": .integer(pages.missing(device, at: now)),
        "authentications": .integer(Int64(device.authentications)),
        "why": .array(Diagnosis(device, pages, platform, now).lines.map { .text($0) }),
        "series": .array(
          device.series.map { series in
            ["name": .text(series.name), "values": .array(series.values.map { .double($0) })]
          }
        ),
        "messages": .array(device.messages.reversed().map(Self.summary)), "platform": platform,
      ]
    }
  }

  private static func summary(_ message: BookMessage) -> PayloadValue {
    [
      "id": .integer(Int64(clamping: message.id)), "time": .integer(message.time),
      "transport": .text(message.transport), "kind": .text(message.kind),
      "title": .text(message.title), "seq": message.sequence.map { PayloadValue($0) } ?? .null,
      "outcome": .text(message.outcome), "good": .boolean(message.isGood),
      "up": .integer(Int64(message.bytesUp)), "down": .integer(Int64(message.bytesDown)),
      "note": .text(message.note),
    ]
  }

  /// A message opened: options, plain payload, response; tokens and signatures are masked.
  private func message(_ id: UInt64, of index: Int) -> ConsoleAnswer {
    guard let message = book.read({ $0.devices[index].messages.first { $0.id == id } }) else {
      return ConsoleAnswer(404, "the message is gone: only the last ones are kept")
    }
    var sections: [PayloadValue] = []
    func add(_ title: String, _ text: String) {
      // The inspector has no secret here, and says so in lines of their own; the plain payload is above.
      let lines = text.split(separator: "\n").filter {
        !$0.drop { $0 == " " }.hasPrefix("inside: ")
      }
      let trimmed = lines.joined(separator: "\n").drop { $0 == " " }
      sections.append(["title": .text(title), "text": .text(String(trimmed))])
    }
    if let sequence = message.sequence { add("Sequence number", "\(sequence)") }
    var inspector = MessageInspector()
    if !message.payload.isEmpty {
      add("Plain payload", MessageInspector.maskedText(ofPayload: message.payload.span))
    }
    if !message.request.isEmpty {
      add("Request on the wire", inspector.maskedText(message.request.span))
    }
    if !message.response.isEmpty {
      add("Response on the wire", inspector.maskedText(message.response.span))
    }
    return ConsoleAnswer([
      "id": .integer(Int64(clamping: id)), "sections": .array(sections),
      "messageID": message.messageID.map { .text("\($0)") } ?? .null,
      "up": .integer(Int64(message.bytesUp)), "down": .integer(Int64(message.bytesDown)),
    ])
  }
}
