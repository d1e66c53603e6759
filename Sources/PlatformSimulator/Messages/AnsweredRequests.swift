// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The requests of the last EXCHANGE_LIFETIME with their replies (RFC 7252 Section 4.2).
struct AnsweredRequests<Peer: Hashable> {
  struct Entry {
    let record: RequestRecord
    let reply: [UInt8]?
    let expiry: Instant
  }

  private struct Key: Hashable {
    let peer: Peer
    let messageID: UInt16
  }

  private let lifetime: Milliseconds
  private let maxEntries: Int
  private var entries: [Key: Entry] = [:]
  private var order: [Key] = []
  private var oldest = 0

  init(lifetime: Milliseconds, limit: Int) {
    self.lifetime = lifetime
    maxEntries = limit
  }

  func find(_ peer: Peer, _ messageID: UInt16, at now: Instant) -> Entry? {
    guard let entry = entries[Key(peer: peer, messageID: messageID)], entry.expiry > now else {
      return nil
    }
    return entry
  }

  mutating func insert(
    _ peer: Peer,
    _ messageID: UInt16,
    record: RequestRecord,
    reply: [UInt8]?,
    at now: Instant
  ) {
    forgetOld(at: now)
    let key = Key(peer: peer, messageID: messageID)
    entries[key] = Entry(record: record, reply: reply, expiry: now + lifetime)
    order.append(key)
  }

  private mutating func forgetOld(at now: Instant) {
    while oldest < order.count, order.count - oldest >= maxEntries || isExpired(at: now) {
      entries[order[oldest]] = nil
      oldest += 1
    }
    if oldest > maxEntries {
      order.removeFirst(oldest)
      oldest = 0
    }
  }

  private func isExpired(at now: Instant) -> Bool {
    guard let entry = entries[order[oldest]] else { return true }
    return entry.expiry <= now
  }
}
