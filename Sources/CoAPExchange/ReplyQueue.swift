internal import CoAPMessage
internal import ConstrainedCore

/// An empty message that answers another: an acknowledgement or a Reset (RFC 7252 Section 4.2).
struct EmptyReply {
  var type = MessageType.reset
  var messageID: UInt16 = 0

  func write(into output: inout ByteWriter) throws(CapacityError) {
    guard output.remaining >= 4 else { throw CapacityError() }
    try output.append(0x40 | type.rawValue << 4)
    try output.append(0)
    try output.append(UInt8(truncatingIfNeeded: messageID >> 8))
    try output.append(UInt8(truncatingIfNeeded: messageID))
  }
}

/// Up to 8 empty replies that wait to be sent.
///
/// When full, the newest is dropped: its message comes again and is answered then.
struct ReplyQueue {
  private var entries = InlineArray<8, EmptyReply>(repeating: EmptyReply())
  private var start = 0
  private var count = 0

  var isEmpty: Bool { count == 0 }

  var first: EmptyReply? { count == 0 ? nil : entries[start] }

  mutating func append(_ type: MessageType, messageID: UInt16) {
    guard count < entries.count else { return }
    entries[(start + count) % entries.count] = EmptyReply(type: type, messageID: messageID)
    count += 1
  }

  mutating func removeFirst() {
    start = (start + 1) % entries.count
    count -= 1
  }
}

/// The message IDs of the last 8 separate responses, to know their duplicates by.
///
/// When full, the oldest is forgotten: its next duplicate gets a Reset instead of an
/// acknowledgement.
struct RecentMessageIDs {
  private struct Entry {
    var messageID: UInt16 = 0
    var expiry = Instant(milliseconds: Int64.min)
  }

  private var entries = InlineArray<8, Entry>(repeating: Entry())
  private var next = 0

  func contains(_ messageID: UInt16, at now: Instant) -> Bool {
    for index in entries.indices
    where entries[index].messageID == messageID && entries[index].expiry > now {
      return true
    }
    return false
  }

  mutating func insert(_ messageID: UInt16, until expiry: Instant) {
    entries[next] = Entry(messageID: messageID, expiry: expiry)
    next = (next + 1) % entries.count
  }
}
