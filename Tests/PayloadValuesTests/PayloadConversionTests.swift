// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import PayloadCoding
import PayloadValues
import TestSupport
import Testing

@Suite("RFC 8949 Section 6: payloads from one format to the other")
struct PayloadConversionTests {
  static let texts = [
    "0", "-1", "18446744073709551615", "-9223372036854775808", "1.5", "1.1", "1e300", "true",
    "false", "null", #""""#, #""a\"\\\u0001é😀""#, "[]", "{}", #"[1,[2,{"a":[]}],"x"]"#,
    #"{"a":1,"b":{"c":[true,null]},"":""}"#,
  ]

  @Test(arguments: texts)
  func `JSON reads back from CBOR as it was`(text: String) throws {
    let cbor = try PayloadConversion.cbor(fromJSON: Array(text.utf8))
    #expect(PayloadValue(cbor, .cbor) == PayloadValue(Array(text.utf8), .json))
    let back = try #require(PayloadConversion.json(fromCBOR: cbor))
    #expect(PayloadValue(back, .json) == PayloadValue(Array(text.utf8), .json))
  }

  @Test func `every token has its form in CBOR`() throws {
    let cbor = try PayloadConversion.cbor(fromJSON: Array(#" { "a" : [ 1.5 , -1 ] } "#.utf8))
    // A map of one, "a", an array of two, the half 1.5, -1.
    #expect(cbor == hex("A1 61 61 82 F9 3E 00 20"))
  }

  @Test(arguments: ["", "{", "[1,]", "1e999", "1 2"])
  func `what is no JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try PayloadConversion.cbor(fromJSON: Array(text.utf8)) }
  }

  @Test func `a byte string is shown as what it holds`() throws {
    func json(_ digits: String) throws -> String {
      String(decoding: try #require(PayloadConversion.json(fromCBOR: hex(digits))), as: UTF8.self)
    }
    // "hi", then bytes that are neither text nor CBOR.
    #expect(try json("42 68 69") == #""hi""#)
    #expect(try json("82 42 FF FF 01") == #"["0xffff",1]"#)
  }

  @Test func `a text in chunks becomes one, and a name is a name`() throws {
    let json = try #require(
      PayloadConversion.json(fromCBOR: hex("A1 7F 61 61 61 62 FF 7F 61 22 61 0A FF"))
    )
    #expect(String(decoding: json, as: UTF8.self) == #"{"ab":"\"\n"}"#)
  }

  @Test func `truncations are no value`() throws {
    let cbor = try PayloadConversion.cbor(fromJSON: Array(PayloadValueTests.text.utf8))
    for count in 0..<cbor.count {
      #expect(PayloadConversion.json(fromCBOR: Array(cbor[..<count])) == nil)
    }
  }

  @Test func `bytes of no known format are shown so that a line stays a line`() {
    #expect(ReadableText.unlabelled(Array("plain".utf8)) == "plain")
    #expect(ReadableText.unlabelled(hex("82 01 02")) == "[1, 2]")
    #expect(ReadableText.unlabelled(hex("FF 00")) == "0xff00")
    #expect(ReadableText.unlabelled([]) == "")
  }
}
