// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The requests of the last EXCHANGE_LIFETIME with their replies (RFC 7252 Section 4.2).
///
/// A request is found by its peer and message ID. One of the symmetric mode is found by its bytes as well: with a security
/// mode, that and not the address says which endpoint a message is from (RFC 7252 Section 4.1). The same bytes are the same
/// message, whoever has sent them: a copy by somebody else is answered as a retransmission.
struct AnsweredRequests<Peer: Hashable> {
  struct Entry {
    let record: RequestRecord
    let reply: [UInt8]?
    /// The message ID of the separate response to it.
    let separateID: UInt16?
    let expiry: Instant
    fileprivate let secured: [UInt8]?
  }

  private struct Key: Hashable {
    let peer: Peer
    let messageID: UInt16
  }

  private let lifetime: Milliseconds
  private let maxEntries: Int
  private var entries: [Key: Entry] = [:]
  private var secured: [[UInt8]: Key] = [:]
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

  /// The same message from another address.
  func find(secured datagram: [UInt8], at now: Instant) -> Entry? {
    guard let key = secured[datagram], let entry = entries[key], entry.expiry > now else {
      return nil
    }
    return entry
  }

  /// Keeps a request; `secured` is its datagram if the session's key has opened it.
  mutating func insert(
    _ peer: Peer,
    _ messageID: UInt16,
    record: RequestRecord,
    reply: [UInt8]?,
    separateID: UInt16? = nil,
    secured datagram: [UInt8]? = nil,
    at now: Instant
  ) {
    forgetOld(at: now)
    let key = Key(peer: peer, messageID: messageID)
    forget(key)
    entries[key] = Entry(
      record: record,
      reply: reply,
      separateID: separateID,
      expiry: now + lifetime,
      secured: datagram
    )
    if let datagram { secured[datagram] = key }
    order.append(key)
  }

  private mutating func forget(_ key: Key) {
    guard let old = entries.removeValue(forKey: key), let datagram = old.secured,
      secured[datagram] == key
    else { return }
    secured[datagram] = nil
  }

  private mutating func forgetOld(at now: Instant) {
    while oldest < order.count, order.count - oldest >= maxEntries || isExpired(at: now) {
      forget(order[oldest])
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
