// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Converts decimal digits to the nearest Double (RFC 8259 Section 6), ties to even.
///
/// The result is exact, computed with whole numbers of 3,840 bits: no tables, no heap.
enum DecimalNumber {
  /// The most digits that matter: the midpoint of two Doubles has at most 767.
  private static var maxDigits: Int { 768 }

  /// A number split into its parts in one pass.
  private struct Parts {
    var isNegative = false
    var digits = BigNumber<120>()
    /// The first 19 digits.
    var leading: UInt64 = 0
    var count = 0
    /// The power of ten by which the digits are multiplied.
    var exponent = 0
  }

  /// The value of `text`, which must be a JSON number; `nil` if it exceeds the largest Double.
  static func double(_ text: Span<UInt8>) -> Double? {
    let parts = read(text)
    let magnitude: UInt64
    if parts.count == 0 || parts.count + parts.exponent < -324 {
      magnitude = 0
    } else {
      guard parts.count + parts.exponent <= 310, let bits = round(parts) else { return nil }
      magnitude = bits
    }
    return Double(bitPattern: parts.isNegative ? magnitude | 0x8000_0000_0000_0000 : magnitude)
  }

  private static func read(_ text: Span<UInt8>) -> Parts {
    var parts = Parts()
    var offset = 0
    var isFraction = false
    var hasRest = false
    while offset < text.count {
      let byte = text[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "-"): parts.isNegative = true
      case UInt8(ascii: "."): isFraction = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        parts.exponent += readExponent(text.extracting(offset...))
        offset = text.count
      default:
        if isFraction { parts.exponent -= 1 }
        if parts.count == 0, byte == 0x30 { continue }
        if parts.count < maxDigits {
          parts.digits.multiply(by: 10, adding: UInt32(byte - 0x30))
          parts.count += 1
        } else {
          hasRest = hasRest || byte != 0x30
          parts.exponent += 1
        }
      }
    }
    if hasRest {
      // The remaining digits only matter as "more than zero": one more digit 1 places the number
      // between the digits read and the next higher ones.
      parts.digits.multiply(by: 10, adding: 1)
      parts.count += 1
      parts.exponent -= 1
    }
    return parts
  }

  /// An exponent, clamped far outside the range of a Double.
  private static func readExponent(_ text: Span<UInt8>) -> Int {
    var value = 0
    var isNegative = false
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "+"): break
      default: value = min(value * 10 + Int(text[index] - 0x30), 10_000_000)
      }
    }
    return isNegative ? -value : value
  }

  /// The bits of the nearest Double; `nil` above the largest.
  private static func round(_ parts: Parts) -> UInt64? {
    // value = numerator / denominator.
    var numerator = parts.digits
    var denominator = BigNumber<120>(1)
    if parts.exponent >= 0 {
      numerator.multiply(byPowerOfTen: parts.exponent)
    } else {
      denominator.multiply(byPowerOfTen: -parts.exponent)
    }
    // Find the power with 2^power <= value < 2^(power + 1).
    var power = numerator.bitCount - denominator.bitCount
    var aligned = power >= 0 ? denominator : numerator
    aligned.shiftLeft(by: abs(power))
    if (power >= 0 ? numerator.compare(aligned) : aligned.compare(denominator)) < 0 { power -= 1 }
    // The last bit of the result is worth 2^unit.
    let unit = max(power - 52, -1_074)
    if unit >= 0 {
      denominator.shiftLeft(by: unit)
    } else {
      numerator.shiftLeft(by: -unit)
    }
    denominator.shiftLeft(by: 52)
    var quotient: UInt64 = 0
    for _ in 0..<53 {
      quotient = quotient &<< 1
      if numerator.compare(denominator) >= 0 {
        numerator.subtract(denominator)
        quotient |= 1
      }
      numerator.shiftLeft(by: 1)
    }
    let half = numerator.compare(denominator)
    if half > 0 || half == 0 && quotient & 1 == 1 { quotient += 1 }
    let scale = UInt64(widening: UInt32(truncatingIfNeeded: unit + 1_074))
    let bits = scale &<< 52 + quotient
    return bits < 0x7FF0_0000_0000_0000 ? bits : nil
  }
}
