// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A permutation of the 32-bit numbers that requires a key to compute.
///
/// It is Speck32/64 (Beaulieu et al., "The SIMON and SPECK Families of Lightweight Block Ciphers",
/// IACR ePrint 2013/404) with a key of 64 bits, followed by 64 more bits that are added to input
/// and output (the FX construction: Kilian and Rogaway, "How to Protect DES Against Exhaustive Key
/// Search", 1996).
///
/// It generates numbers that must neither repeat nor be predictable; it does not hide data.
/// Size: 52 bytes; some 200 instructions.
struct SmallCipher {
  private let before: UInt32
  private let behind: UInt32
  private var roundKeys = InlineArray<22, UInt16>(repeating: 0)

  /// `key` is Speck's, its first word in the highest place; `whitening` is added before and after.
  init(key: UInt64, whitening: UInt64) {
    before = UInt32(truncatingIfNeeded: whitening &>> 32)
    behind = UInt32(truncatingIfNeeded: whitening)
    var word = UInt16(truncatingIfNeeded: key)
    var words = InlineArray<3, UInt16>(repeating: 0)
    for index in 0..<3 {
      words[index] = UInt16(truncatingIfNeeded: key &>> UInt64(widening: UInt8(16 &+ 16 &* index)))
    }
    for round in 0..<22 {
      roundKeys[round] = word
      // The rounds of the cipher, with the round's number as their key.
      var next = words[0]
      Self.turn(&next, &word, UInt16(truncatingIfNeeded: round))
      words[0] = words[1]
      words[1] = words[2]
      words[2] = next
    }
  }

  // Mutating, because the keys would be copied first otherwise.
  @inline(never)
  mutating func encrypt(_ value: UInt32) -> UInt32 {
    let input = value ^ before
    var left = UInt16(truncatingIfNeeded: input &>> 16)
    var right = UInt16(truncatingIfNeeded: input)
    for round in 0..<22 { Self.turn(&left, &right, roundKeys[round]) }
    return (UInt32(left) &<< 16 | UInt32(right)) ^ behind
  }

  @inline(__always)
  private static func turn(_ left: inout UInt16, _ right: inout UInt16, _ key: UInt16) {
    left = ((left &>> 7 | left &<< 9) &+ right) ^ key
    right = (right &<< 2 | right &>> 14) ^ left
  }
}
