// SPDX-License-Identifier: Apache-2.0
import PayloadValues
import TestSupport
import Testing

@Suite("RFC 8259 and 8949: values of requests and replies")
struct PayloadValueTests {
  /// The value of a JSON text; `nil` if it is invalid.
  private func json(_ text: String) -> PayloadValue? { PayloadValue(Array(text.utf8), .json) }

  static let text =
    #"{"a":[1,-2,1.5,true,false,null,"x\"é"],"b":{"c":{}},"d":9223372036854775807,"e":""}"#

  @Test(arguments: [PayloadValue.Format.json, .cbor])
  func `a value reads back as it was written`(format: PayloadValue.Format) throws {
    let value = try #require(json(Self.text))
    #expect(PayloadValue(value.encoded(format), format) == value)
    #expect(value["a"]?.elements?.count == 7)
    #expect(value["b"]?["c"] == [:])
    #expect(value["none"] == nil)
    #expect(value["d"]?.integer == .max)
    #expect(value["a"]?.elements?[2].number == 1.5)
    #expect(value["a"]?.elements?[0].number == 1)
    let isSame = String(decoding: value.encoded(.json), as: UTF8.self) == Self.text
    #expect(isSame)
  }

  @Test(arguments: ["", "{", "[1", #"{"a":1,"a":2}"#, "{} {}", "1e999", "\"\u{1}\""])
  func `what is no value, or names a member twice, is refused`(text: String) {
    #expect(json(text) == nil)
  }

  @Test func `byte strings and keys that are no text are refused`() {
    #expect(PayloadValue([0x41, 0x00], .cbor) == nil)
    #expect(PayloadValue([0xA1, 0x01, 0x01], .cbor) == nil)
    #expect(PayloadValue([0xA2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02], .cbor) == nil)
    #expect(PayloadValue([0xF9, 0x7C, 0x00], .cbor) == nil)
    // A text in two chunks.
    #expect(PayloadValue([0x7F, 0x61, 0x61, 0x61, 0x62, 0xFF], .cbor) == "ab")
  }

  @Test func `truncations and altered bits are no trap`() throws {
    let value = try #require(json(Self.text))
    for format in [PayloadValue.Format.json, .cbor] {
      let bytes = value.encoded(format)
      for count in 0..<bytes.count {
        #expect(PayloadValue(Array(bytes[..<count]), format) == nil)
      }
      for bit in 0..<bytes.count * 8 {
        var altered = bytes
        altered[bit / 8] ^= 1 << UInt8(bit % 8)
        guard let read = PayloadValue(altered, format) else { continue }
        #expect(PayloadValue(read.encoded(.cbor), .cbor) != nil)
      }
    }
  }

  @Test func `depth is bounded`() {
    let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
    #expect(json(deep) == nil)
    var value = PayloadValue.null
    for _ in 0..<100 { value = .array([value]) }
    #expect(!value.encoded(.cbor).isEmpty)
  }
}
