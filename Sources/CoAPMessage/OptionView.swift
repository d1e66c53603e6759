internal import ConstrainedCore

/// One option of a checked message, its value borrowed (RFC 7252 Section 3.1).
@frozen
public struct OptionView: ~Escapable {
  /// What the option means.
  public let number: OptionNumber

  /// The option's value, 0 to 65,804 bytes.
  public let value: Span<UInt8>

  @inlinable
  @_lifetime(copy value)
  init(number: OptionNumber, value: Span<UInt8>) {
    self.number = number
    self.value = value
  }

  /// The value as an unsigned number, the highest byte first; leading zero bytes are accepted (RFC
  /// 7252 Section 3.2).
  ///
  /// `nil` when the number takes more than 64 bits.
  public var uintValue: UInt64? {
    var result: UInt64 = 0
    for index in value.indices {
      guard result &>> 56 == 0 else { return nil }
      result = result &<< 8 | UInt64(widening: value[index])
    }
    return result
  }
}

/// Walks the options of a checked message; it neither throws nor traps.
@frozen
public struct OptionIterator: ~Escapable {
  @usableFromInline
  let bytes: Span<UInt8>
  @usableFromInline
  let end: Int
  @usableFromInline
  var offset: Int
  @usableFromInline
  var number: Int

  @inlinable
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
    self.bytes = bytes
    self.end = end
    self.offset = start
    self.number = 0
  }

  /// The next option, or `nil` after the last.
  @inlinable
  @_lifetime(copy self)
  public mutating func next() -> OptionView? {
    guard offset < end else { return nil }
    let header = bytes[offset]
    offset += 1
    number += extended(Int(header >> 4))
    let length = extended(Int(header & 0x0F))
    let value = bytes.extracting(offset..<offset + length)
    offset += length
    return OptionView(
      number: OptionNumber(rawValue: UInt16(truncatingIfNeeded: number)),
      value: value
    )
  }

  @inlinable
  mutating func extended(_ nibble: Int) -> Int {
    if nibble < 13 { return nibble }
    if nibble == 13 {
      offset += 1
      return Int(bytes[offset - 1]) + 13
    }
    offset += 2
    return (Int(bytes[offset - 2]) << 8 | Int(bytes[offset - 1])) + 269
  }
}
