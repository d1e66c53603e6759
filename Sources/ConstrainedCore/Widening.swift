// On a 32-bit machine the standard library's conversions to 64-bit integers, its smart shifts of them
// (`<<`, `>>`) and its checked conversions from them go through an array of words, which
// `-no-allocations` refuses. These conversions do not; beside them use the masking shifts (`&<<`,
// `&>>`) and `init(truncatingIfNeeded:)`.

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
