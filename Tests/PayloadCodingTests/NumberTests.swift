// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8259 Section 6: numbers without loss")
struct NumberTests {
  private func text(_ value: Double) throws -> String {
    var buffer = [UInt8](repeating: 0xA5, count: 64)
    var json = JSONWriter(buffer.mutableSpan)
    try json.double(value)
    let count = json.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  private func double(_ text: String) throws -> Double? {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    guard case .number(let range)? = try reader.next() else { return nil }
    return reader.double(range)
  }

  @Test(
    arguments: [
      ("0", 0), ("-0", nil), ("0.0", 0), ("0e5", 0), ("200", 200), ("200.0", 200), ("2e2", 200),
      ("2E+2", 200),
      ("20000e-2", 200), ("2.005e3", 2_005), ("2.005e2", nil), ("0.5", nil), ("5e-1", nil),
      ("-1", nil),
      ("18446744073709551615", .max), ("18446744073709551616", nil),
      ("1.8446744073709551615e19", .max),
      ("1e19", 10_000_000_000_000_000_000), ("1e20", nil), ("0e9223372036854775807", 0),
      ("1e-9223372036854775808", nil), ("1e9223372036854775808", nil),
    ] as [(String, UInt64?)]
  )
  func `a whole number is one however it is written`(text: String, value: UInt64?) throws {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    guard case .number(let range)? = try reader.next() else {
      Issue.record("no number")
      return
    }
    #expect(reader.wholeNumber(range) == value)
  }

  /// In a process of its own, which a signal ends: without its check for overflow the loop has no end.
  @Test func `more zeros than a number has end at once`() async {
    await #expect(processExitsWith: .success) {
      alarm(30)
      for text in ["1e9223372036854775807", "1.50e-9223372036854775808"] {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span)
        guard case .number(let range)? = try reader.next() else { exit(1) }
        guard reader.wholeNumber(range) == nil else { exit(1) }
      }
    }
  }

  /// The digits without point, sign, exponent and trailing zeros.
  private func digits(_ text: String) -> String {
    let mantissa = text.prefix { $0 != "e" }.filter { $0.isNumber }
    let trimmed = mantissa.drop { $0 == "0" }
    return String(trimmed.reversed().drop { $0 == "0" }.reversed())
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (21.5, "21.5"), (0.1, "0.1"),
    (1e20, "100000000000000000000"), (1e21, "1e21"), (0.000001, "0.000001"), (1.5e-7, "1.5e-7"),
    (Double.leastNonzeroMagnitude, "5e-324"),
    (2.225_073_858_507_201_4e-308, "2.2250738585072014e-308"),
    (1.797_693_134_862_315_7e308, "1.7976931348623157e308"),
    (9_007_199_254_740_992, "9007199254740992"),
    (123_456_789_012_345_680, "123456789012345680"), (5e-6, "0.000005"), (.infinity, "null"),
    (.nan, "null"), (4.35, "4.35"), (2.5e-5, "0.000025"),
    (9.5367431640625e-7, "9.5367431640625e-7"),
  ])
  func `a Double is written in the fewest digits`(value: Double, expected: String) throws {
    #expect(try text(value) == expected)
  }

  /// One reference is the standard library's shortest digits, the other Foundation's parser.
  @Test func `20,000 Doubles of any bits are written shortest and read back`() throws {
    var random = SeededRandom(seed: 2_026)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let written = try text(value)
      #expect(digits(written) == digits("\(value)"), "\(value)")
      #expect(try double(written)?.bitPattern == value.bitPattern, "\(written)")
    }
  }

  @Test func `20,000 texts of any digits are read as another parser reads them`() throws {
    var random = SeededRandom(seed: 7)
    for _ in 0..<20_000 {
      let count = Int.random(in: 1...40, using: &random)
      let digits = (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
      let exponent = Int.random(in: -340...310, using: &random)
      let number = "\(Int.random(in: 1...9, using: &random)).\(digits)e\(exponent)"
      let expected = unsafe strtod(number, nil)
      let got = try double(number)
      #expect(got?.bitPattern == (expected.isFinite ? expected.bitPattern : nil), "\(number)")
    }
  }

  /// Halfway between two Doubles, and off by a last digit, after hundreds of digits.
  @Test(arguments: [
    "9007199254740993", "9007199254740993.0000000000000000000000000000000000001",
    "9007199254740992.9999999999999999999999999999999", "1e-400", "0e999999999", "-0.0e-5",
    "2.4703282292062327208e-324", "2.4703282292062328e-324", "4.9406564584124654e-324",
    "1.7976931348623158e308", "1.797693134862315807e308",
    "0.000000000000000000000000000000000000000000001e45", "100000000000000000000000000000e-29",
  ])
  func `midpoints and extremes are read as another parser reads them`(number: String) throws {
    let expected = unsafe strtod(number, nil)
    #expect(try double(number)?.bitPattern == (expected.isFinite ? expected.bitPattern : nil))
  }

  @Test func `more digits than can matter still count`() throws {
    let exact = "1" + String(repeating: "0", count: 800) + "1e-801"
    #expect(try double(exact) == 1)
    // 2^53 + 1, exactly between two Doubles, and slightly more, by a digit in the 900th place.
    let above = "9007199254740993." + String(repeating: "0", count: 900) + "1"
    #expect(try double(above) == 9_007_199_254_740_994)
  }

  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
      ("-1", -1), ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1.0", nil),
      ("1e2", nil), ("-", nil),
    ] as [(String, Int64?)]
  )
  func `integers are read whole or not at all`(text: String, expected: Int64?) throws {
    let bytes = Array(text.utf8)
    let reader = JSONReader(bytes.span)
    let value = reader.integer(0..<bytes.count)
    #expect(value == expected)
  }
}
