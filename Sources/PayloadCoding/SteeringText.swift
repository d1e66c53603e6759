// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Finds characters in network text that must not reach a terminal or log: those that control it,
/// begin another line, or hide or reorder text.
///
/// Device and tools share this explicit list; `ReadableText`, which has Unicode's tables, escapes
/// more.
package enum SteeringText {
  /// The length in bytes of the character at `start`, negative if it must not be shown; -1 for a
  /// byte that is not UTF-8.
  @inline(never)
  package static func count(_ bytes: Span<UInt8>, at start: Int) -> Int {
    guard let (value, count) = UTF8Check.scalar(bytes, at: start) else { return -1 }
    return steers(value) ? 0 &- count : count
  }

  /// Whether a scalar is a control character (C0, DEL, C1), a line or paragraph separator, or an
  /// invisible or direction-changing format character.
  @inline(never)
  package static func steers(_ value: UInt32) -> Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E,
      0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
      true
    default: false
    }
  }
}
