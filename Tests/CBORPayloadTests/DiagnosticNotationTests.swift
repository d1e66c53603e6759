// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import Foundation
import TestSupport
import Testing

/// The notation, written into a buffer pre-filled with 0xA5.
func notation(_ bytes: [UInt8], capacity: Int? = nil) throws(CBORError) -> String {
  var buffer = [UInt8](
    repeating: 0xA5,
    count: capacity ?? CBORDiagnosticNotation.maxCount(for: bytes.count)
  )
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CBORError) {
    try CBORDiagnosticNotation.write(bytes.span, into: &writer)
  } catch {
    #expect(writer.count == 0)
    throw error
  }
  let count = writer.count
  return String(decoding: buffer[..<count], as: UTF8.self)
}

@Suite("RFC 8949 Section 8: diagnostic notation")
struct DiagnosticNotationTests {
  static let items: [(String, String)] = [
    // Numbers, at each length of the head.
    ("00", "0"), ("17", "23"), ("18 18", "24"), ("19 03e8", "1000"), ("1a 000f4240", "1000000"),
    ("1b ffffffffffffffff", "18446744073709551615"),
    ("20", "-1"), ("38 63", "-100"), ("39 03e7", "-1000"), ("3a ffffffff", "-4294967296"),
    ("3b 7fffffffffffffff", "-9223372036854775808"),
    ("3b ffffffffffffffff", "-18446744073709551616"),
    // Floats of 16, 32 and 64 bits.
    ("f9 0000", "0.0"), ("f9 8000", "-0.0"), ("f9 3e00", "1.5"), ("f9 7bff", "65504.0"),
    ("f9 0001", "5.960464477539063e-08"), ("f9 7c00", "Infinity"), ("f9 7e00", "NaN"),
    ("f9 fc00", "-Infinity"), ("fa 47c35000", "100000.0"), ("fa ff800000", "-Infinity"),
    ("fb 3ff199999999999a", "1.1"), ("fb 7e37e43c8800759c", "1e+300"),
    // Simple values, including unassigned ones.
    ("f4", "false"), ("f5", "true"), ("f6", "null"), ("f7", "undefined"), ("e0", "simple(0)"),
    ("f3", "simple(19)"), ("f8 20", "simple(32)"), ("f8 ff", "simple(255)"),
    // Strings.
    ("40", "h''"), ("44 01020304", "h'01020304'"), ("60", #""""#), ("62 225c", #""\"\\""#),
    ("62 c3bc", "\"ü\""), ("64 f0908591", "\"𐅑\""),
    ("5f 42 0102 43 030405 ff", "(_ h'0102', h'030405')"), ("5f ff", "''_"), ("7f ff", #"""_"#),
    ("7f 62 6162 60 ff", #"(_ "ab", "")"#),
    // Characters that control a terminal: escape, C1's control sequence introducer, right-to-left
    // override.
    ("64 1b5b306d", #""\u001b[0m""#), ("62 c29b", #""\u009b""#), ("63 e280ae", #""\u202e""#),
    // Arrays, maps, and nested ones.
    ("80", "[]"), ("83 01 82 02 03 82 04 05", "[1, [2, 3], [4, 5]]"), ("9f ff", "[_ ]"),
    ("9f 01 82 02 03 9f 04 05 ff ff", "[_ 1, [2, 3], [_ 4, 5]]"), ("a0", "{}"), ("bf ff", "{_ }"),
    ("a2 6161 01 6162 82 02 03", #"{"a": 1, "b": [2, 3]}"#), ("a1 80 a0", "{[]: {}}"),
    ("bf 6161 01 01 bf ff ff", #"{_ "a": 1, 1: {_ }}"#),
    // Tags, including those that libcbor 0.8.0 rejects (6 to 20).
    ("c0 60", #"0("")"#), ("c6 00", "6(0)"), ("d4 00", "20(0)"), ("d8 18 40", "24(h'')"),
    ("c2 49 010000000000000000", "2(h'010000000000000000')"), ("c1 c1 80", "1(1([]))"),
    ("82 c1 1a 514b67b0 f6", "[1(1363896240), null]"),
  ]

  @Test(arguments: items)
  func `an item is written as Appendix A writes it`(hex: String, text: String) throws {
    #expect(try notation(TestSupport.hex(hex)) == text)
  }

  static let malformed: [(String, CBORError)] = [
    ("", .truncated(offset: 0)),
    ("18", .truncated(offset: 0)),
    ("1b 00000000000000", .truncated(offset: 0)),
    ("62 61", .truncated(offset: 0)),
    ("82 00", .truncated(offset: 0)),
    ("82 00 81", .truncated(offset: 2)),
    ("9f 00", .truncated(offset: 2)),
    ("c1", .truncated(offset: 0)),
    ("f8", .truncated(offset: 0)),
    // Lengths far beyond the bytes, which overflow when added or doubled.
    ("5b ffffffffffffffff 00", .truncated(offset: 0)),
    ("7b ffffffffffffffff 00", .truncated(offset: 0)),
    ("9b ffffffffffffffff 00", .truncated(offset: 0)),
    ("bb 8000000000000000 00 00", .truncated(offset: 0)),
    ("bb ffffffffffffffff 00 00", .truncated(offset: 0)),
    ("a2 00 00 00", .truncated(offset: 0)),
    // Additional information 28 to 30, and 31 for types without an indefinite length.
    ("1c", .malformedHead(offset: 0)), ("3d", .malformedHead(offset: 0)),
    ("1f", .malformedHead(offset: 0)), ("3f", .malformedHead(offset: 0)),
    ("df", .malformedHead(offset: 0)), ("81 fc", .malformedHead(offset: 1)),
    // Simple values below 32 in two bytes.
    ("f8 00", .malformedHead(offset: 0)), ("f8 1f", .malformedHead(offset: 0)),
    // Misplaced breaks.
    ("ff", .unexpectedBreak(offset: 0)), ("81 ff", .unexpectedBreak(offset: 1)),
    ("bf 00 ff", .unexpectedBreak(offset: 2)), ("c1 ff", .unexpectedBreak(offset: 1)),
    ("a1 00 ff", .unexpectedBreak(offset: 2)),
    // Chunks of another type, and chunks of indefinite length.
    ("5f 60 ff", .wrongChunk(offset: 1)), ("7f 40 ff", .wrongChunk(offset: 1)),
    ("5f 00 ff", .wrongChunk(offset: 1)), ("5f 5f ff ff", .wrongChunk(offset: 1)),
    ("7f 80 ff", .wrongChunk(offset: 1)), ("7f c1 60 ff", .wrongChunk(offset: 1)),
    ("61 ff", .invalidUTF8(offset: 0)), ("81 62 c328", .invalidUTF8(offset: 1)),
    ("00 00", .trailingBytes(offset: 1)), ("80 ff", .trailingBytes(offset: 1)),
  ]

  @Test(arguments: malformed)
  func `bytes that are no CBOR are refused, with the place`(hex: String, error: CBORError) {
    #expect(throws: error) { try notation(TestSupport.hex(hex)) }
    #expect(!error.description.isEmpty)
  }

  @Test func `64 levels are written, and the 65th is refused`() throws {
    let deepest = [UInt8](repeating: 0x81, count: 64) + [0x00]
    #expect(
      try notation(deepest) == String(repeating: "[", count: 64) + "0"
        + String(repeating: "]", count: 64)
    )
    for head: UInt8 in [0x81, 0xC1, 0x9F, 0x5F] {
      let tooDeep = [UInt8](repeating: 0x81, count: 64) + [head, 0x00]
      #expect(throws: CBORError.tooDeep(offset: 64)) { try notation(tooDeep) }
    }
    let hostile = [UInt8](repeating: 0x9F, count: 65_000)
    #expect(throws: CBORError.tooDeep(offset: 64)) { try notation(hostile) }
  }

  @Test func `too little room throws and writes nothing, and one byte more suffices`() throws {
    for (hex, text) in Self.items {
      let bytes = TestSupport.hex(hex)
      for capacity in 0..<text.utf8.count {
        #expect(throws: CBORError.capacity) { try notation(bytes, capacity: capacity) }
      }
      #expect(try notation(bytes, capacity: text.utf8.count) == text)
    }
  }

  @Test func `the stated room suffices for the widest items`() throws {
    // 1,000 times simple(16), and 1,000 private-use characters of 4 bytes.
    let simple = [0x99, 0x03, 0xE8] + [UInt8](repeating: 0xF0, count: 1_000)
    #expect(try notation(simple).utf8.count == 1_000 * 12)
    let scalars = repeatElement([0xF3, 0xB0, 0x80, 0x80] as [UInt8], count: 1_000)
    let text = [0x79, 0x0F, 0xA0] + Array(scalars.joined())
    #expect(try notation(text).utf8.count == 12_002)
  }

  @Test func `every truncation and every flipped bit throws or is written`() {
    for (hex, _) in Self.items {
      let bytes = TestSupport.hex(hex)
      for count in 0..<bytes.count {
        #expect(throws: CBORError.self) { try notation(Array(bytes[..<count])) }
      }
      for bit in 0..<8 * bytes.count {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        do throws(CBORError) {
          #expect(try !notation(flipped).isEmpty)
        } catch {
          #expect(error != .capacity)
        }
      }
    }
  }
}

/// RFC 8949 Appendix A as published by the CBOR working group; Tests/Vectors names the source.
private let published = URL(filePath: #filePath)
  .appending(path: "../../Vectors/cbor-appendix-a.json")
  .standardizedFileURL

@Suite("RFC 8949 Appendix A, the published file")
struct AppendixATests {
  @Test func `the notation says what the published file says`() throws {
    let list = try JSONSerialization.jsonObject(with: Data(contentsOf: published))
    let vectors = try #require(list as? [[String: Any]])
    #expect(vectors.count == 82)
    for vector in vectors {
      let hex = try #require(vector["hex"] as? String)
      if hex == "f818" {
        // simple(24) is RFC 7049's; RFC 8949 Section 3.3 calls these bytes not well-formed.
        #expect(throws: CBORError.malformedHead(offset: 0)) { try notation(TestSupport.hex(hex)) }
        continue
      }
      let text = try notation(TestSupport.hex(hex))
      if let diagnostic = vector["diagnostic"] as? String {
        #expect(text == diagnostic, "\(hex)")
        continue
      }
      // The file has bignums decoded and chunks joined; the notation shows the wire format.
      switch hex {
      case "c249010000000000000000", "c349010000000000000000":
        #expect(text == "\(hex.hasPrefix("c2") ? 2 : 3)(h'010000000000000000')")
        continue
      case "7f657374726561646d696e67ff":
        #expect(text == #"(_ "strea", "ming")"#)
        continue
      default: break
      }
      let json = text.replacing("[_ ", with: "[").replacing("{_ ", with: "{")
      let decoded = try #require(vector["decoded"])
      let shown = try JSONSerialization.jsonObject(with: Data("[\(json)]".utf8)) as? [Any]
      #expect(NSArray(array: try #require(shown)) == NSArray(array: [decoded]), "\(hex)")
    }
  }

  @Test func `unlabelled bytes are CBOR where they are one whole map or array`() throws {
    for (bytes, text) in [
      ("a1 6161 01", #"{"a": 1}"#), ("82 01 02", "[1, 2]"), ("bf ff", "{_ }"), ("a1 6161", nil),
      ("80 00", nil), ("01", nil), ("c2 41 01", nil), ("", nil),
    ] as [(String, String?)] {
      #expect(CBORDiagnosticNotation.text(ofUnlabelled: hex(bytes).span) == text)
    }
    #expect(try CBORDiagnosticNotation.text(of: hex("01").span) == "1")
    #expect(throws: CBORError.truncated(offset: 0)) {
      try CBORDiagnosticNotation.text(of: [UInt8]().span)
    }
  }
}
