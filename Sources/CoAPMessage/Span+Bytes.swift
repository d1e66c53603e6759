extension Span where Element == UInt8 {
  /// The first 4 bytes, which must be there, the first one in the highest place.
  @inlinable
  @inline(__always)
  var firstFourBytes: UInt32 {
    // SAFETY: the load checks its bounds, and any 4 bytes are a UInt32.
    unsafe UInt32(bigEndian: bytes.unsafeLoadUnaligned(as: UInt32.self))
  }

  /// The byte at `offset`; `nil` where there is none.
  @inlinable
  @inline(__always)
  func byte(at offset: Int) -> UInt8? {
    guard UInt(bitPattern: offset) < UInt(bitPattern: count) else { return nil }
    // SAFETY: `0 <= offset < count`, for `count` is no less than 0.
    return unsafe self[unchecked: offset]
  }

  /// The value of a nibble of 13 (one more byte, plus 13) or 14 (two more, plus 269), whose bytes
  /// start at `offset`; `nil` when they are not there.
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

  /// The value of a nibble below 15 and the bytes that follow, if any; `nil` when they are not there.
  @inline(__always)
  func value(of nibble: UInt8, at offset: inout Int) -> Int? {
    nibble < 13 ? Int(nibble) : extended(nibble, at: &offset)
  }

  /// `count` bytes from `start`, which the caller knows to be there.
  @unsafe
  @inlinable
  @inline(__always)
  @_lifetime(copy self)
  func slice(from start: Int, count: Int) -> Span<UInt8> {
    let base = unsafe withUnsafeBufferPointer { unsafe $0.baseAddress.unsafelyUnwrapped }
    return unsafe _overrideLifetime(Span(_unsafeStart: base + start, count: count), copying: self)
  }
}
