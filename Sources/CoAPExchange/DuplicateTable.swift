// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The message IDs of received responses, for detecting their duplicates during EXCHANGE_LIFETIME
/// or NON_LIFETIME (RFC 7252 Section 4.5).
///
/// When it is full, the entry that would expire first is dropped. The duplicate of a dropped
/// response no longer matches an exchange: it is rejected with a Reset if confirmable, otherwise
/// ignored. The duplicate of a dropped notification is acknowledged, and delivered again only if
/// nothing newer arrived in the 128 seconds before it (RFC 7641 Section 3.4).
struct DuplicateTable<let capacity: Int> {
  private struct Entry {
    var messageID: UInt16 = 0
    var expiry = Instant(milliseconds: .min)
  }

  private var entries = InlineArray<capacity, Entry>(repeating: Entry())

  // Mutating, because the table would be copied first otherwise.
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
