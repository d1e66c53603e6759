// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8949 Section 5.6: keys that a map has twice")
struct RepeatedKeyTests {
  /// The first and the next position of a repeated key; empty if all keys differ.
  private func repeated(_ text: String) throws -> [Range<Int>] {
    let bytes = hex(text)
    let reader = CBORReader(bytes.span)
    guard let key = try reader.repeatedKey() else { return [] }
    return [key.first.range, key.second.range]
  }

  @Test(arguments: [
    // {"a": 1, "a": 2}
    ("a2 6161 01 6161 02", [2..<3, 5..<6]),
    // {"ab": 1, (_ "a", "", "b"): 2}
    ("a2 626162 01 7f 6161 60 6162 ff 02", [2..<4, 6..<11]),
    // {(_ ): 1, "": 2}
    ("a2 7f ff 01 60 02", [2..<2, 5..<5]),
    // A length of two bytes and a tag.
    ("a2 6161 01 c1 780161 02", [2..<3, 7..<8]),
    // {_ "x": {"a": [{}], "b": 1.5, "a": h''}}
    ("bf 6178 a3 6161 81a0 6162 f93e00 6161 40 ff", [5..<6, 14..<15]),
  ])
  func `the first key that comes again is found`(text: String, expected: [Range<Int>]) throws {
    #expect(try repeated(text) == expected)
  }

  @Test(arguments: [
    "a0", "01", "a2 6161 01 6162 02", "a1 6161 a1 6161 a1 6161 01", "82 a1 6161 01 a1 6161 01",
    "a2 6161 6161 6162 82 6161 6161", "a2 7f 6161 ff 01 7f 6161 6161 ff 02",
  ])
  func `the same key in different maps is fine`(text: String) throws {
    #expect(try repeated(text) == [])
  }

  @Test func `the reader stays where it is, and fails where it would`() throws {
    let bytes = hex("a3 6161 01 6161 02 6162 1c")
    var reader = CBORReader(bytes.span)
    #expect(throws: CBORError.malformedHead(offset: 9)) { try reader.repeatedKey() }
    let token = try reader.nextToken()
    #expect(token == .beginObject)
  }

  @Test func `a text's bytes are counted without the heads of its chunks`() throws {
    let bytes = hex("83 62c3bc 7f 6161 60 62c3bc ff 60")
    var reader = CBORReader(bytes.span)
    _ = try reader.nextToken()
    for expected in [2, 3, 0] {
      let token = try reader.nextToken()
      guard case .text(let text)? = token else { return #expect(Bool(false)) }
      let count = reader.byteCount(of: text)
      #expect(count == expected)
    }
  }

  @Test func `each token's place is told, behind its tags`() throws {
    let bytes = hex("a1 6161 82 c1 1903e8 7f6162ff")
    var reader = CBORReader(bytes.span)
    var offsets: [Int] = []
    while try reader.nextToken() != nil { offsets.append(reader.tokenOffset) }
    #expect(offsets == [0, 1, 3, 5, 8, 12, 12])
  }
}
