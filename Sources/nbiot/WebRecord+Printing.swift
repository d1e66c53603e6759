// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformCore
internal import PlatformWebServer

extension WebRecord {
  /// Prints the record on a line, and each leniency that it has needed on one of its own.
  func print(as form: OutputArgument) {
    guard form == .json else {
      for line in [line] + toleratedLines { Console.print("\(Clock.timestamp()) \(line)") }
      return
    }
    func text(_ value: String?) -> PayloadValue { value.map { .text($0) } ?? .null }
    func number(_ value: Int?) -> PayloadValue { value.map { .integer(Int64($0)) } ?? .null }
    let value: PayloadValue = [
      "time": .text(Clock.timestamp()), "kind": .text("https-\(kind.rawValue)"),
      "transport": "https", "peer": .text(peer), "device": text(device),
      "request": text(method.isEmpty ? nil : method), "path": text(path.isEmpty ? nil : path),
      "payload": .text(payloadText), "status": number(status), "code": number(code),
      "messageID": text(messageID.map { "\($0)" }), "method": text(alinkMethod),
      "replyCode": number(replyCode?.rawValue), "note": .text(note),
    ]
    Console.print(json: value.encoded(.json).span)
    for entry in tolerated {
      let value: PayloadValue = [
        "time": .text(Clock.timestamp()), "kind": "leniency", "peer": .text(peer),
        "device": text(device), "path": .text(path), "leniency": .text(entry.leniency.rawValue),
        "note": .text(entry.note),
      ]
      Console.print(json: value.encoded(.json).span)
    }
  }
}
