internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// The objects that programs read: one a message, with exactly these members in this order.
enum JSONReport {
  /// The object of a message.
  static func message(_ message: Span<UInt8>) -> [UInt8] {
    do throws(MessageFormatError) {
      return valid(try MessageView(message))
    } catch {
      return invalid(error.description, offset: error.offset)
    }
  }

  /// The object of bytes that are not a CoAP message, and why.
  static func invalid(_ reason: String, offset: Int) -> [UInt8] {
    // Six bytes for each one in the reason is the worst that escaping does.
    write(capacity: 128 + 6 * reason.utf8.count) { json throws(CapacityError) in
      try json.beginObject()
      try json.key("valid")
      try json.boolean(false)
      try json.key("reason")
      try json.string(reason.utf8Span.span)
      try json.key("offset")
      try json.integer(Int64(offset))
      try json.endObject()
    }
  }

  private static func valid(_ view: MessageView) -> [UInt8] {
    // An option of one byte takes 11 bytes at most, `[65535,""],`, and 2 more for each further byte;
    // the bytes written anew take 2 each.
    var buffer = [UInt8](repeating: 0, count: 256 + 14 * view.count)
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try write(view, into: &json)
    } catch {
      preconditionFailure("the longest object fits its buffer")
    }
    let count = json.count
    return Array(buffer[..<count])
  }

  private static func write(
    _ view: MessageView,
    into json: inout JSONWriter
  ) throws(CapacityError) {
    try json.beginObject()
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
    try json.string(HexText.digits(token.span).span)
    try json.key("options")
    try json.beginArray()
    var iterator = view.options
    while let option = iterator.next() {
      try json.beginArray()
      try json.integer(Int64(option.number.rawValue))
      try json.string(HexText.digits(option.value).span)
      try json.endArray()
    }
    try json.endArray()
    try json.key("payload")
    try json.string(HexText.digits(view.payload).span)
    try json.key("reencoded")
    if let bytes = reencoded(view) {
      try json.string(HexText.digits(bytes.span).span)
    } else {
      try json.null()
    }
    try json.endObject()
  }

  /// The message as `MessageWriter` writes it from its parts; `nil` when that is longer than the
  /// message was, which its own bytes show to be wrong.
  private static func reencoded(_ view: MessageView) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: view.count)
    do throws(MessageWriterError) {
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: view.type,
        code: view.code,
        messageID: view.messageID,
        token: view.token
      )
      var iterator = view.options
      while let option = iterator.next() { try writer.option(option.number, option.value) }
      try writer.payload(view.payload)
      let count = writer.count
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
