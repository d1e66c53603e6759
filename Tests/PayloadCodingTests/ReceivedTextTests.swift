// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import Testing

@Suite("RFC 8259: texts that somebody else has written")
struct ReceivedTextTests {
  /// The number of tokens in a text, or the error.
  private func count(_ text: String, isReceived: Bool = true) -> Result<Int, JSONError> {
    let bytes = Array(text.utf8)
    do throws(JSONError) {
      var reader = isReceived ? JSONReader(received: bytes.span) : JSONReader(bytes.span)
      var count = 0
      while try reader.nextToken() != nil { count += 1 }
      return .success(count)
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [1, 31, 32, 33, 40, 64, 1_023, 1_024])
  func `arrays and objects lie within each other up to 1,024 deep`(depth: Int) {
    let arrays = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(count(arrays) == .success(2 * depth))
    let pair = #"[{"a":"#
    let mixed =
      String(repeating: pair, count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
    #expect(count(mixed) == .success(5 * (depth / 2) + 1))
    #expect((try? count(arrays, isReceived: false).get()) == (depth <= 32 ? 2 * depth : nil))
  }

  @Test func `one level more is too deep, and an end of the other kind is none`() {
    #expect(
      count(String(repeating: "[", count: 1_025)) == .failure(.tooDeep(offset: 1_024))
    )
    for depth in [1, 2, 32, 33, 64, 65, 1_024] {
      let open = String(repeating: "[", count: depth)
      #expect(count(open + "}") == .failure(.unexpectedByte(offset: depth)))
      // A closed level leaves no state for the next one.
      let again = String(repeating: "[", count: depth - 1) + #"{"a":[]},"#
      if depth > 1, depth < 1_024 {
        #expect(
          count(again + "[}") == .failure(.unexpectedByte(offset: again.utf8.count + 1))
        )
      }
    }
  }

  @Test(arguments: [
    (#""\ud800""#, "\u{FFFD}"), (#""\udc00""#, "\u{FFFD}"),
    (#""\ud800\ud800""#, "\u{FFFD}\u{FFFD}"),
    (#""\ud83d\ude00""#, "😀"), (#""a\ud800b""#, "a\u{FFFD}b"),
    (#""\udc00\ud800""#, "\u{FFFD}\u{FFFD}"),
    (#""\ud800\u0041""#, "\u{FFFD}A"), (#""\ud800\n""#, "\u{FFFD}\n"),
  ])
  func `half of a surrogate pair is U+FFFD`(text: String, expected: String) throws {
    let bytes = Array(text.utf8)
    var reader = JSONReader(received: bytes.span)
    let token = try reader.nextToken()
    guard case .text(let place)? = token else {
      Issue.record("\(text) is a text")
      return
    }
    var storage = [UInt8](repeating: 0xA5, count: 64)
    var writer = ByteWriter(storage.mutableSpan)
    try reader.copy(place, into: &writer)
    let length = writer.count
    #expect(String(decoding: storage[..<length], as: UTF8.self) == expected)
    let scalars = reader.scalarCount(of: place)
    #expect(scalars == expected.unicodeScalars.count)
    // Text to be sent must not contain one.
    #expect((try? count(text, isReceived: false).get()) == (expected == "😀" ? 1 : nil))
  }

  @Test(arguments: [
    ("1e400", Double.infinity), ("-1e400", -Double.infinity), ("2e2", 200), ("200.0", 200),
  ])
  func `a number beyond the largest Double is infinity`(text: String, expected: Double) throws {
    let bytes = Array(text.utf8)
    var reader = JSONReader(received: bytes.span)
    let token = try reader.nextToken()
    #expect(token == .double(expected))
    let end = try reader.nextToken()
    #expect(end == nil)
  }

  @Test(arguments: ["[1,]", #"{"a":1,}"#, "[,]", "[1,,2]", "{,}", "01", "1.", #""\x""#, "[1 2]"])
  func `what is no JSON stays none`(text: String) {
    #expect((try? count(text).get()) == nil)
  }
}
