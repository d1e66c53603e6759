// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("Tokens of one format written in another")
struct PayloadTokenTests {
  /// Rewrites JSON from its tokens, through a scratch buffer of `count` bytes.
  private func again(_ text: String, scratch count: Int) throws -> String {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    var buffer = [UInt8](repeating: 0xA5, count: 256)
    var scratch = [UInt8](repeating: 0xA5, count: count)
    var writer = JSONWriter(buffer.mutableSpan)
    while let token = try reader.nextToken() {
      try writer.write(token, from: reader, scratch: scratch.mutableSpan)
    }
    let written = writer.count
    return String(decoding: buffer[..<written], as: UTF8.self)
  }

  @Test func `every token of a text is written as it was`() throws {
    let text =
      #"{"a":[1,-2,1.5,true,false,null,"x\"é",{}],"b\\":{"c":[]},"d":18446744073709551615}"#
    #expect(try again(text, scratch: 8) == text)
    #expect(try again(#" { "é" : "\u0041" } "#, scratch: 8) == #"{"é":"A"}"#)
  }

  @Test func `a text or key that the scratch cannot take throws, nothing else does`() throws {
    #expect(try again(#"{"abcd":"efgh"}"#, scratch: 4) == #"{"abcd":"efgh"}"#)
    #expect(throws: CapacityError.self) { try again(#"{"abcde":1}"#, scratch: 4) }
    #expect(throws: CapacityError.self) { try again(#"["abcde"]"#, scratch: 4) }
    #expect(try again("[123456,null,true]", scratch: 0) == "[123456,null,true]")
  }

  @Test func `a byte string becomes null`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 8)
    var writer = JSONWriter(buffer.mutableSpan)
    let nothing: [UInt8] = []
    try writer.write(.bytes(0..<4), from: JSONReader(nothing.span), scratch: MutableSpan())
    let written = writer.count
    #expect(Array(buffer[..<written]) == Array("null".utf8))
  }

  @Test func `a number of JSON is the only token without a value of its own`() throws {
    #expect(PayloadToken(JSONToken.number(0..<1)) == nil)
    #expect(PayloadToken(JSONToken.boolean(true)) == .boolean(true))
    #expect(PayloadToken(JSONToken.null) == .null)
  }
}
