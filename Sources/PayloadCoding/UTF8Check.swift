// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// UTF-8 as defined in RFC 3629 Section 4.
package enum UTF8Check {
  /// The scalar value of the sequence at `start` and its length in bytes; `nil` if the bytes are
  /// not UTF-8.
  package static func scalar(_ bytes: Span<UInt8>, at start: Int) -> (value: UInt32, count: Int)? {
    let first = bytes[start]
    guard first >= 0x80 else { return (UInt32(truncatingIfNeeded: first), 1) }
    let count = bytes.utf8Sequence(at: start)
    guard count > 0 else { return nil }
    // Each further byte of the sequence costs the leading byte one bit of the value.
    var value = UInt32(truncatingIfNeeded: first) & (0x7F &>> UInt32(truncatingIfNeeded: count))
    for offset in start + 1..<start + count {
      value = value &<< 6 | UInt32(truncatingIfNeeded: bytes[offset] & 0x3F)
    }
    return (value, count)
  }
}
