// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

/// The JSON objects for programs: one per message, with exactly these members in this order.
enum JSONReport {
  /// The object for a message, its members after those in `members`, which describe the packet.
  static func message(
    _ view: MessageView,
    _ opened: OpenedMessage,
    after members: String
  ) -> [UInt8] {
    let meaning = meaning(of: view, opened)
    // An option of one byte takes at most 11 bytes, `[65535,""],`, plus 2 per further byte; each
    // reencoded byte takes 2.
    let capacity = 256 + 14 * view.count + members.utf8.count + meaning.utf8.count
    return write(capacity: capacity) { json throws(CapacityError) in
      try json.beginObject()
      try append(members, to: &json)
      try write(view, into: &json)
      try append(meaning, to: &json)
      try json.endObject()
    }
  }

  /// The object for bytes that are not a CoAP message, with the reason.
  static func invalid(_ reason: String, offset: Int, after members: String) -> [UInt8] {
    // In the worst case each byte of the reason becomes an escape of six bytes.
    let capacity = 128 + 6 * reason.utf8.count + members.utf8.count
    return write(capacity: capacity) { json throws(CapacityError) in
      try json.beginObject()
      try append(members, to: &json)
      try json.key("valid")
      try json.boolean(false)
      try json.key("reason")
      try json.string(reason.utf8Span.span)
      try json.key("offset")
      try json.integer(Int64(offset))
      try json.endObject()
    }
  }

  /// ASCII without quotation marks, backslashes and control characters as a JSON string, or `null`.
  static func string(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }

  private static func append(_ members: String, to json: inout JSONWriter) throws(CapacityError) {
    if !members.isEmpty { try json.member(members.utf8Span.span) }
  }

  /// The meaning of the parts, and the decrypted content, as members.
  private static func meaning(of view: MessageView, _ opened: OpenedMessage) -> String {
    var names: [String] = []
    var messageID: String?
    var iterator = view.options
    while let option = iterator.next() {
      names.append(string(option.number.name))
      if option.number == .platformMessageID { messageID = PlatformMessageID.text(option.value) }
    }
    var (plain, inside): (String?, String?)
    var (insideBytes, obstacle): (String?, Obstacle?)
    switch opened.payload {
    case .plain:
      if view.payload.count > 0 { plain = quoted(view.payload, view.contentFormat) }
    case .opened(let bytes):
      inside = quoted(bytes.span, view.contentFormat)
      insideBytes = String(hexadecimal: bytes.span)
    case .unopened(let reason, let isEncrypted):
      obstacle = reason
      if !isEncrypted { plain = quoted(view.payload, view.contentFormat) }
    }
    return [
      #""path":\#(string(MessageInspector.path(view)))"#,
      #""optionNames":[\#(names.joined(separator: ","))]"#,
      #""messageID2090":\#(string(messageID))"#,
      #""payloadText":\#(plain ?? "null")"#,
      #""seq":\#(opened.sequences.first.map { "\($0)" } ?? "null")"#,
      #""inside":\#(inside ?? "null")"#,
      #""insideBytes":\#(string(insideBytes))"#,
      #""notOpened":\#(string((obstacle ?? opened.obstacle)?.description))"#,
    ].joined(separator: ",")
  }

  /// The payload as a JSON string in one piece; `nil` if it is not text.
  private static func quoted(_ payload: Span<UInt8>, _ format: ContentFormat?) -> String? {
    PayloadLines.text(payload, format).flatMap { ReadableText.quoted($0.span) }
  }

  /// Writes the members of the message as received.
  private static func write(
    _ view: MessageView,
    into json: inout JSONWriter
  ) throws(CapacityError) {
    try json.key("valid")
    try json.boolean(true)
    try json.key("version")
    try json.integer(1)
    try json.key("type")
    try json.integer(Int64(view.type.rawValue))
    try json.key("code")
    try json.integer(Int64(view.code.rawValue))
    try json.key("messageID")
    try json.integer(Int64(view.messageID))
    try json.key("token")
    let token = (0..<view.token.count).map { view.token[$0] }
    try json.string([UInt8](hexadecimal: token.span).span)
    try json.key("options")
    try json.beginArray()
    var iterator = view.options
    while let option = iterator.next() {
      try json.beginArray()
      try json.integer(Int64(option.number.rawValue))
      try json.string([UInt8](hexadecimal: option.value).span)
      try json.endArray()
    }
    try json.endArray()
    try json.key("payload")
    try json.string([UInt8](hexadecimal: view.payload).span)
    try json.key("reencoded")
    if let bytes = reencoded(view) {
      try json.string([UInt8](hexadecimal: bytes.span).span)
    } else {
      try json.null()
    }
  }

  /// The message as `MessageWriter` encodes its parts; `nil` if that is longer than the received
  /// message, which is then shown by its own bytes to be wrong.
  private static func reencoded(_ view: MessageView) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: view.count)
    do throws(MessageWriterError) {
      let count = try view.write(into: buffer.mutableSpan)
      return Array(buffer[..<count])
    } catch {
      return nil
    }
  }

  private static func write(
    capacity: Int,
    _ body: (inout JSONWriter) throws(CapacityError) -> Void
  ) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: capacity)
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try body(&json)
    } catch {
      preconditionFailure("the longest object fits its buffer")
    }
    let count = json.count
    return Array(buffer[..<count])
  }
}
