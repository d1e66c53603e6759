// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// Messages that other CoAP libraries accepted or misread.
@Suite("Where other codecs fail")
struct CodecPeerFailureTests {
  /// Four of ten peers add deltas in 16 bits: 65547 becomes 11, a Uri-Path.
  @Test(arguments: [
    // 65000, then 547 more.
    ("40 01 00 01 e0 fc db e1 01 16 61", 7), ("40 01 00 01 e1 ff ff 61", 4),
    // 65535 is the highest valid number.
    ("40 01 00 01 e0 fe f2 10", 7),
  ])
  func `an option number above 65535 is refused and not read in 16 bits`(
    message: String,
    offset: Int
  ) {
    #expect(throws: MessageFormatError.optionNumberOverflow(offset: offset)) {
      _ = try MessageView(hex(message).span)
    }
  }

  @Test func `the option number 65535 is read`() throws {
    let bytes = hex("40 01 00 01 e0 fe f2")
    let message = try MessageView(bytes.span)
    var options = message.options
    let number = options.next()?.number.rawValue
    #expect(number == 65_535)
  }

  @Test func `a payload marker without payload is refused`() {
    #expect(throws: MessageFormatError.payloadMarkerWithoutPayload(offset: 4)) {
      _ = try MessageView(hex("40 01 00 01 ff").span)
    }
  }

  @Test(arguments: [0 as UInt8, 2, 3])
  func `a version other than 1 is refused`(version: UInt8) {
    #expect(throws: MessageFormatError.unknownVersion(version)) {
      _ = try MessageView([version << 6, 1, 0, 1].span)
    }
  }

  @Test func `an Empty message with token or bytes is refused`() {
    #expect(throws: MessageFormatError.emptyMessageWithToken) {
      _ = try MessageView(hex("41 00 00 01 aa").span)
    }
    #expect(throws: MessageFormatError.emptyMessageWithData) {
      _ = try MessageView(hex("40 00 00 01 ff 01").span)
    }
  }

  @Test(arguments: 9...15 as ClosedRange<UInt8>)
  func `a token length of 9 to 15 is refused`(length: UInt8) {
    let bytes = [0x40 | length, 1, 0, 1] + [UInt8](repeating: 0, count: 16)
    #expect(throws: MessageFormatError.reservedTokenLength(length)) {
      _ = try MessageView(bytes.span)
    }
  }

  /// One peer reads past its buffer, another crashes on a quarter of the vectors.
  @Test func `an option that ends past the message is refused`() {
    for (text, error) in [
      ("40 01 00 01 b4 74 65", MessageFormatError.truncatedOptionValue(offset: 4)),
      ("40 01 00 01 bd", .truncatedOptionLength(offset: 4)),
      ("40 01 00 01 be 01", .truncatedOptionLength(offset: 4)),
      ("40 01 00 01 d1", .truncatedOptionDelta(offset: 4)),
    ] {
      #expect(throws: error) { _ = try MessageView(hex(text).span) }
    }
  }

  /// RFC 7252 Section 5.4.3: the option is unrecognised; it is not a format error.
  @Test func `a value of wrong length is no format error and treated as unrecognised`() throws {
    let port = hex("40 01 00 01 74 01 02 03 04")
    let critical = try MessageView(port.span)
    #expect(critical.unrecognizedCriticalOption == .uriPort)
    let age = hex("60 45 00 01 d5 01 01 02 03 04 05")
    let elective = try MessageView(age.span)
    #expect(elective.unrecognizedCriticalOption == nil)
    #expect(elective.uint(.maxAge) == nil)
    let format = hex("60 45 00 01 c3 00 00 32 ff 31")
    let untold = try MessageView(format.span)
    #expect(untold.contentFormat == nil)
  }

  /// RFC 7252 Section 3.2 requires a recipient to accept them.
  @Test func `leading zero bytes do not change a number`() throws {
    // Max-Age 60 in 4 bytes, and block 1 of 64 bytes in 3.
    let bytes = hex("60 45 00 01 d4 01 00 00 00 3c 93 00 00 12")
    let message = try MessageView(bytes.span)
    #expect(message.uint(.maxAge) == 60)
    #expect(message.block(.block2)?.offset == 64)
    #expect(message.block(.block2)?.size.bytes == 64)
    #expect(message.unrecognizedCriticalOption == nil)
    // Longer than a UInt64.
    let long = hex("60 45 00 01 d9 0f 00 00 00 00 00 00 00 00 07")
    let view = try MessageView(long.span)
    #expect(view.first(.size2)?.uintValue == 7)
  }

  /// One peer's SDK sends option 2089 as 4137.
  @Test func `options 2088 and 2089 are written with their own numbers`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 32)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: 1,
      token: Token()
    )
    try writer.option(.platformToken, [0x61].span)
    try writer.option(.platformSequence, [0x62].span)
    let count = writer.count
    #expect(Array(buffer[..<count]) == hex("40 02 00 01 e1 07 1b 61 11 62"))
  }
}
