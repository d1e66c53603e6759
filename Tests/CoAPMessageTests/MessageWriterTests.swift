// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("RFC 7252 Sections 3 and 6: writing messages and paths")
struct MessageWriterTests {
  func path(_ text: String) throws -> String {
    var buffer = [UInt8](repeating: 0xA5, count: 512)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: 1,
      token: Token()
    )
    try writer.path(Array(text.utf8).span)
    let count = writer.count
    let message = try MessageView(buffer.span.extracting(0..<count))
    var output = [UInt8](repeating: 0xA5, count: 512)
    var bytes = ByteWriter(output.mutableSpan)
    try message.writePath(into: &bytes)
    let length = bytes.count
    return String(decoding: output[..<length], as: UTF8.self)
  }

  @Test(arguments: [
    ("/a/b", "/a/b"), ("a/b", "/a/b"), ("/a/b/", "/a/b"), ("", "/"), ("/", "/"),
    ("/a//b", "/a//b"), ("/a b", "/a%20b"), ("/a?b", "/a%3Fb"), ("/é", "/%C3%A9"), ("/.a", "/.a"),
    ("/a.", "/a."), ("/...", "/..."),
    ("/topic/a1GFjLP3xxC/device/pub", "/topic/a1GFjLP3xxC/device/pub"),
  ])
  func `a path becomes Uri-Path options and comes back`(input: String, expected: String) throws {
    #expect(try path(input) == expected)
  }

  @Test(arguments: ["/.", "/..", "/a/../b", ".", "/a/.", "/./a"])
  func `a dot segment is refused`(input: String) {
    #expect(throws: MessageWriterError.dotSegment) { try path(input) }
  }

  @Test func `a slash within a segment is not taken for a separator`() throws {
    let bytes = hex("40 02 00 01 b3 61 2f 62")
    let message = try MessageView(bytes.span)
    var output = [UInt8](repeating: 0, count: 16)
    var writer = ByteWriter(output.mutableSpan)
    try message.writePath(into: &writer)
    let count = writer.count
    #expect(String(decoding: output[..<count], as: UTF8.self) == "/a%2Fb")
  }

  @Test(arguments: [
    (0 as UInt64, "40 02 00 01 c0"), (1, "40 02 00 01 c1 01"), (50, "40 02 00 01 c1 32"),
    (256, "40 02 00 01 c2 01 00"), (0xFFFF_FFFF, "40 02 00 01 c4 ff ff ff ff"),
    (UInt64.max, "40 02 00 01 c8 ff ff ff ff ff ff ff ff"),
  ])
  func `a number takes as few bytes as it needs`(value: UInt64, expected: String) throws {
    var buffer = [UInt8](repeating: 0xA5, count: 32)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: 1,
      token: Token()
    )
    try writer.option(.contentFormat, uint: value)
    let count = writer.count
    #expect(Array(buffer[..<count]) == hex(expected))
    let message = try MessageView(buffer.span.extracting(0..<count))
    #expect(message.first(.contentFormat)?.uintValue == value)
  }

  @Test func `a write that does not fit leaves the message as it was`() throws {
    var refused = 0
    for capacity in 4..<40 {
      var buffer = [UInt8](repeating: 0xA5, count: capacity)
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .post,
        messageID: 1,
        token: Token()
      )
      for step in 0..<4 {
        let before = writer.count
        do throws(MessageWriterError) {
          switch step {
          case 0: try writer.option(.uriPath, Array("topic".utf8).span)
          case 1: try writer.option(.platformToken, [UInt8](repeating: 7, count: 13).span)
          case 2: try writer.option(.platformMessageID, uint: 300)
          default: try writer.payload([1, 2, 3].span)
          }
          let after = writer.count
          #expect(after > before && after <= capacity)
        } catch {
          refused += 1
          let after = writer.count
          #expect(error == .capacity)
          #expect(after == before)
        }
      }
      let count = writer.count
      _ = try MessageView(buffer.span.extracting(0..<count))
    }
    #expect(refused > 36)
  }

  @Test func `a token has no more than 8 bytes`() {
    let bytes = [UInt8](repeating: 1, count: 16)
    for count in 9...16 {
      let token = Token(bytes.span.extracting(0..<count))
      #expect(token == nil)
    }
  }

  /// RFC 7252 Section 4.1: nothing follows the message ID.
  @Test func `an Empty message takes no token`() {
    #expect(throws: MessageWriterError.emptyMessageWithToken) {
      var buffer = [UInt8](repeating: 0xA5, count: 32)
      _ = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .empty,
        messageID: 1,
        token: Token(7)
      )
    }
  }

  @Test(arguments: [
    ("an option in an Empty message", "none in an Empty message"),
    ("a payload in one", "an Empty message has no payload"),
    ("descending options", "options are written in ascending order"),
  ])
  func `what no message may have is a mistake of the caller's`(
    mistake: String,
    words: String
  ) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [mistake = mistake as String] in
      var buffer = [UInt8](repeating: 0xA5, count: 32)
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: mistake == "descending options" ? .post : .empty,
        messageID: 1,
        token: Token()
      )
      switch mistake {
      case "an option in an Empty message": try writer.option(.observe, uint: 0)
      case "a payload in one": try writer.payload([1].span)
      default:
        try writer.option(.accept, uint: 0)
        try writer.option(.uriPath, [0x61].span)
      }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }

  @Test(arguments: 0...8)
  func `a token of any length comes back in its order`(length: Int) throws {
    let bytes = (0..<length).map { UInt8($0 + 1) }
    let made = Token(bytes.span)
    let token = try #require(made)
    for spare in 0...8 {
      var buffer = [UInt8](repeating: 0xA5, count: 4 + length + spare)
      let writer = try MessageWriter(
        buffer.mutableSpan,
        type: .nonConfirmable,
        code: .get,
        messageID: 0x1234,
        token: token
      )
      let count = writer.count
      #expect(Array(buffer[..<count]) == [0x50 | UInt8(length), 0x01, 0x12, 0x34] + bytes)
      let read = try MessageView(buffer.span.extracting(0..<count))
      #expect(read.token == token)
      #expect(read.tokenLength == length)
      #expect((0..<length).map { token[$0] } == bytes)
    }
    #expect(throws: MessageWriterError.capacity) {
      var buffer = [UInt8](repeating: 0xA5, count: 3 + length)
      _ = try MessageWriter(
        buffer.mutableSpan,
        type: .nonConfirmable,
        code: .get,
        messageID: 0x1234,
        token: token
      )
    }
  }

  /// Writes one option after a header of 4 bytes, into storage of the given size.
  func option(
    _ number: UInt16,
    _ value: [UInt8],
    isNumber: Bool,
    capacity: Int
  ) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xA5, count: capacity)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: 1,
      token: Token()
    )
    let number = OptionNumber(rawValue: number)
    do throws(MessageWriterError) {
      if isNumber {
        try writer.option(number, uint: value.reduce(0) { $0 << 8 | UInt64($1) })
      } else {
        try writer.option(number, value.span)
      }
    } catch {
      #expect(error == .capacity)
    }
    let count = writer.count
    return Array(buffer[4..<count])
  }

  @Test(arguments: [1, 12, 13, 268, 269, 65535] as [UInt16], [false, true])
  func `an option is written alike with much room and with just enough`(
    number: UInt16,
    isNumber: Bool
  ) throws {
    for length in isNumber ? Array(0...8) : Array(0...40) + [268, 269, 300] {
      let value = (0..<length).map { UInt8(truncatingIfNeeded: $0 + 1) }
      let ample = try option(number, value, isNumber: isNumber, capacity: 4 + length + 64)
      #expect(Array(ample.suffix(length)) == value)
      let message = try parts(of: hex("40 02 00 01") + ample)
      #expect(message.0 == [.init(number: number, value: value)])
      for spare in 0..<9 {
        let capacity = 4 + ample.count + spare
        let tight = try option(number, value, isNumber: isNumber, capacity: capacity)
        #expect(tight == ample)
      }
      for missing in 1...ample.count {
        let capacity = 4 + ample.count - missing
        #expect(try option(number, value, isNumber: isNumber, capacity: capacity).isEmpty)
      }
    }
  }

  @Test func `a value of 65,804 bytes is the longest that an option has`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 66_000)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: 1,
      token: Token()
    )
    let value = [UInt8](repeating: 7, count: 65_805)
    #expect(throws: MessageWriterError.capacity) { try writer.option(.uriPath, value.span) }
    try writer.option(.uriPath, value.span.extracting(0..<65_804))
    let count = writer.count
    #expect(count == 4 + 3 + 65_804)
    #expect(Array(buffer[..<8]) == hex("40 02 00 01 be ff ff 07"))
  }

  @Test func `the platform's options have the properties of their numbers`() {
    #expect(!OptionNumber.platformToken.isCritical)
    #expect(!OptionNumber.platformToken.isUnsafeToForward)
    #expect(OptionNumber.platformSequence.isCritical)
    #expect(!OptionNumber.platformSequence.isUnsafeToForward)
    #expect(!OptionNumber.platformMessageID.isCritical)
    #expect(OptionNumber.platformMessageID.isUnsafeToForward)
    #expect(OptionNumber.legacyPlatformToken.isCritical)
    #expect(OptionNumber.size1.isNoCacheKey)
  }

  @Test func `random messages come back as they were written`() throws {
    var random = SeededRandom(seed: 7_252)
    for _ in 0..<5_000 {
      var buffer = [UInt8](repeating: 0xA5, count: 2_048)
      let token = Token([UInt8](repeating: 9, count: Int.random(in: 0...8, using: &random)).span)
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .post,
        messageID: .random(in: 0...65535, using: &random),
        token: try #require(token)
      )
      var options: [Vector.Option] = []
      var number = 0
      for _ in 0..<Int.random(in: 0...9, using: &random) {
        number += Int.random(in: 0...(Bool.random(using: &random) ? 14 : 3_000), using: &random)
        guard number <= 65535 else { break }
        let length = Int.random(in: 0...(Bool.random(using: &random) ? 14 : 300), using: &random)
        let value = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        guard writer.count + length + 5 < 1_900 else { break }
        try writer.option(OptionNumber(rawValue: UInt16(number)), value.span)
        options.append(.init(number: UInt16(number), value: value))
      }
      let payload = (0..<Int.random(in: 0...64, using: &random)).map { UInt8($0) }
      try writer.payload(payload.span)
      let count = writer.count
      let read = try parts(of: Array(buffer[..<count]))
      #expect(read.0 == options)
      #expect(read.1 == payload)
    }
  }
}
