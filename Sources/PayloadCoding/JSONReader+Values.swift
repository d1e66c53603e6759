// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

extension JSONReader {
  /// Writes the string or key in `range` as UTF-8 with its escapes resolved; half of a surrogate
  /// pair becomes U+FFFD.
  @inline(never)
  public func copyString(
    _ range: Range<Int>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    var position = range.lowerBound
    while position < range.upperBound {
      guard text[position] == UInt8(ascii: "\\") else {
        try output.append(text[position])
        position &+= 1
        continue
      }
      var scalar: UInt32 = 0
      do throws(JSONError) {
        position = try JSONEscape.read(text, at: position, into: &scalar, takesHalves: true)
      } catch {
        preconditionFailure("a range that the reader returned holds only valid escapes")
      }
      try UTF8Sequence.append(scalar, to: &output)
    }
  }

  /// Whether the string or key in `range`, its escapes resolved, equals `literal`.
  public func string(_ range: Range<Int>, equals literal: StaticString) -> Bool {
    text(PayloadText(range: range, form: .escaped), equals: literal)
  }

  /// Whether the string or key in `range`, its escapes resolved, equals the UTF-8 bytes `content`.
  package func string(_ range: Range<Int>, equals content: Span<UInt8>) -> Bool {
    var bytes = JSONStringBytes(text, range)
    for index in content.indices where bytes.next() != content[index] { return false }
    return bytes.next() == nil
  }

  /// The UTF-8 length of the string or key in `range`, its escapes resolved.
  package func byteCount(of range: Range<Int>) -> Int {
    var bytes = JSONStringBytes(text, range)
    var count = 0
    while bytes.next() != nil { count &+= 1 }
    return count
  }

  /// The digits in `range` as an unsigned integer, of a number or of a string.
  ///
  /// `nil` unless `range` holds 1 to 20 digits, nothing else, and the value fits.
  @inline(never)
  public func unsigned(_ range: Range<Int>) -> UInt64? {
    guard !range.isEmpty else { return nil }
    var value: UInt64 = 0
    for position in range {
      guard let next = Self.append(text[position] &- 0x30, to: value) else { return nil }
      value = next
    }
    return value
  }

  /// The number in `range` as an unsigned integer in any notation: 200.0 and 2e2 are 200 (RFC 8259
  /// Section 6).
  ///
  /// `nil` if it is negative, has a fraction, or has more digits than fit, zeros included.
  @inline(never)
  public func wholeNumber(_ range: Range<Int>) -> UInt64? {
    var digits = range
    var scale: Int64 = 0
    var dot = range.upperBound
    for position in range {
      let byte = text[position]
      if byte == UInt8(ascii: ".") { dot = position }
      if byte | 0x20 == UInt8(ascii: "e") {
        let sign = text[position &+ 1] == UInt8(ascii: "+") ? 1 : 0
        guard let exponent = integer(position &+ 1 &+ sign..<range.upperBound) else { return nil }
        scale = exponent
        digits = range.lowerBound..<position
        break
      }
    }
    let point = min(dot, digits.upperBound)
    guard var value = unsigned(digits.lowerBound..<point) else { return nil }
    if point < digits.upperBound {
      for position in point &+ 1..<digits.upperBound {
        guard let next = Self.append(text[position] &- 0x30, to: value) else { return nil }
        value = next
        scale &-= 1
      }
    }
    if value == 0 { return 0 }
    while scale < 0 {
      guard value % 10 == 0 else { return nil }
      value /= 10
      scale &+= 1
    }
    while scale > 0 {
      guard let next = Self.append(0, to: value) else { return nil }
      value = next
      scale &-= 1
    }
    return value
  }

  /// Appends a decimal digit to `value`; `nil` if it is not a digit or does not fit.
  private static func append(_ digit: UInt8, to value: UInt64) -> UInt64? {
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = product.addingReportingOverflow(UInt64(widening: digit))
    return digit > 9 || overflow || carry ? nil : sum
  }

  /// The number in `range` as an integer; `nil` unless it consists of digits, with an optional
  /// minus sign, and fits.
  public func integer(_ range: Range<Int>) -> Int64? {
    guard range.count > 1, text[range.lowerBound] == UInt8(ascii: "-") else {
      guard let value = unsigned(range), value <= UInt64(0x7FFF_FFFF_FFFF_FFFF) else { return nil }
      return Int64(bitPattern: value)
    }
    guard let magnitude = unsigned(range.lowerBound + 1..<range.upperBound),
      magnitude <= UInt64(0x8000_0000_0000_0000)
    else { return nil }
    return Int64(bitPattern: 0 &- magnitude)
  }

  /// The number in `range` as the nearest Double, ties to even; `nil` if it exceeds the largest.
  public func double(_ range: Range<Int>) -> Double? {
    DecimalNumber.double(text.extracting(range))
  }
}

/// The escapes of RFC 8259 Section 7.
enum JSONEscape {
  /// Reads the escape whose reverse solidus is at `start`; returns the offset after it.
  ///
  /// Half of a surrogate pair is an error, or U+FFFD if `takesHalves` is `true`.
  @inline(never)  // Some 500 bytes of a device's program at each call otherwise.
  static func read(
    _ text: Span<UInt8>,
    at start: Int,
    into scalar: inout UInt32,
    takesHalves: Bool
  ) throws(JSONError) -> Int {
    guard start &+ 1 < text.count else { throw .truncated }
    let letter = text[start &+ 1]
    if letter == UInt8(ascii: "u") {
      let end = try readUnicode(text, at: start, into: &scalar)
      guard scalar & 0xFFFF_F800 == 0xD800 else { return end }
      guard takesHalves else { throw .loneSurrogate(offset: start) }
      scalar = 0xFFFD
      return end
    }
    let (letters, meanings) = (Span("\"\\/bfnrt"), Span("\"\\/\u{8}\u{C}\n\r\t"))
    for index in letters.indices where letters[index] == letter {
      scalar = UInt32(meanings[index])
      return start &+ 2
    }
    throw .unexpectedByte(offset: start &+ 1)
  }

  /// Reads `\uXXXX`, or two of them that form a pair; half of a pair is returned unchanged.
  private static func readUnicode(
    _ text: Span<UInt8>,
    at start: Int,
    into scalar: inout UInt32
  ) throws(JSONError) -> Int {
    let first = try readDigits(text, at: start &+ 2)
    scalar = first
    guard first & 0xFC00 == 0xD800 else { return start &+ 6 }
    guard start &+ 7 < text.count, text[start &+ 6] == UInt8(ascii: "\\"),
      text[start &+ 7] == UInt8(ascii: "u")
    else { return start &+ 6 }
    let second = try readDigits(text, at: start &+ 8)
    guard second & 0xFC00 == 0xDC00 else { return start &+ 6 }
    scalar = 0x10000 &+ (first & 0x3FF) &<< 10 &+ second & 0x3FF
    return start &+ 12
  }

  private static func readDigits(_ text: Span<UInt8>, at start: Int) throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for offset in start..<start &+ 4 {
      guard offset < text.count else { throw .truncated }
      let digit: UInt8
      switch text[offset] {
      case 0x30...0x39: digit = text[offset] &- 0x30
      case 0x41...0x46: digit = text[offset] &- 0x37
      case 0x61...0x66: digit = text[offset] &- 0x57
      default: throw .unexpectedByte(offset: offset)
      }
      value = value &<< 4 | UInt32(digit)
    }
    return value
  }
}

/// The sequences of RFC 3629 Section 4.
enum UTF8Sequence {
  /// The length in bytes of the sequence at `start`.
  static func length(in text: Span<UInt8>, at start: Int) throws(JSONError) -> Int {
    let length = text.utf8Sequence(at: start)
    guard length > 0 else { throw length == 0 ? .invalidUTF8(offset: start) : .truncated }
    return length
  }

  /// Appends a scalar value, which must not be a surrogate.
  static func append(_ scalar: UInt32, to output: inout ByteWriter) throws(CapacityError) {
    if scalar < 0x80 { return try output.append(UInt8(truncatingIfNeeded: scalar)) }
    // The first byte starts with as many ones as the sequence has bytes; each other byte carries 6
    // bits.
    let (bits, ones): (UInt32, UInt32) =
      scalar < 0x800 ? (6, 0xC0) : scalar < 0x10000 ? (12, 0xE0) : (18, 0xF0)
    var shift = bits
    try output.append(UInt8(truncatingIfNeeded: ones | scalar &>> shift))
    while shift > 0 {
      shift &-= 6
      try output.append(UInt8(truncatingIfNeeded: 0x80 | scalar &>> shift & 0x3F))
    }
  }
}
