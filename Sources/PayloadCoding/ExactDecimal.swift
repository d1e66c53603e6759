// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A decimal number without rounding: at most 20 digits times a power of ten.
///
/// Its exponents cover every Double. Size: 24 bytes on a 64-bit machine; no heap.
package struct ExactDecimal: Sendable {
  /// The range of exponents once trailing zeros are dropped: that of the smallest and largest
  /// Double, with a margin.
  private static var exponents: ClosedRange<Int> { -345...330 }

  private var isNegative = false
  private var digits: UInt64
  private var exponent = 0

  /// An integer.
  package init(_ value: Int64) {
    digits = value.magnitude
    isNegative = value < 0
  }

  /// An integer that may be above `Int64.max`.
  package init(_ value: UInt64) {
    digits = value
  }

  /// The fewest digits that read back as the same Double; `nil` for infinity and NaN.
  package init?(_ value: Double) {
    guard value.isFinite else { return nil }
    self.init(ShortestDecimal(value), isNegative: value < 0)
  }

  /// The fewest digits that read back as the same Float; `nil` for infinity and NaN.
  package init?(_ value: Float) {
    guard value.isFinite else { return nil }
    self.init(ShortestDecimal(value), isNegative: value < 0)
  }

  private init(_ shortest: ShortestDecimal, isNegative: Bool) {
    digits = 0
    for index in 0..<shortest.count {
      digits = digits * 10 + UInt64(widening: shortest.digits[index] - 0x30)
    }
    self.isNegative = isNegative
    exponent = digits == 0 ? 0 : shortest.exponent - shortest.count
  }

  /// Parses a JSON number, leading zeros allowed; `nil` for anything else, and for more digits or
  /// other exponents than the type holds.
  package init?(_ text: Span<UInt8>) {
    digits = 0
    var offset = 0
    if offset < text.count, text[offset] == UInt8(ascii: "-") {
      isNegative = true
      offset += 1
    }
    // Zeros count only once a digit follows them.
    var zeros = 0
    guard readDigits(text, &offset, &zeros, isFraction: false) else { return nil }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      offset += 1
      guard readDigits(text, &offset, &zeros, isFraction: true) else { return nil }
    }
    exponent += zeros
    if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
      guard let power = Self.power(text.extracting((offset + 1)...)) else { return nil }
      exponent += power
      offset = text.count
    }
    guard offset == text.count else { return nil }
    if digits == 0 { (isNegative, exponent) = (false, 0) }
    guard Self.exponents.contains(exponent) else { return nil }
  }

  private mutating func readDigits(
    _ text: Span<UInt8>,
    _ offset: inout Int,
    _ zeros: inout Int,
    isFraction: Bool
  ) -> Bool {
    let start = offset
    while offset < text.count {
      let digit = text[offset] &- 0x30
      guard digit <= 9 else { break }
      offset += 1
      if isFraction { exponent -= 1 }
      guard digit != 0 else {
        zeros += 1
        continue
      }
      // Leading zeros are dropped.
      var waiting = digits == 0 ? 0 : zeros
      zeros = 0
      while waiting > 0 {
        guard append(0) else { return false }
        waiting -= 1
      }
      guard append(digit) else { return false }
    }
    return offset > start
  }

  private mutating func append(_ digit: UInt8) -> Bool {
    let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
    let (sum, carry) = product.addingReportingOverflow(UInt64(widening: digit))
    digits = sum
    return !overflow && !carry
  }

  /// The number after an `e`.
  private static func power(_ text: Span<UInt8>) -> Int? {
    var offset = 0
    let isSigned =
      !text.isEmpty && (text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+"))
    if isSigned { offset = 1 }
    guard offset < text.count else { return nil }
    var value = 0
    while offset < text.count {
      let digit = text[offset] &- 0x30
      guard digit <= 9 else { return nil }
      value = min(value * 10 + Int(digit), 1_000_000)
      offset += 1
    }
    return isSigned && text[0] == UInt8(ascii: "-") ? -value : value
  }
}

extension ExactDecimal {
  /// Large enough for 20 digits, for all zeros between the extreme exponents, and for a sum.
  private typealias Whole = BigNumber<76>

  /// The digits in units of 10^`unit`; `unit` must not exceed the exponent.
  private func whole(in unit: Int) -> Whole {
    var result = Whole(digits)
    result.multiply(byPowerOfTen: exponent - unit)
    return result
  }

  /// -1 if the number is less than `other`, 0 if both are equal, 1 if it is greater.
  package func compare(_ other: Self) -> Int {
    if isNegative != other.isNegative { return isNegative ? -1 : 1 }
    let unit = min(exponent, other.exponent)
    let order = whole(in: unit).compare(other.whole(in: unit))
    return isNegative ? -order : order
  }

  /// Whether the number differs from `origin` by a whole number of steps; `true` if `step` is 0.
  package func isMultiple(of step: Self, from origin: Self) -> Bool {
    guard step.digits != 0 else { return true }
    let unit = min(exponent, min(step.exponent, origin.exponent))
    // The absolute distance.
    var rest = whole(in: unit)
    let start = origin.whole(in: unit)
    if isNegative != origin.isNegative {
      rest.add(start)
    } else if rest.compare(start) >= 0 {
      rest.subtract(start)
    } else {
      var distance = start
      distance.subtract(rest)
      rest = distance
    }
    let step = step.whole(in: unit)
    while rest.compare(step) >= 0 {
      var part = step
      part.shiftLeft(by: rest.bitCount - step.bitCount)
      if part.compare(rest) > 0 {
        part = step
        part.shiftLeft(by: rest.bitCount - step.bitCount - 1)
      }
      rest.subtract(part)
    }
    return rest.isZero
  }
}

extension JSONReader {
  /// The number in `range`, or in the string there, without rounding; `nil` if it is not a number,
  /// or exceeds the digits or exponents that `ExactDecimal` holds.
  package func exactDecimal(_ range: Range<Int>) -> ExactDecimal? {
    ExactDecimal(text.extracting(range))
  }
}
