internal import ConstrainedCore

/// Message IDs in sequence from an unpredictable start; none comes again within its lifetime (RFC
/// 7252 Section 4.4).
///
/// The numbers are in 8 blocks of 8,192. A block is entered again only when the lifetime of the last
/// message that used it has passed: at 65,536 messages within one EXCHANGE_LIFETIME, which is more
/// than 200 a second, the source makes its user wait. Size: 80 bytes.
struct MessageIDSource {
  /// When the next message ID may be used; an instant of the past when it is free.
  private(set) var available = Instant(milliseconds: .min)
  private var next: UInt16
  private var reusable = InlineArray<8, Instant>(repeating: Instant(milliseconds: .min))

  init(random: UInt32) {
    next = UInt16(truncatingIfNeeded: random)
  }

  /// Takes the next message ID, for a message whose duplicates may arrive until `end`.
  mutating func take(until end: Instant) -> UInt16 {
    let messageID = next
    let block = Int(messageID >> 13)
    reusable[block] = max(reusable[block], end)
    next &+= 1
    available = next & 0x1FFF == 0 ? reusable[Int(next >> 13)] : Instant(milliseconds: .min)
    return messageID
  }
}
