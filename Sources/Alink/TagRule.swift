// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// The rules for tags (device guide 6.9).
package enum TagRule {
  /// Whether a key is 1 to 64 letters, digits and `_`, not starting with a digit.
  package static func allows(key: Span<UInt8>) -> Bool {
    guard key.count >= 1, key.count <= 64 else { return false }
    for index in key.indices where !isWordByte(key[index]) { return false }
    return key[0] < UInt8(ascii: "0") || key[0] > UInt8(ascii: "9")
  }

  /// Whether a value consists of Chinese characters, English letters, digits, `_`, `-` and `.`, at
  /// least one.
  package static func allows(value: Span<UInt8>) -> Bool {
    guard value.count >= 1 else { return false }
    var offset = 0
    while offset < value.count {
      let byte = value[offset]
      guard byte >= 0x80 else {
        guard isWordByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") else {
          return false
        }
        offset += 1
        continue
      }
      guard let scalar = UTF8Check.scalar(value, at: offset), isIdeograph(scalar.value) else {
        return false
      }
      offset += scalar.count
    }
    return true
  }

  /// Whether a scalar value is a Chinese character, that is, an ideograph in Unicode.
  ///
  /// The set is the blocks CJK Unified Ideographs (with Extension A) and CJK Compatibility
  /// Ideographs, planes 2 and 3, which Unicode reserves for ideographs, and 〇, the zero in dates
  /// such as 二〇二四, which is in the punctuation block. Radicals, strokes and repetition marks are
  /// not words, and kana and hangul are not Chinese. Unverified: the guide says only "Chinese"; the
  /// simulator has the same set.
  private static func isIdeograph(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x2_0000...0x3_FFFF: true
    default: false
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
