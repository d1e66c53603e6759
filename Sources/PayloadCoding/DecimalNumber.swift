internal import ConstrainedCore

/// The Double nearest to a number in decimal digits (RFC 8259 Section 6), ties to even.
///
/// It is computed exactly, with whole numbers of 3,840 bits: no table, no heap.
enum DecimalNumber {
  /// How many digits can matter: the midpoint of two Doubles has at most 767.
  private static var maxDigits: Int { 768 }

  /// The digits of a number, read once.
  private struct Parts {
    var isNegative = false
    var digits = BigNumber<120>()
    /// The first 19 of them.
    var leading: UInt64 = 0
    var count = 0
    /// The value is the digits times 10 to this.
    var exponent = 0
  }

  /// The value of `text`, which must be a number of JSON; `nil` when no finite Double is near it.
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
      // Whatever follows, the number lies above the digits that were read, and below the next ones.
      parts.digits.multiply(by: 10, adding: 1)
      parts.count += 1
      parts.exponent -= 1
    }
    return parts
  }

  /// An exponent, cut off far beyond what a Double can have.
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
    // 2 to the power is not above the value, and twice that is.
    var power = numerator.bitCount - denominator.bitCount
    var aligned = power >= 0 ? denominator : numerator
    aligned.shiftLeft(by: abs(power))
    if (power >= 0 ? numerator.compare(aligned) : aligned.compare(denominator)) < 0 { power -= 1 }
    // The last bit of the result is worth 2 to the unit.
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
