// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore

/// An immediate answer to a message from the server: an empty acknowledgement, a Reset, or 4.02 for
/// a request with an unrecognised critical option (RFC 7252 Sections 4.2 and 5.4.1).
struct Reply {
  var type = MessageType.reset
  var code = Code.empty
  var messageID: UInt16 = 0
  var token = Token()
}

/// Up to 8 replies waiting to be sent.
///
/// When it is full, the newest is dropped: its message is repeated and answered then. Anybody can
/// provoke most replies, so these are also limited in rate: 8 at once, and one per second on
/// average.
struct ReplyQueue {
  private var entries = InlineArray<8, Reply>(repeating: Reply())
  private var count = 0
  private var message = FixedBytes<12>()
  /// The time until which the rate-limited replies count: a second each.
  private var spentUntil = Instant(milliseconds: .min)

  var isEmpty: Bool { count == 0 }

  /// The encoded message of the oldest reply, after `write`.
  var first: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { message.bytes }
  }

  /// Encodes the oldest reply; there must be one.
  mutating func write() {
    let reply = entries[0]
    do throws(MessageWriterError) {
      try message.fill { (storage) throws(MessageWriterError) in
        try MessageWriter(
          storage,
          type: reply.type,
          code: reply.code,
          // conformance: 7252-4.2-d
          messageID: reply.messageID,
          token: reply.token
        ).count
      }
    } catch {
      preconditionFailure("a header and a token of 8 bytes take 12")
    }
  }

  @inline(never)
  mutating func append(_ reply: Reply) {
    guard count < entries.count else { return }
    entries[count] = reply
    count += 1
  }

  /// Appends a reply to a message that anybody may have sent; drops it above the rate limit.
  @inline(never)
  mutating func appendBounded(_ reply: Reply, at now: Instant) {
    let start = max(spentUntil, now)
    guard start - now <= Self.burst else { return }
    spentUntil = start + Self.interval
    append(reply)
  }

  private static var interval: Milliseconds { Milliseconds(1_000) }
  private static var burst: Milliseconds { Milliseconds(7_000) }

  /// Discards the waiting replies.
  mutating func removeAll() { count = 0 }

  mutating func removeFirst() {
    for index in 1..<count { entries[index - 1] = entries[index] }
    count -= 1
  }
}
