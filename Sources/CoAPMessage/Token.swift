// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Matches a response to its request: 0 to 8 opaque bytes (RFC 7252 Section 5.3.1).
@frozen
public struct Token: Hashable, Sendable {
  /// The bytes, the first in the lowest place; unused places are zero.
  @usableFromInline
  let bits: UInt64

  /// The number of bytes, 0 to 8.
  public let count: Int

  @inlinable
  init(bits: UInt64, count: Int) {
    self.bits = bits
    self.count = count
  }

  /// The empty token.
  @inlinable
  public init() {
    self.init(bits: 0, count: 0)
  }

  /// The 4 bytes of `value`, big-endian.
  @inlinable
  public init(_ value: UInt32) {
    self.init(bits: UInt64(widening: value.byteSwapped), count: 4)
  }

  /// The fewest bytes that hold the number, lowest first: 0 bytes for 0, at most 4; different
  /// numbers give different tokens.
  @inlinable
  public init(counting number: UInt32) {
    let count =
      number == 0 ? 0 : number < 0x100 ? 1 : number < 0x1_0000 ? 2 : number < 0x100_0000 ? 3 : 4
    self.init(bits: UInt64(widening: number), count: count)
  }

  /// The token of those bytes; `nil` if there are more than 8.
  @inlinable
  public init?(_ bytes: Span<UInt8>) {
    // conformance: 7252-3-b
    guard bytes.count <= 8 else { return nil }
    var bits: UInt64 = 0
    for index in bytes.indices {
      bits |= UInt64(widening: bytes[index]) &<< UInt64(widening: UInt8(index * 8))
    }
    self.init(bits: bits, count: bytes.count)
  }

  /// The byte at `index`, which must be below `count`.
  @inlinable
  public subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "a token's index lies within its bytes")
    return UInt8(truncatingIfNeeded: bits &>> UInt64(widening: UInt8(index * 8)))
  }
}
