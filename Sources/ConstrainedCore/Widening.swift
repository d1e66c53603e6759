// SPDX-License-Identifier: Apache-2.0
// On a 32-bit machine three groups of the standard library's operations go through an array of
// words, which `-no-allocations` refuses: conversions to 64-bit integers, smart shifts of them
// (`<<`, `>>`) and checked conversions from them. The conversions below do not. With them, use the
// masking shifts (`&<<`, `&>>`) and `init(truncatingIfNeeded:)`.

extension UInt64 {
  /// The same number in 64 bits.
  @inlinable
  package init(widening value: UInt32) {
    self.init(_truncatingBits: UInt(value))
  }

  /// The same number in 64 bits.
  @inlinable
  package init(widening value: UInt8) {
    self.init(_truncatingBits: UInt(value))
  }

  /// The same number in 64 bits.
  @inlinable
  package init(widening value: UInt16) {
    self.init(_truncatingBits: UInt(value))
  }
}

extension Int64 {
  /// The same number in 64 bits.
  @inlinable
  package init(widening value: UInt32) {
    self.init(_truncatingBits: UInt(value))
  }
}
