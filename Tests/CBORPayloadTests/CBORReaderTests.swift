// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import Foundation
import PayloadCoding
import TestSupport
import Testing

/// Copies a reader's tokens to a writer.
func transcribe<Reader: PayloadReader & ~Escapable, Writer: PayloadWriter & ~Copyable & ~Escapable>(
  _ reader: inout Reader,
  of capacity: Int,
  into writer: inout Writer
) throws {
  var scratch = [UInt8](repeating: 0xA5, count: capacity)
  while let token = try reader.nextToken() {
    if case .bytes = token { throw OutOfModel() }
    try writer.write(token, from: reader, scratch: scratch.mutableSpan)
  }
}

/// A token that no writer supports.
struct OutOfModel: Error {}

@Suite("RFC 8949: reading CBOR")
struct CBORReaderTests {
  /// Converts an item to JSON.
  private func json(_ bytes: [UInt8]) throws -> String {
    var reader = CBORReader(bytes.span)
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = JSONWriter(buffer.mutableSpan)
    try transcribe(&reader, of: bytes.count, into: &writer)
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// Reads an item and writes it again as CBOR.
  private func cbor(_ bytes: [UInt8]) throws -> [UInt8] {
    var reader = CBORReader(bytes.span)
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = CBORWriter(buffer.mutableSpan)
    try transcribe(&reader, of: bytes.count, into: &writer)
    let count = writer.count
    return Array(buffer[..<count])
  }

  private func error(_ text: String) -> CBORError? {
    let bytes = hex(text)
    do throws(CBORError) {
      var reader = CBORReader(bytes.span)
      while try reader.nextToken() != nil {}
      return nil
    } catch {
      return error
    }
  }

  /// Those forms of RFC 8949 Appendix A that a device encounters.
  @Test(arguments: [
    ("00", "0"), ("1bffffffffffffffff", "18446744073709551615"), ("3903e7", "-1000"),
    ("3b7fffffffffffffff", "-9223372036854775808"), ("f93e00", "1.5"), ("f97c00", "null"),
    ("fb3ff199999999999a", "1.1"), ("f4", "false"), ("f6", "null"), ("f7", "null"),
    ("c074323031332d30332d32315432303a30343a30305a", #""2013-03-21T20:04:00Z""#),
    ("d818616100", ""), ("62225c", #""\"\\""#), ("826161a161626163", #"["a",{"b":"c"}]"#),
    ("7f657374726561646d696e67ff", #""streaming""#), ("9fff", "[]"),
    ("9f018202039f0405ffff", "[1,[2,3],[4,5]]"), ("83018202039f0405ff", "[1,[2,3],[4,5]]"),
    ("bf61610161629f0203ffff", #"{"a":1,"b":[2,3]}"#), ("a0", "{}"), ("7fff", #""""#),
    ("bf6346756ef563416d7421ff", #"{"Fun":true,"Amt":-2}"#),
    ("a17f61616162ff01", #"{"ab":1}"#), ("c1fb41d452d9e20000", ""),
  ])
  func `items are read as the JSON that they mean`(text: String, expected: String) throws {
    guard !expected.isEmpty else { return #expect(error(text) != nil) }
    #expect(try json(hex(text)) == expected)
  }

  @Test(arguments: [
    ("", CBORError.truncated(offset: 0)), ("18", .truncated(offset: 0)),
    ("6161ff", .trailingBytes(offset: 2)), ("ff", .unexpectedBreak(offset: 0)),
    ("8201", .truncated(offset: 0)), ("81ff", .unexpectedBreak(offset: 1)),
    ("bf6161ff", .unexpectedBreak(offset: 3)),
    // A tag must enclose an item, and a break is not one.
    ("9fc1ff", .unexpectedBreak(offset: 2)), ("bfd6d820ff", .unexpectedBreak(offset: 4)),
    ("a10102", .keyIsNoText(offset: 1)),
    ("61ff", .invalidUTF8(offset: 0)), ("7f61c361bcff", .invalidUTF8(offset: 1)),
    ("7f01ff", .wrongChunk(offset: 1)), ("5f4101ff", .outOfModel(offset: 0)),
    ("3bffffffffffffffff", .outOfModel(offset: 0)), ("f0", .outOfModel(offset: 0)),
    ("9bffffffffffffffff", .truncated(offset: 0)), ("bb7fffffffffffffff", .truncated(offset: 0)),
    ("c0", .truncated(offset: 1)), ("1c", .malformedHead(offset: 0)),
  ])
  func `what is no item of the model is an error, and stays one`(
    text: String,
    expected: CBORError
  ) {
    #expect(error(text) == expected)
    let bytes = hex(text)
    var reader = CBORReader(bytes.span)
    while let token = try? reader.nextToken() { _ = token }
    var second: CBORError?
    do throws(CBORError) { _ = try reader.nextToken() } catch { second = error }
    #expect(second == expected)
  }

  @Test func `32 levels are read, a deeper one is refused`() throws {
    let deep = [UInt8](repeating: 0x81, count: 32) + [0xF6]
    #expect(
      try json(deep) == String(repeating: "[", count: 32) + "null"
        + String(repeating: "]", count: 32)
    )
    #expect(
      error(String(repeating: "81", count: 33) + "f6") == .tooDeep(offset: 32)
    )
    // Tags are skipped, however many there are.
    #expect(try json([UInt8](repeating: 0xC1, count: 1_000) + [0]) == "0")
  }

  @Test func `every truncation and every flipped bit is an item or an error`() {
    let item = hex("bf61610161629f0203fb3ff199999999999a7f6373747261ffff6163a1616462c3bcff")
    for count in 0..<item.count {
      let start = Array(item[..<count])
      let failure = error(hexText(start.span))
      #expect(failure != nil)
    }
    for bit in 0..<8 * item.count {
      var flipped = item
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      _ = error(hexText(flipped.span))
    }
  }

  /// The published examples; Tests/Vectors names their source.
  static let published: [(hex: String, isRoundTrip: Bool)] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Vectors/cbor-appendix-a.json").standardizedFileURL
    guard let data = try? Data(contentsOf: file) else { return [] }
    let items = (try? JSONSerialization.jsonObject(with: data)) as? [[String: Any]] ?? []
    return items.compactMap { item in
      (item["hex"] as? String).map { ($0, item["roundtrip"] as? Bool == true) }
    }
  }()

  @Test func `the published items are read, and written back identically where they can be`()
    throws
  {
    #expect(Self.published.count == 82)
    /// Without a token: byte strings in chunks, bignums, number keys and unassigned simple values.
    let outOfModel: Set<String> = [
      "c249010000000000000000", "c349010000000000000000", "3bffffffffffffffff", "f0", "f818",
      "f8ff",
      "4401020304", "40", "d74401020304", "d818456449455446", "5f42010243030405ff", "a201020304",
    ]
    /// Infinity, NaN and `undefined` become `null`; tags are removed.
    let changed: Set<String> = ["f97c00", "f97e00", "f9fc00", "f7"]
    var identical = 0
    for item in Self.published {
      let text = item.hex
      let bytes = hex(text)
      guard !outOfModel.contains(text) else { continue }
      #expect(error(text) == nil, "\(text)")
      let isTagged = bytes[0] >> 5 == 6
      guard item.isRoundTrip, !changed.contains(text), !isTagged else { continue }
      let again = try cbor(bytes)
      let written = hexText(again.span)
      #expect(written == text)
      identical += 1
    }
    print(
      "\(Self.published.count) published items, \(outOfModel.count) out of the model, \(identical) written back identically"
    )
  }
}
