// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformBroker
internal import PlatformCore

extension BrokerRecord {
  /// Prints the record on a line, and each leniency that it has needed on one of its own.
  func print(as form: OutputArgument) {
    guard form == .json else {
      for line in [line] + toleratedLines { Console.print("\(Clock.timestamp()) \(line)") }
      return
    }
    func text(_ value: String) -> PayloadValue { value.isEmpty ? .null : .text(value) }
    let value: PayloadValue = [
      "time": .text(Clock.timestamp()), "kind": .text("mqtt-\(kind.rawValue)"),
      "transport": transport.map { .text($0.rawValue) } ?? .null, "peer": text(peer),
      "device": device.map { .text($0) } ?? .null, "topic": text(topic),
      "qos": qos.map { .integer(Int64($0)) } ?? .null, "payload": .text(payloadText),
      "outcome": text(outcome), "method": method.map { .text($0) } ?? .null,
      "replyCode": replyCode.map { .integer(Int64($0.rawValue)) } ?? .null, "note": .text(note),
    ]
    Console.print(json: value.encoded(.json).span)
    for entry in tolerated {
      let value: PayloadValue = [
        "time": .text(Clock.timestamp()), "kind": "leniency", "peer": text(peer),
        "device": device.map { .text($0) } ?? .null, "path": text(topic),
        "leniency": .text(entry.leniency.rawValue), "note": .text(entry.note),
      ]
      Console.print(json: value.encoded(.json).span)
    }
  }
}
