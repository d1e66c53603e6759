// SPDX-License-Identifier: Apache-2.0
/// Where a state machine's owner draws its random numbers.
///
/// The device draws from the operating system; a test draws from a seed.
public protocol RandomSource {
  /// 64 random bits.
  mutating func next() -> UInt64
}

extension RandomSource {
  /// 32 random bits.
  @inlinable
  public mutating func nextUInt32() -> UInt32 {
    UInt32(truncatingIfNeeded: next() >> 32)
  }
}
