// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore

/// Tokens of 4 bytes that do not repeat in 4,294,967,296 requests and cannot be predicted from
/// others (RFC 7252 Section 5.3.1).
///
/// A counter goes through a cipher's permutation of the 32-bit numbers. This hides the next token
/// from a sender of forged answers; an attacker who sees the datagrams sees their tokens.
struct TokenSource {
  private var cipher: SmallCipher
  private var counter: UInt32 = 0

  init(key: (UInt64, UInt64)) {
    cipher = SmallCipher(key: key.0, whitening: key.1)
  }

  mutating func next() -> Token {
    counter &+= 1
    // conformance: 7252-5.3.1-b 7967-3.1-a
    return Token(cipher.encrypt(counter))
  }

  /// A separate key for the message IDs, derived from the tokens at the end of the sequence, the
  /// last four.
  mutating func derivedKey() -> (UInt64, UInt64) {
    (derive(0xFFFF_FFFC), derive(0xFFFF_FFFE))
  }

  private mutating func derive(_ number: UInt32) -> UInt64 {
    let high = UInt64(widening: cipher.encrypt(number))
    return high &<< 32 | UInt64(widening: cipher.encrypt(number &+ 1))
  }
}
