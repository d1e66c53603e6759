internal import ConstrainedCore

/// UTF-8 as RFC 3629 Section 4 has it.
package enum UTF8Check {
  /// The scalar value whose sequence starts at `start`, and how many bytes it has; `nil` where none does.
  package static func scalar(_ bytes: Span<UInt8>, at start: Int) -> (value: UInt32, count: Int)? {
    let first = bytes[start]
    guard first >= 0x80 else { return (UInt32(truncatingIfNeeded: first), 1) }
    let count = bytes.utf8Sequence(at: start)
    guard count > 0 else { return nil }
    // A leading byte has one bit less of the value for each byte of the sequence.
    var value = UInt32(truncatingIfNeeded: first) & (0x7F &>> UInt32(truncatingIfNeeded: count))
    for offset in start + 1..<start + count {
      value = value &<< 6 | UInt32(truncatingIfNeeded: bytes[offset] & 0x3F)
    }
    return (value, count)
  }
}
