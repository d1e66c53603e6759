// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// One option of a checked message, its value borrowed (RFC 7252 Section 3.1).
@frozen
public struct OptionView: ~Escapable {
  /// The option's number, which determines its meaning.
  public let number: OptionNumber

  /// The option's value, 0 to 65,804 bytes.
  public let value: Span<UInt8>

  @inlinable
  @_lifetime(copy value)
  init(number: OptionNumber, value: Span<UInt8>) {
    self.number = number
    self.value = value
  }

  /// The value as an unsigned big-endian number; leading zero bytes are accepted (RFC 7252 Section
  /// 3.2).
  ///
  /// `nil` if the number takes more than 64 bits.
  public var uintValue: UInt64? {
    var result: UInt64 = 0
    // conformance: 7252-3.2-b
    for index in value.indices {
      guard result &>> 56 == 0 else { return nil }
      result = result &<< 8 | UInt64(widening: value[index])
    }
    return result
  }
}

/// Iterates over the options of a checked message; it neither throws nor traps.
@frozen
public struct OptionIterator: ~Escapable {
  /// The message, cut off at the end of its options.
  @usableFromInline
  let bytes: Span<UInt8>
  @usableFromInline
  var offset: Int
  @usableFromInline
  var number: UInt32

  @inlinable
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, from start: Int) {
    self.bytes = bytes
    offset = start
    number = 0
  }

  /// The next option; `nil` after the last.
  @inlinable
  #if SMALL
  @inline(never)
  #else
  @inline(__always)
  #endif
  @_lifetime(copy self)
  public mutating func next() -> OptionView? {
    // The walk stays within the bytes whatever they are. In a checked message only the first guard
    // ever ends it.
    guard let header = bytes.byte(at: offset) else { return nil }
    var start = offset &+ 1
    var delta = Int(header &>> 4)
    var length = Int(header & 0x0F)
    if header >= 0xD0 {
      guard let extended = bytes.extended(header &>> 4, at: &start) else { return nil }
      delta = extended
    }
    if length >= 13 {
      guard let extended = bytes.extended(header & 0x0F, at: &start) else { return nil }
      length = extended
    }
    offset = start &+ length
    guard UInt(bitPattern: offset) <= UInt(bitPattern: bytes.count) else { return nil }
    number &+= UInt32(truncatingIfNeeded: delta)
    // SAFETY: `start` follows a byte that exists; `start` + `length` was checked against the count,
    // and `length` is not negative.
    let value = unsafe bytes.slice(from: start, count: length)
    return OptionView(
      number: OptionNumber(rawValue: UInt16(truncatingIfNeeded: number)),
      value: value
    )
  }
}
