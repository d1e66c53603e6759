// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceClient
internal import PayloadCoding
internal import PayloadValues

/// The printed form of a message and its answer.
struct ListenLine {
  private let message: DeviceRequest
  private let answer: ListenAnswer?
  private let failure: DeviceRequestError?

  init(_ message: DeviceRequest, _ answer: ListenAnswer?, _ failure: DeviceRequestError?) {
    self.message = message
    self.answer = answer
    self.failure = failure
  }

  /// The line for people.
  var text: String {
    var parts = [message.kindName]
    if !message.service.isEmpty { parts.append(message.service) }
    if !message.id.isEmpty { parts.append("id \(message.id)") }
    parts.append(message.topic)
    var text = parts.joined(separator: ", ")
    text += message.payload.isEmpty ? "" : ": " + ReadableText.unlabelled(message.payload)
    guard message.needsReply else { return text }
    switch (answer, failure) {
    case (_, let failure?): return text + "; not answered: \(failure)"
    case (.code(let code, let data), nil):
      return text + "; answered \(code.rawValue)"
        + (data.isEmpty ? "" : " " + ReadableText.unlabelled(data))
    case (.bytes(let bytes), nil): return text + "; answered " + ReadableText.unlabelled(bytes)
    case (nil, nil): return text + "; not answered"
    }
  }

  /// Prints the object for programs, on one line.
  func printJSON() {
    var size = 4_096 + 8 * message.payload.count
    switch answer {
    case .code(_, let data): size += 6 * data.count
    case .bytes(let bytes): size += 6 * bytes.count
    case nil: break
    }
    var buffer = [UInt8](repeating: 0, count: size)
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
    try json.key("kind")
    try json.text(message.kindName)
    try json.key("topic")
    try json.text(message.topic)
    try json.key("id")
    try json.text(message.id.isEmpty ? nil : message.id)
    if !message.service.isEmpty {
      try json.key("service")
      try json.text(message.service)
    }
    try json.key("needsReply")
    try json.boolean(message.needsReply)
    try Self.write(message.payload, "payload", into: &json)
    if message.needsReply { try writeAnswer(into: &json) }
    try json.endObject()
  }

  private func writeAnswer(into json: inout JSONWriter) throws(CapacityError) {
    if let failure {
      try json.key("error")
      return try json.text("\(failure)")
    }
    switch answer {
    case .code(let code, let data):
      try json.key("code")
      try json.unsigned(code.rawValue)
      if !data.isEmpty {
        // It was checked to be an object.
        let member = Array("\"data\":".utf8) + ReplyLines.withoutSpace(data)
        try json.member(member.span)
      }
    case .bytes(let bytes): try Self.write(bytes, "answer", into: &json)
    case nil:
      try json.key("code")
      try json.null()
    }
  }

  /// Writes bytes as a text, or in hexadecimal digits where they are none that can be read.
  private static func write(
    _ bytes: [UInt8],
    _ name: String,
    into json: inout JSONWriter
  ) throws(CapacityError) {
    let text = ReadableText.isReadable(bytes.span) ? String(validating: bytes, as: UTF8.self) : nil
    let key = Array((text == nil ? name + "Hex" : name).utf8)
    try json.key(key.span)
    try json.text(text ?? String(hexadecimal: bytes.span))
  }
}
