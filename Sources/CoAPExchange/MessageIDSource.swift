// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Message IDs that cannot be predicted from earlier ones, and are not reused within their lifetime
/// (RFC 7252 Section 4.4).
///
/// The numbers are in 16 blocks of 4,096. From a block that is begun at random, half of the numbers are
/// drawn, none of them twice, before it is the next one's turn. A block is entered again only when the
/// lifetime of the last message that used it has passed: at 32,768 messages within one EXCHANGE_LIFETIME,
/// which is more than 130 a second, the source makes its user wait. Size: 728 bytes.
struct MessageIDSource {
  /// The time from which the next message ID may be used; in the past if it is free.
  private(set) var available = Instant(milliseconds: .min)
  private var cipher: SmallCipher
  private var counter: UInt32 = 0
  /// The unused bits of the last number drawn.
  private var rest: UInt32 = 0
  private var block: Int
  private var taken = 0
  /// One bit for each number of the block that has been used.
  private var used = InlineArray<128, UInt32>(repeating: 0)
  private var reusable = InlineArray<16, Instant>(repeating: Instant(milliseconds: .min))

  init(key: (UInt64, UInt64)) {
    cipher = SmallCipher(key: key.0, whitening: key.1)
    block = Int(truncatingIfNeeded: cipher.encrypt(0) &>> 28)
  }

  /// Takes the next message ID, for a message whose duplicates may arrive until `end`.
  mutating func take(until end: Instant) -> UInt16 {
    // A number of 32 bits is enough for two draws.
    if counter & 1 == 0 {
      rest = cipher.encrypt(counter &+ 1)
    } else {
      rest = rest &>> 16
    }
    counter &+= 1
    var place = rest & 0xFFF
    while used[Int(place &>> 5)] &>> (place & 31) & 1 == 1 { place = (place &+ 1) & 0xFFF }
    used[Int(place &>> 5)] |= 1 &<< (place & 31)
    let messageID = UInt16(truncatingIfNeeded: block &<< 12) | UInt16(place)
    // conformance: 7252-4.4-b
    reusable[block] = max(reusable[block], end)
    taken &+= 1
    guard taken == 2_048 else {
      available = Instant(milliseconds: .min)
      return messageID
    }
    taken = 0
    used = InlineArray(repeating: 0)
    block = (block &+ 1) & 15
    available = reusable[block]
    return messageID
  }
}
