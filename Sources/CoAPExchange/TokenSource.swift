internal import CoAPMessage
internal import ConstrainedCore

/// Tokens of 4 bytes that do not repeat in 4,294,967,296 requests, and that nobody guesses who has
/// not seen them (RFC 7252 Section 5.3.1).
///
/// A counter goes through a permutation of the 32-bit numbers: a Feistel network of four rounds
/// (SP 800-38G describes the construction) under a random key. It hides the next token from a sender
/// of forged answers who sees none of ours; who sees the datagrams sees the tokens in them.
struct TokenSource {
  private let key: UInt64
  private var counter: UInt32 = 0

  init(key: UInt64) {
    self.key = key
  }

  mutating func next() -> Token {
    counter &+= 1
    var left = counter >> 16
    var right = counter & 0xFFFF
    for round: UInt64 in 0..<4 {
      let mixed = mix(right, roundKey: UInt32(truncatingIfNeeded: key &>> (round &* 16)))
      (left, right) = (right, left ^ mixed)
    }
    return Token(left << 16 | right)
  }

  /// 16 bits of a half and a round's key; each bit of both changes about half of them.
  private func mix(_ half: UInt32, roundKey: UInt32) -> UInt32 {
    var value = half ^ roundKey
    value ^= value >> 16
    value = value &* 0x7FEB_352D
    value ^= value >> 15
    value = value &* 0x846C_A68B
    return value >> 16
  }
}
