// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8259 Section 4: names that an object has twice")
struct RepeatedKeyTests {
  /// The first and the next position of a repeated name in `text`; empty if all names differ.
  private func repeated(_ text: String) throws -> [Range<Int>] {
    let bytes = Array(text.utf8)
    let reader = JSONReader(bytes.span)
    guard let key = try reader.repeatedKey() else { return [] }
    return [key.first.range, key.second.range]
  }

  @Test(arguments: [
    (#"{"a":1,"a":2}"#, [2..<3, 8..<9]),
    // Escapes are resolved.
    (#"{"a":1,"\u0061":2}"#, [2..<3, 8..<14]), (#"{"\u00fc":1,"ü":2}"#, [2..<8, 13..<15]),
    (#"{"\ud83d\ude00":[],"😀":{}}"#, [2..<14, 20..<24]), (#"{"\/":0,"/":0}"#, [2..<4, 9..<10]),
    (#"{"":1,"":2}"#, [2..<2, 7..<7]),
    // Inside another object or array, and after values of every kind.
    (#"{"x":{"a":1,"b":[{}],"a":2}}"#, [7..<8, 22..<23]),
    (#"[1,[{"k":[{"k":1}],"l":"k","k":null}]]"#, [6..<7, 28..<29]),
    // The name that comes first is reported, not the one that is repeated first.
    (#"{"a":1,"b":2,"b":3,"a":4}"#, [2..<3, 20..<21]),
  ])
  func `the first name that comes again is found`(text: String, expected: [Range<Int>]) throws {
    #expect(try repeated(text) == expected)
  }

  @Test(arguments: [
    "{}", "1", #"{"a":1,"b":2}"#, #"{"a":1,"A":2}"#, #"{"a":1,"ab":2,"":3}"#,
    #"{"a":{"a":{"a":1}}}"#, #"[{"a":1},{"a":2}]"#, #"{"a":"a","b":["a","a"]}"#,
    #"{"x":{"a":1},"y":{"a":2}}"#, #"{"\u0000":1,"":2}"#,
  ])
  func `the same name in different objects is fine`(text: String) throws {
    #expect(try repeated(text) == [])
  }

  @Test func `the reader stays where it is, and fails where it would`() throws {
    let bytes = Array(#"{"a":{"b":1,"b":2},"c":3}"#.utf8)
    var reader = JSONReader(bytes.span)
    _ = try reader.nextToken()
    let found = try reader.repeatedKey()
    #expect(found != nil)
    let key = try reader.nextToken()
    guard case .key(let name)? = key else { return #expect(Bool(false)) }
    #expect(name.range == 2..<3)
    try reader.skipValue()
    let rest = try reader.repeatedKey()
    #expect(rest == nil)
    for text in [#"{"a":{"b":1,"b":2},"c":x}"#, #"{"b":1,"b":2,"#, #"{"b":1,"b":1e400}"#] {
      let bytes = Array(text.utf8)
      let reader = JSONReader(bytes.span)
      #expect(throws: JSONError.self) { try reader.repeatedKey() }
    }
  }

  @Test func `a name longer than any buffer is compared to its end`() throws {
    let name = String(repeating: "n", count: 1_000)
    #expect(try repeated("{\"\(name)\":1,\"\(name)m\":2}") == [])
    #expect(try repeated("{\"\(name)\":1,\"\(name)\":2}").count == 2)
  }

  @Test func `a text's bytes are counted as they are meant`() throws {
    let bytes = Array(#"["\u00fc","ü","","a\n\ud83d\ude00"]"#.utf8)
    var reader = JSONReader(bytes.span)
    _ = try reader.nextToken()
    for expected in [2, 2, 0, 6] {
      let token = try reader.nextToken()
      guard case .text(let text)? = token else { return #expect(Bool(false)) }
      let count = reader.byteCount(of: text)
      #expect(count == expected)
    }
  }

  @Test func `each token's place is told`() throws {
    let bytes = Array(#" {"a" : [ 1 ,-2.5], "b":"x" } "#.utf8)
    var reader = JSONReader(bytes.span)
    var offsets: [Int] = []
    while try reader.nextToken() != nil { offsets.append(reader.tokenOffset) }
    #expect(offsets == [1, 2, 8, 10, 13, 17, 20, 24, 28])
  }
}
