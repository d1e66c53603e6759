// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import PayloadCoding
import TestSupport
import Testing

/// Reads a whole text and counts its tokens.
func read(_ text: [UInt8]) throws(JSONError) -> Int {
  var reader = JSONReader(text.span)
  var count = 0
  while try reader.next() != nil { count += 1 }
  return count
}

/// Reads a whole text through the call shared by JSON and CBOR, and counts its tokens.
func readShared(_ text: [UInt8]) throws(JSONError) -> Int {
  var reader = JSONReader(text.span)
  var count = 0
  while try reader.nextToken() != nil { count += 1 }
  return count
}

/// The parsing files of the JSON Parsing Test Suite; Tests/Vectors names their source.
let parsingSuite = URL(filePath: #filePath).deletingLastPathComponent()
  .appending(path: "../Vectors/json-parsing").standardizedFileURL

@Suite("RFC 8259: reading JSON")
struct JSONReaderTests {
  @Test func `the auth answer of the guide reads as its members`() throws {
    let text = Array(
      #"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}"#
        .utf8
    )
    var reader = JSONReader(text.span)
    #expect(try reader.next() == .beginObject)
    guard case .key(let key)? = try reader.next() else { return #expect(Bool(false)) }
    let matches = reader.string(key, equals: "random")
    #expect(matches)
    #expect(try reader.next() == .string(11..<27))
    _ = try reader.next()
    guard case .number(let number)? = try reader.next() else { return #expect(Bool(false)) }
    let value = reader.unsigned(number)
    #expect(value == 1)
  }

  @Test(arguments: [
    #""a\u0041\n\"\\\/""#, #""\ud83d\ude00""#, "\"\u{10FFFF}é\u{7FF}\u{800}\"",
  ])
  func `escapes are resolved as another parser resolves them`(text: String) throws {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    guard case .string(let range)? = try reader.next() else { return #expect(Bool(false)) }
    var buffer = [UInt8](repeating: 0xA5, count: 64)
    var writer = ByteWriter(buffer.mutableSpan)
    try reader.copyString(range, into: &writer)
    let count = writer.count
    let expected = try #require(
      JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) as? String
    )
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == expected)
  }

  @Test(arguments: [
    "", " ", "{", "[", "}", "]", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,1]",
    "{,}", "{1:2}", "01", "-", "1.", "1.e1", "1e", "+1", ".5", "tru", "nul", "trueX", "1 2",
    "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"",
    "\"a", "[1}", "{\"a\":1]", "'a'", "\u{FEFF}{}",
  ])
  func `what is not JSON is refused, and refused again`(text: String) {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    var first: JSONError?
    do throws(JSONError) { while try reader.next() != nil {} } catch { first = error }
    var second: JSONError?
    do throws(JSONError) { _ = try reader.next() } catch { second = error }
    #expect(first != nil)
    #expect(second == first)
  }

  @Test func `a number beyond the largest Double is refused by the shared call, and stays so`() {
    let text = Array("[1e400,2]".utf8)
    var reader = JSONReader(text.span)
    var errors: [JSONError] = []
    for _ in 0..<4 {
      do throws(JSONError) { _ = try reader.nextToken() } catch { errors.append(error) }
    }
    #expect(errors == [JSONError](repeating: .numberTooLarge(offset: 1), count: 3))
    // Its digits are still readable.
    #expect(throws: Never.self) { try read(text) }
  }

  @Test(arguments: [
    "22 80 22", "22 c0 80 22", "22 c1 bf 22", "22 e0 80 80 22", "22 ed a0 80 22",
    "22 f0 80 80 80 22", "22 f4 90 80 80 22", "22 f5 80 80 80 22", "22 c3 22", "22 e2 82 22",
  ])
  func `bytes that are not UTF-8 are refused`(text: String) {
    #expect(throws: JSONError.self) { try read(hex(text)) }
  }

  @Test func `32 levels are read and a 33rd is refused`() throws {
    let deepest = [UInt8](repeating: 0x5B, count: 32) + [UInt8](repeating: 0x5D, count: 32)
    #expect(try read(deepest) == 64)
    let tooDeep = [UInt8](repeating: 0x5B, count: 33) + [UInt8](repeating: 0x5D, count: 33)
    #expect(throws: JSONError.tooDeep(offset: 32)) { try read(tooDeep) }
  }

  @Test func `skip passes over one whole value`() throws {
    let text = Array(#"{"a":{"b":[1,{"c":2}]},"d":3}"#.utf8)
    var reader = JSONReader(text.span)
    _ = try reader.next()
    _ = try reader.next()
    let value = try #require(try reader.next())
    try reader.skip(value)
    guard case .key(let key)? = try reader.next() else { return #expect(Bool(false)) }
    let matches = reader.string(key, equals: "d")
    #expect(matches)
  }

  @Test func `the JSON parsing suite is judged as it says`() throws {
    var judged = 0
    var beyondDouble: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: parsingSuite.path) {
      guard name.hasSuffix(".json") else { continue }
      let bytes = [UInt8](try Data(contentsOf: parsingSuite.appending(path: name)))
      var tokens: Int?
      do throws(JSONError) { tokens = try read(bytes) } catch {}
      var shared: Int?
      do throws(JSONError) { shared = try readShared(bytes) } catch {}
      if name.hasPrefix("y_") {
        #expect(tokens != nil, "\(name)")
        #expect(shared == tokens, "\(name)")
      }
      if name.hasPrefix("n_") {
        #expect(tokens == nil, "\(name)")
        #expect(shared == nil, "\(name)")
      }
      if name.hasPrefix("i_"), shared != tokens { beyondDouble.insert(name) }
      judged += 1
    }
    #expect(judged == 318)
    // The shared call returns values; it rejects numbers beyond the largest Double, and nothing
    // else.
    #expect(
      beyondDouble == [
        "i_number_huge_exp.json", "i_number_neg_int_huge_exp.json",
        "i_number_pos_double_huge_exp.json", "i_number_real_neg_overflow.json",
        "i_number_real_pos_overflow.json",
      ]
    )
  }
}
