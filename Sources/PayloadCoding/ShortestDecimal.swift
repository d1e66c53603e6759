// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The fewest decimal digits that read back as the same Double or Float: the free-format algorithm
/// of Steele and White as given by Burger and Dybvig ("Printing Floating-Point Numbers Quickly and
/// Accurately", 1996).
///
/// It uses whole numbers of 1,280 bits: no tables, no heap, some microseconds.
struct ShortestDecimal {
  /// The digits in ASCII, 1 to 17 of them, and their number; the first is 0 only for the value 0.
  private(set) var digits = InlineArray<17, UInt8>(repeating: 0x30)
  private(set) var count = 0

  /// The value is 0.DIGITS times 10^exponent.
  private(set) var exponent = 0

  /// The digits of a finite value, without its sign.
  init(_ value: Double) {
    let bits = value.bitPattern & 0x7FFF_FFFF_FFFF_FFFF
    guard bits != 0 else {
      append(0)
      exponent = 1
      return
    }
    let biased = Int(truncatingIfNeeded: UInt32(truncatingIfNeeded: bits &>> 52))
    let fraction = bits & 0x000F_FFFF_FFFF_FFFF
    // value = mantissa * 2^power.
    let mantissa = biased == 0 ? fraction : fraction | 0x0010_0000_0000_0000
    let power = (biased == 0 ? 1 : biased) - 1_075
    // The gap below a power of two is half the gap above it.
    let isLowest = fraction == 0 && biased > 1
    generate(mantissa, power, isLowest: isLowest)
  }

  /// The digits of a finite value, without its sign, that read back as the same Float.
  init(_ value: Float) {
    let bits = value.bitPattern & 0x7FFF_FFFF
    guard bits != 0 else {
      append(0)
      exponent = 1
      return
    }
    let biased = Int(bits >> 23)
    let fraction = bits & 0x007F_FFFF
    let mantissa = biased == 0 ? fraction : fraction | 0x0080_0000
    generate(
      UInt64(widening: mantissa),
      (biased == 0 ? 1 : biased) - 150,
      isLowest: fraction == 0 && biased > 1
    )
  }

  private mutating func generate(_ mantissa: UInt64, _ power: Int, isLowest: Bool) {
    // value = r / s; the midpoints to the neighbours are above / s and below / s away.
    var r = BigNumber<40>(mantissa)
    var s = BigNumber<40>(1)
    var above = BigNumber<40>(1)
    var below = BigNumber<40>(1)
    let bits = r.bitCount
    r.shiftLeft(by: max(power, 0) + (isLowest ? 2 : 1))
    s.shiftLeft(by: max(-power, 0) + (isLowest ? 2 : 1))
    above.shiftLeft(by: max(power, 0) + (isLowest ? 1 : 0))
    below.shiftLeft(by: max(power, 0))
    // Midpoints round to the neighbour with an even mantissa.
    let isEven = mantissa & 1 == 0
    // Never above the true exponent, at most 1 below: 1233 / 4096 is slightly less than log10(2).
    var estimate = (power + bits - 1) * 1_233
    estimate = estimate >= 0 ? estimate / 4_096 : -((-estimate + 4_095) / 4_096)
    if estimate >= 0 {
      s.multiply(byPowerOfTen: estimate)
    } else {
      r.multiply(byPowerOfTen: -estimate)
      above.multiply(byPowerOfTen: -estimate)
      below.multiply(byPowerOfTen: -estimate)
    }
    exponent = estimate
    // Correct the estimate, so that the first digit comes right after the point.
    while Self.reaches(r, above, s, inclusive: isEven) {
      s.multiply(by: 10)
      exponent += 1
    }
    while true {
      r.multiply(by: 10)
      above.multiply(by: 10)
      below.multiply(by: 10)
      var digit: UInt8 = 0
      while r.compare(s) >= 0 {
        r.subtract(s)
        digit += 1
      }
      let order = r.compare(below)
      let isLow = isEven ? order <= 0 : order < 0
      let isHigh = Self.reaches(r, above, s, inclusive: isEven)
      if !isLow, !isHigh {
        append(digit)
        continue
      }
      if isLow, isHigh {
        var twice = r
        twice.shiftLeft(by: 1)
        // Of two digits equally near, the even one.
        let order = twice.compare(s)
        append(order < 0 || order == 0 && digit & 1 == 0 ? digit : digit + 1)
      } else {
        append(isHigh ? digit + 1 : digit)
      }
      return
    }
  }

  /// Whether r + above reaches s.
  private static func reaches(
    _ r: BigNumber<40>,
    _ above: BigNumber<40>,
    _ s: BigNumber<40>,
    inclusive: Bool
  ) -> Bool {
    var sum = r
    sum.add(above)
    let order = sum.compare(s)
    return inclusive ? order >= 0 : order > 0
  }

  private mutating func append(_ digit: UInt8) {
    digits[count] = 0x30 + digit
    count += 1
  }
}
