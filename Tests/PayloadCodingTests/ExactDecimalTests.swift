// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("RFC 8259 Section 6: numbers as decimals, without rounding")
struct ExactDecimalTests {
  private func decimal(_ text: String) -> ExactDecimal? {
    let bytes = Array(text.utf8)
    return ExactDecimal(bytes.span)
  }

  @Test(arguments: [
    "", "-", "+1", ".5", "1.", "1e", "1e+", "--1", "1e5x", "0x1", " 1", "1 ", "1,5", "NaN", "1e331",
    "1e-346", "1e99999999999999999999", "99999999999999999999", "1.8446744073709551616", "1_0",
  ])
  func `what is no number, or too long for one, is refused`(text: String) {
    #expect(decimal(text) == nil)
  }

  @Test(arguments: [
    ("1", "1.000", 0), ("100", "1e2", 0), ("0", "-0.0", 0), ("0", "0e99999", 0), ("007", "7", 0),
    ("0.1", "0.10000000000000000", 0), ("-1", "1", -1), ("-1", "-2", 1), ("1e-345", "0", 1),
    ("1e330", "9e329", 1), ("-1e330", "1e-345", -1), ("18446744073709551615", "1.8e19", 1),
    ("0.3", "0.30000000000000004", -1), ("123.456", "123.4560001", -1), ("1e2", "99.9999", 1),
    ("1000000000000000000000000000000", "1E+30", 0),
  ])
  func `numbers are compared`(left: String, right: String, order: Int) throws {
    let one = try #require(decimal(left))
    let other = try #require(decimal(right))
    #expect(one.compare(other) == order)
    #expect(other.compare(one) == -order)
  }

  @Test func `hundredths are compared and counted as whole numbers are`() throws {
    var random = SeededRandom(seed: 20_181_122)
    func text(_ value: Int) -> String {
      let digits = String(value.magnitude % 100)
      return (value < 0 ? "-" : "") + "\(value.magnitude / 100)."
        + String(repeating: "0", count: 2 - digits.count) + digits
    }
    for _ in 0..<2_000 {
      let value = Int.random(in: -50_000...50_000, using: &random)
      let origin = Int.random(in: -500...500, using: &random)
      let step = Int.random(in: 1...60, using: &random)
      let one = try #require(decimal(text(value)))
      let start = try #require(decimal(text(origin)))
      let width = try #require(decimal(text(step)))
      #expect(one.compare(start) == (value - origin).signum())
      #expect(one.isMultiple(of: width, from: start) == ((value - origin) % step == 0))
    }
  }

  @Test func `a binary number is the shortest decimal that reads back as it`() throws {
    var random = SeededRandom(seed: 8_259)
    for _ in 0..<500 {
      let value = Double(bitPattern: random.next())
      let single = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      guard value.isFinite, single.isFinite else { continue }
      let written = try #require(decimal("\(value)"))
      let exact = try #require(ExactDecimal(value))
      #expect(exact.compare(written) == 0, "\(value)")
      let shortWritten = try #require(decimal("\(single)"))
      let short = try #require(ExactDecimal(single))
      #expect(short.compare(shortWritten) == 0, "\(single)")
    }
    for value: Double in [
      0, -0.0, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 0.1,
    ] {
      let written = try #require(decimal("\(value)"))
      let exact = try #require(ExactDecimal(value))
      #expect(exact.compare(written) == 0, "\(value)")
    }
    let singles: [Float] = [
      0, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 21.3,
    ]
    for value in singles {
      let written = try #require(decimal("\(value)"))
      let exact = try #require(ExactDecimal(value))
      #expect(exact.compare(written) == 0, "\(value)")
    }
    #expect(ExactDecimal(Double.infinity) == nil)
    #expect(ExactDecimal(Float.nan) == nil)
  }

  @Test func `the farthest numbers have a rest, too`() throws {
    let large = try #require(decimal("1.7976931348623157e308"))
    let zero = try #require(decimal("0"))
    for (step, isMultiple) in [("1e-345", true), ("3e-345", false), ("1e308", false), ("0", true)] {
      let step = try #require(decimal(step))
      #expect(large.isMultiple(of: step, from: zero) == isMultiple)
    }
    let least = try #require(decimal("-18446744073709551615e-345"))
    let most = try #require(decimal("18446744073709551614e330"))
    let step = try #require(decimal("5e-345"))
    #expect(!most.isMultiple(of: step, from: try #require(decimal("1e-345"))))
    #expect(least.isMultiple(of: step, from: zero))
    #expect(least.isMultiple(of: step, from: most))
  }
}
