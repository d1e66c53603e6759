// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues

/// A response before it is encoded as a message.
struct PlatformResponse {
  var code: Code
  var payload: [UInt8] = []
  var platformMessageID: UInt64?
  /// Whether the message id is in ASCII digits, instead of a number of 8 bytes.
  var writesMessageIDInDigits = false
  /// The format of the decrypted payload.
  var contentFormat: PayloadValue.Format?
  /// The block of a longer payload that it carries.
  var block: ReplyBlock?
  /// The Max-Age in seconds (RFC 7252 Section 5.10.5); for an error, the time until the next
  /// attempt.
  var maxAge: UInt32?
  /// Whether it refuses a critical option: a non-confirmable request is then rejected, not
  /// answered.
  var isAboutOption = false
  /// Whether it is a separate response; `nil` leaves that to the configuration.
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
      preconditionFailure("96 bytes hold a header and six options")
    }
  }
}
