// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8259: writing JSON")
struct JSONWriterTests {
  func write(
    capacity: Int = 256,
    _ body: (inout JSONWriter) throws -> Void
  ) throws -> String {
    var buffer = [UInt8](repeating: 0xA5, count: capacity)
    var writer = JSONWriter(buffer.mutableSpan)
    try body(&writer)
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  @Test func `commas and colons stand where they belong`() throws {
    let text = try write {
      try $0.beginObject()
      try $0.key("a")
      try $0.beginArray()
      try $0.integer(-1)
      try $0.unsigned(.max)
      try $0.boolean(true)
      try $0.null()
      try $0.beginObject()
      try $0.endObject()
      try $0.endArray()
      try $0.key(Array("b\"".utf8).span)
      try $0.string("c")
      try $0.endObject()
    }
    #expect(text == #"{"a":[-1,18446744073709551615,true,null,{}],"b\"":"c"}"#)
  }

  @Test(arguments: [
    (2_150 as Int64, 2, "21.50"), (-5, 1, "-0.5"), (0, 3, "0.000"), (7, 0, "7"),
    (Int64.min, 0, "-9223372036854775808"), (Int64.min, 18, "-9.223372036854775808"),
  ])
  func `a fixed-point number keeps its digits`(
    value: Int64,
    digits: Int,
    expected: String
  ) throws {
    #expect(try write { try $0.decimal(value, fractionDigits: digits) } == expected)
  }

  @Test func `every character comes back from another parser`() throws {
    let text = String(String.UnicodeScalarView((0...0x2FF).compactMap(UnicodeScalar.init)))
    let json = try write(capacity: 4_096) { try $0.string(Array(text.utf8).span) }
    let back = try JSONSerialization.jsonObject(
      with: Data(json.utf8),
      options: .fragmentsAllowed
    )
    #expect(back as? String == text)
  }

  @Test func `what does not fit throws at every capacity`() throws {
    for capacity in 0..<15 {
      #expect(throws: CapacityError.self) {
        try write(capacity: capacity) {
          try $0.beginObject()
          try $0.key("value")
          try $0.decimal(-1234, fractionDigits: 2)
          try $0.endObject()
        }
      }
    }
  }
}
