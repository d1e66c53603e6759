// SPDX-License-Identifier: Apache-2.0
extension Span where Element == UInt8 {
  /// The first 4 bytes, big-endian; they must exist.
  @inlinable
  @inline(__always)
  var firstFourBytes: UInt32 {
    // SAFETY: the load checks its bounds, and any 4 bytes are a UInt32.
    unsafe UInt32(bigEndian: bytes.unsafeLoadUnaligned(as: UInt32.self))
  }

  /// The byte at `offset`; `nil` if it is out of bounds.
  @inlinable
  @inline(__always)
  func byte(at offset: Int) -> UInt8? {
    guard UInt(bitPattern: offset) < UInt(bitPattern: count) else { return nil }
    // SAFETY: `0 <= offset < count`, because `count` is never negative.
    return unsafe self[unchecked: offset]
  }

  /// The extended value of a nibble of 13 (one byte, plus 13) or 14 (two bytes, plus 269) at
  /// `offset`; `nil` if the bytes are missing.
  @inlinable
  @inline(__always)
  func extended(_ nibble: UInt8, at offset: inout Int) -> Int? {
    let start = offset
    guard let first = byte(at: start) else { return nil }
    if nibble == 13 {
      offset = start &+ 1
      return Int(first) &+ 13
    }
    guard let second = byte(at: start &+ 1) else { return nil }
    offset = start &+ 2
    return (Int(first) &<< 8 | Int(second)) &+ 269
  }

  /// The value of a nibble below 15 with its extended bytes, if any; `nil` if they are missing.
  @inline(__always)
  func value(of nibble: UInt8, at offset: inout Int) -> Int? {
    nibble < 13 ? Int(nibble) : extended(nibble, at: &offset)
  }

  /// `count` bytes from `start`; the caller has checked the bounds.
  @unsafe
  @inlinable
  @inline(__always)
  @_lifetime(copy self)
  func slice(from start: Int, count: Int) -> Span<UInt8> {
    let base = unsafe withUnsafeBufferPointer { unsafe $0.baseAddress.unsafelyUnwrapped }
    return unsafe _overrideLifetime(Span(_unsafeStart: base + start, count: count), copying: self)
  }
}
