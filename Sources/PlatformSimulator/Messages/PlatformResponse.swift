internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues

/// An answer before it is a message.
struct PlatformResponse {
  var code: Code
  var payload: [UInt8] = []
  var platformMessageID: UInt64?
  /// Whether the message id is ASCII digits, not a number of 8 bytes.
  var writesMessageIDInDigits = false
  /// What the payload is, once it is decrypted.
  var contentFormat: PayloadValue.Format?
  /// Which block of a longer payload it is.
  var block: ReplyBlock?
  /// How long the answer holds, in seconds (RFC 7252 Section 5.10.5); of an error, when to try again.
  var maxAge: UInt32?
  /// Whether it is about a critical option: a non-confirmable request is then rejected, not answered.
  var isAboutOption = false
  /// Whether it goes in a message of its own; the configuration decides when `nil`.
  var isSeparate: Bool?

  init(code: Code, payload: [UInt8] = []) {
    self.code = code
    self.payload = payload
  }

  func encoded(_ type: MessageType, _ messageID: UInt16, _ token: Token) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: payload.count + 96)
    do throws(MessageWriterError) {
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: type,
        code: code,
        messageID: messageID,
        token: token
      )
      if let block { try writer.option(.eTag, block.tag.span) }
      if let contentFormat {
        try writer.option(.contentFormat, uint: UInt64(contentFormat.rawValue))
      }
      if let maxAge { try writer.option(.maxAge, uint: UInt64(maxAge)) }
      if let block {
        try writer.option(.block2, uint: UInt64(block.option.value))
        try writer.option(.size2, uint: UInt64(block.size))
      }
      // Unverified (`message-id` of `Assumption`): the bytes of option 2090.
      if let platformMessageID {
        if writesMessageIDInDigits {
          try writer.option(.platformMessageID, Array("\(platformMessageID)".utf8).span)
        } else {
          try writer.option(.platformMessageID, uint: platformMessageID)
        }
      }
      try writer.payload(payload.span)
      let count = writer.count
      return Array(buffer[..<count])
    } catch {
      preconditionFailure("96 bytes are room for a header and six options")
    }
  }
}
