// SPDX-License-Identifier: Apache-2.0
extension ByteWriter {
  /// Appends bytes as hexadecimal, two digits a byte; appends nothing when they do not fit.
  package mutating func append(
    hexadecimal bytes: Span<UInt8>,
    uppercase: Bool = false
  ) throws(CapacityError) {
    guard bytes.count <= remaining / 2 else { throw CapacityError() }
    for index in bytes.indices {
      put(Self.hexadecimalDigit(bytes[index] >> 4, uppercase))
      put(Self.hexadecimalDigit(bytes[index] & 0x0F, uppercase))
    }
  }

  /// Appends a byte as two hexadecimal digits; appends nothing when they do not fit.
  package mutating func append(
    hexadecimal byte: UInt8,
    uppercase: Bool = false
  ) throws(CapacityError) {
    guard remaining >= 2 else { throw CapacityError() }
    put(Self.hexadecimalDigit(byte >> 4, uppercase))
    put(Self.hexadecimalDigit(byte & 0x0F, uppercase))
  }

  /// Appends bytes in Base64 (RFC 4648 Section 4), padded and on one line; appends nothing when
  /// they do not fit.
  package mutating func append(base64 bytes: Span<UInt8>) throws(CapacityError) {
    guard (bytes.count + 2) / 3 <= remaining / 4 else { throw CapacityError() }
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let first = bytes[index]
      let second = left > 1 ? bytes[index + 1] : 0
      let third = left > 2 ? bytes[index + 2] : 0
      put(Self.base64Digit(first >> 2))
      put(Self.base64Digit((first & 0x03) << 4 | second >> 4))
      put(left > 1 ? Self.base64Digit((second & 0x0F) << 2 | third >> 6) : UInt8(ascii: "="))
      put(left > 2 ? Self.base64Digit(third & 0x3F) : UInt8(ascii: "="))
      index += 3
    }
  }

  /// Decodes Base64 and appends the bytes; returns `false` and appends nothing for malformed text.
  ///
  /// RFC 4648 Section 4 applies strictly: padding is required, line breaks are not allowed, and the
  /// unused bits of the last digit must be zero.
  package mutating func append(decodingBase64 text: Span<UInt8>) throws(CapacityError) -> Bool {
    guard text.count % 4 == 0 else { return false }
    let start = count
    var index = 0
    while index < text.count {
      let isLast = index + 4 == text.count
      let fourth = Self.base64Value(text[index + 3], mayBePadding: isLast)
      let third = Self.base64Value(text[index + 2], mayBePadding: fourth == Self.padding)
      let second = Self.base64Value(text[index + 1], mayBePadding: false)
      let first = Self.base64Value(text[index], mayBePadding: false)
      let unused: UInt8 =
        if third == Self.padding { second & 0x0F } else if fourth == Self.padding {
          third & 0x03
        } else { 0 }
      guard first != Self.invalid, second != Self.invalid, third != Self.invalid,
        fourth != Self.invalid, unused == 0
      else {
        truncate(to: start)
        return false
      }
      do throws(CapacityError) {
        try append(first << 2 | second >> 4)
        if third != Self.padding { try append(second << 4 | third >> 2) }
        if fourth != Self.padding { try append(third << 6 | fourth) }
      } catch {
        truncate(to: start)
        throw error
      }
      index += 4
    }
    return true
  }

  private static func hexadecimalDigit(_ value: UInt8, _ uppercase: Bool) -> UInt8 {
    if value < 10 { return 0x30 + value }
    return (uppercase ? UInt8(ascii: "A") : UInt8(ascii: "a")) + value - 10
  }

  private static func base64Digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }

  private static func base64Value(_ digit: UInt8, mayBePadding: Bool) -> UInt8 {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    case UInt8(ascii: "="): mayBePadding ? padding : invalid
    default: invalid
    }
  }

  /// Results of `base64Value` for an `=` and for a byte outside the alphabet.
  private static var padding: UInt8 { 0x40 }
  private static var invalid: UInt8 { 0x80 }
}
