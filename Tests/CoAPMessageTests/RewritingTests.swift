// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("RFC 7252 Section 3: a message written anew")
struct RewritingTests {
  /// CON POST /a with Content-Format 50, an elective option 2088 of 3 bytes, and a payload.
  private static let message = hex("42 02 12 34 aa bb b1 61 11 32 e3 07 0f 01 02 03 ff 68 69")

  private func rewritten(
    capacity: Int = 100,
    payload: [UInt8],
    _ body: (OptionView, inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xA5, count: capacity)
    let view = try MessageView(Self.message.span)
    let count = try view.write(into: buffer.mutableSpan, payload: payload.span, options: body)
    return Array(buffer[..<count])
  }

  @Test func `an option may get another value, or go, and the payload may be another`() throws {
    let other = try rewritten(payload: [1]) {
      (option: OptionView, writer: inout MessageWriter) throws(MessageWriterError) in
      switch option.number {
      case .contentFormat: break
      case .platformToken: try writer.option(option.number, [9].span)
      default: try writer.option(option.number, option.value)
      }
    }
    #expect(other == hex("42 02 12 34 aa bb b1 61 e1 07 10 09 ff 01"))
    let view = try MessageView(other.span)
    #expect(view.messageID == 0x1234)
    #expect(view.token.count == 2)
    #expect(try rewritten(payload: []) { _, _ in } == hex("42 02 12 34 aa bb"))
  }

  @Test func `as it was it is the same bytes`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: Self.message.count)
    let count = try MessageView(Self.message.span).write(into: buffer.mutableSpan)
    #expect(Array(buffer[..<count]) == Self.message)
  }

  @Test func `without room it throws`() throws {
    for capacity in 0..<Self.message.count {
      var buffer = [UInt8](repeating: 0xA5, count: capacity)
      #expect(throws: MessageWriterError.self) {
        _ = try MessageView(Self.message.span).write(into: buffer.mutableSpan)
      }
    }
  }
}

@Suite("Hexadecimal digits")
struct HexadecimalTextTests {
  @Test func `a byte is two digits in lower case, whatever it is`() {
    #expect(String(hexadecimal: [UInt8]().span).isEmpty)
    for byte in UInt8.min...UInt8.max {
      let expected = (byte < 16 ? "0" : "") + String(byte, radix: 16)
      #expect(String(hexadecimal: [byte].span) == expected)
      #expect([UInt8](hexadecimal: [0xAB, byte].span) == Array("ab\(expected)".utf8))
    }
  }
}
