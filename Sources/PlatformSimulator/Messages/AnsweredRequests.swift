// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The requests of the last EXCHANGE_LIFETIME with their replies (RFC 7252 Section 4.2).
///
/// A request is found by its peer and message ID; the owner decides whether it is of the same device. One of the symmetric
/// mode is found by its bytes as well: with a security mode, that and not the address says which endpoint a message is from
/// (RFC 7252 Section 4.1). The same bytes are the same message, whoever has sent them: a copy by somebody else is answered
/// as a retransmission.
struct AnsweredRequests<Peer: Hashable> {
  struct Entry {
    let record: RequestRecord
    /// The request as it came; empty where the owner does not need it.
    let request: [UInt8]
    let reply: [UInt8]?
    /// The message ID of the separate response to it.
    let separateID: UInt16?
    fileprivate let expiry: Instant
    fileprivate let isSecured: Bool
    /// The number of the request before it that had the same peer and message ID.
    fileprivate let earlier: UInt64?
  }

  private struct Key: Hashable {
    let peer: Peer
    let messageID: UInt16
  }

  private let lifetime: Milliseconds
  private let maxEntries: Int
  /// The requests by their numbers, which grow.
  private var entries: [UInt64: Entry] = [:]
  private var latest: [Key: UInt64] = [:]
  private var secured: [[UInt8]: UInt64] = [:]
  private var order: [(key: Key, number: UInt64)] = []
  private var oldest = 0
  private var count: UInt64 = 0

  /// How many devices of one address with one message ID are told apart.
  static var maxDevices: Int { 4 }

  init(lifetime: Milliseconds, limit: Int) {
    self.lifetime = lifetime
    maxEntries = limit
  }

  /// The requests with that message ID from that address, the last one first.
  func find(_ peer: Peer, _ messageID: UInt16, at now: Instant) -> [Entry] {
    var found: [Entry] = []
    var next = latest[Key(peer: peer, messageID: messageID)]
    while let number = next, found.count < Self.maxDevices, let entry = entries[number],
      entry.expiry > now
    {
      found.append(entry)
      next = entry.earlier
    }
    return found
  }

  /// The same message from another address.
  func find(secured datagram: [UInt8], at now: Instant) -> Entry? {
    guard let number = secured[datagram], let entry = entries[number], entry.expiry > now else {
      return nil
    }
    return entry
  }

  /// Keeps a request; `isSecured` if the session's key has opened it.
  mutating func insert(
    _ peer: Peer,
    _ messageID: UInt16,
    _ request: [UInt8],
    record: RequestRecord,
    reply: [UInt8]?,
    separateID: UInt16? = nil,
    isSecured: Bool = false,
    at now: Instant
  ) {
    forgetOld(at: now)
    let key = Key(peer: peer, messageID: messageID)
    count += 1
    entries[count] = Entry(
      record: record,
      request: request,
      reply: reply,
      separateID: separateID,
      expiry: now + lifetime,
      isSecured: isSecured,
      earlier: latest[key]
    )
    latest[key] = count
    if isSecured { secured[request] = count }
    order.append((key, count))
  }

  /// Forgets requests in the order in which they came, so that what is before a forgotten one is gone as well.
  private mutating func forgetOld(at now: Instant) {
    while oldest < order.count, order.count - oldest >= maxEntries || isExpired(at: now) {
      let (key, number) = order[oldest]
      oldest += 1
      if latest[key] == number { latest[key] = nil }
      guard let old = entries.removeValue(forKey: number), old.isSecured,
        secured[old.request] == number
      else { continue }
      secured[old.request] = nil
    }
    if oldest > maxEntries {
      order.removeFirst(oldest)
      oldest = 0
    }
  }

  private func isExpired(at now: Instant) -> Bool {
    guard let entry = entries[order[oldest].number] else { return true }
    return entry.expiry <= now
  }
}
