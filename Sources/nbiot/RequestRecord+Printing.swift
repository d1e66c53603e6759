// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import PlatformCore
internal import PlatformSimulator

extension RequestRecord {
  /// Prints the record on one line, followed by a line for each leniency that it needed.
  func print(as form: OutputArgument) {
    guard form == .json else {
      for line in [line] + toleratedLines { Console.print("\(Clock.timestamp()) \(line)") }
      return
    }
    printJSON { (json: inout JSONWriter) throws(CapacityError) in try write(into: &json) }
    for entry in tolerated {
      printJSON { (json: inout JSONWriter) throws(CapacityError) in
        try write(entry, into: &json)
      }
    }
  }

  private func printJSON(_ write: (inout JSONWriter) throws(CapacityError) -> Void) {
    var buffer = [UInt8](
      repeating: 0,
      count: 4_096 + 6
        * (payloadText.utf8.count + path.utf8.count + note.utf8.count
          + (method?.utf8.count ?? 0) + tolerated.reduce(0) { $0 + $1.note.utf8.count })
    )
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try write(&json)
    } catch {
      preconditionFailure("the longest record fits its buffer")
    }
    Console.print(json: json.written)
  }

  private func write(into json: inout JSONWriter) throws(CapacityError) {
    try json.beginObject()
    try json.key("time")
    try json.text(Clock.timestamp())
    try json.key("kind")
    try json.text(kind.rawValue)
    try json.key("peer")
    try json.text(peer)
    try json.key("device")
    try json.text(device)
    try json.key("request")
    try json.text(requestMethod.map { _ in requestMethodName })
    try json.key("path")
    try json.text(path)
    try json.key("seq")
    if let sequence { try json.unsigned(sequence) } else { try json.null() }
    try json.key("payload")
    try json.text(payloadText)
    try json.key("code")
    try json.text(code?.dotted)
    try json.key("messageID")
    try json.text(platformMessageID.map { "\($0)" })
    try json.key("method")
    try json.text(method)
    try json.key("replyCode")
    if let replyCode { try json.integer(Int64(replyCode.rawValue)) } else { try json.null() }
    try json.key("bytesUp")
    try json.integer(Int64(bytesUp))
    try json.key("bytesDown")
    try json.integer(Int64(bytesDown))
    try json.key("note")
    try json.text(note)
    try json.endObject()
  }

  private func write(
    _ entry: ToleratedForm,
    into json: inout JSONWriter
  ) throws(CapacityError) {
    try json.beginObject()
    try json.key("time")
    try json.text(Clock.timestamp())
    try json.key("kind")
    try json.text("leniency")
    try json.key("peer")
    try json.text(peer)
    try json.key("device")
    try json.text(device)
    try json.key("path")
    try json.text(path)
    try json.key("leniency")
    try json.text(entry.leniency.rawValue)
    try json.key("note")
    try json.text(entry.note)
    try json.endObject()
  }
}
