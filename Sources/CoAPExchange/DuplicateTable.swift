internal import ConstrainedCore

/// The message IDs of the responses that were taken in, to know their duplicates by for
/// EXCHANGE_LIFETIME or NON_LIFETIME (RFC 7252 Section 4.5).
///
/// When full, the one that would expire first is forgotten. A duplicate of a forgotten response
/// finds no exchange any more and is refused with a Reset where it is confirmable, else ignored. A
/// duplicate of a forgotten notification is acknowledged, and delivered again only when nothing newer
/// came in the 128 seconds before it (RFC 7641 Section 3.4).
struct DuplicateTable<let capacity: Int> {
  private struct Entry {
    var messageID: UInt16 = 0
    var expiry = Instant(milliseconds: .min)
  }

  private var entries = InlineArray<capacity, Entry>(repeating: Entry())

  // Mutating, for the table would be copied first.
  mutating func contains(_ messageID: UInt16, at now: Instant) -> Bool {
    for index in entries.indices
    where entries[index].messageID == messageID && entries[index].expiry > now {
      return true
    }
    return false
  }

  mutating func insert(_ messageID: UInt16, until expiry: Instant) {
    guard var oldest = entries.indices.first else { return }
    for index in entries.indices where entries[index].expiry < entries[oldest].expiry {
      oldest = index
    }
    entries[oldest] = Entry(messageID: messageID, expiry: expiry)
  }
}
