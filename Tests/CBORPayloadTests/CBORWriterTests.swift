// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8949: writing CBOR")
struct CBORWriterTests {
  private func written(
    isDeterministic: Bool = false,
    capacity: Int = 256,
    _ write: (inout CBORWriter) throws -> Void
  ) throws -> String {
    var buffer = [UInt8](repeating: 0xA5, count: capacity)
    var cbor = CBORWriter(buffer.mutableSpan, isDeterministic: isDeterministic)
    try write(&cbor)
    let count = cbor.count
    let bytes = Array(buffer[..<count])
    return hexText(bytes.span)
  }

  /// RFC 8949 Appendix A.
  @Test(
    arguments: [
      (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"),
      (1_000, "1903e8"), (1_000_000, "1a000f4240"), (1_000_000_000_000, "1b000000e8d4a51000"),
      (-1, "20"), (-10, "29"), (-100, "3863"), (-1_000, "3903e7"),
      (Int64.min, "3b7fffffffffffffff"), (Int64.max, "1b7fffffffffffffff"),
    ] as [(Int64, String)]
  )
  func `integers take the fewest bytes`(value: Int64, expected: String) throws {
    #expect(try written { try $0.integer(value) } == expected)
  }

  @Test func `an unsigned integer may have 64 bits`() throws {
    #expect(try written { try $0.unsigned(.max) } == "1bffffffffffffffff")
  }

  /// RFC 8949 Appendix A, and the edges of 16 bits.
  @Test(arguments: [
    (0.0, "f90000"), (-0.0, "f98000"), (1.0, "f93c00"), (1.1, "fb3ff199999999999a"),
    (1.5, "f93e00"), (65_504, "f97bff"), (100_000, "fa47c35000"),
    (3.402_823_466_385_288_6e+38, "fa7f7fffff"), (1.0e+300, "fb7e37e43c8800759c"),
    (5.960_464_477_539_063e-8, "f90001"), (0.000_061_035_156_25, "f90400"), (-4.0, "f9c400"),
    (-4.1, "fbc010666666666666"), (.infinity, "f6"), (.nan, "f6"), (65_505, "fa477fe100"),
    (0x1.ff8p-15, "f903ff"), (0x1p-25, "fa33000000"), (0x1.001p0, "fa3f800800"), (21.5, "f94d60"),
  ])
  func `a Double takes the fewest bytes that lose nothing`(
    value: Double,
    expected: String
  ) throws {
    #expect(try written { try $0.double(value) } == expected)
  }

  @Test(
    arguments: [
      (215, 1, "f94d60"), (2_150, 2, "f94d60"), (-5, 0, "24"), (1, 1, "fb3fb999999999999a"),
      (1_234_567, 3, "fb40934a449ba5e354"),
    ] as [(Int64, Int, String)]
  )
  func `a fixed-point number becomes the nearest Double`(
    value: Int64,
    digits: Int,
    expected: String
  ) throws {
    #expect(try written { try $0.decimal(value, fractionDigits: digits) } == expected)
  }

  @Test func `texts, literals and what lies in each other`() throws {
    #expect(try written { try $0.string("") } == "60")
    #expect(try written { try $0.string(Array("\u{FC}".utf8).span) } == "62c3bc")
    #expect(try written { try $0.boolean(false) } == "f4")
    #expect(try written { try $0.null() } == "f6")
    let nested = try written {
      try $0.beginObject()
      try $0.key("a")
      try $0.integer(1)
      try $0.key("b")
      try $0.beginArray()
      try $0.integer(2)
      try $0.integer(3)
      try $0.endArray()
      try $0.endObject()
    }
    #expect(nested == "a26161016162820203")
  }

  /// RFC 8949 Section 4.2.1: shorter text keys sort first, because of their first byte.
  @Test func `keys come in the order of their bytes where that is asked for`() throws {
    let ordered = try written(isDeterministic: true) {
      try $0.beginObject()
      try $0.key("aa")
      try $0.integer(1)
      try $0.key("z")
      try $0.beginObject()
      try $0.key("y")
      try $0.beginArray()
      try $0.string("long enough to be moved as a whole")
      try $0.endArray()
      try $0.key("b")
      try $0.null()
      try $0.endObject()
      try $0.key("")
      try $0.integer(2)
      try $0.key("a")
      try $0.double(1.1)
      try $0.endObject()
    }
    let text = hexText(Array("long enough to be moved as a whole".utf8).span)
    #expect(
      ordered
        == "a4" + "6002" + "6161fb3ff199999999999a" + "617aa2" + "6162f6" + "617981" + "7822" + text
        + "62616101"
    )
  }

  @Test func `without room nothing is written beyond it, and the writer says so`() throws {
    for capacity in 0..<28 {
      #expect(throws: CapacityError.self) {
        _ = try written(capacity: capacity) {
          try $0.beginObject()
          try $0.key("temperature")
          try $0.beginArray()
          try $0.double(1.1)
          try $0.integer(1_000_000)
          try $0.endArray()
          try $0.endObject()
        }
      }
    }
  }

  @Test func `32 levels are written, a deeper one is refused`() throws {
    #expect(
      try written {
        for _ in 0..<32 { try $0.beginArray() }
        try $0.null()
        for _ in 0..<32 { try $0.endArray() }
      } == String(repeating: "81", count: 32) + "f6"
    )
    #expect(throws: CapacityError.self) {
      _ = try written { for _ in 0..<33 { try $0.beginArray() } }
    }
  }

  @Test(arguments: [(0, "80"), (23, "97"), (24, "9818"), (255, "98ff"), (256, "990100")])
  func `the head grows with the count`(count: Int, head: String) throws {
    #expect(
      try written(capacity: 300) {
        try $0.beginArray()
        for _ in 0..<count { try $0.null() }
        try $0.endArray()
      } == head + String(repeating: "f6", count: count)
    )
  }

  @Test func `a member from elsewhere is counted and follows what is there`() throws {
    let member = hex("61 62 02")
    #expect(
      try written {
        try $0.beginObject()
        try $0.key("a")
        try $0.integer(1)
        try $0.member(member.span)
        try $0.endObject()
      } == "a2" + "616101" + "616202"
    )
  }
}
