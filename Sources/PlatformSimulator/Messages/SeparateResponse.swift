// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A separate confirmable response that has not been acknowledged yet.
struct SeparateResponse<Peer: Hashable> {
  /// Where it is sent to, and where its acknowledgement comes from.
  private(set) var peer: Peer
  let messageID: UInt16
  let bytes: [UInt8]
  private(set) var deadline: Instant
  private var timeout = Milliseconds(2_000)
  private var retransmissions = 0

  init(peer: Peer, messageID: UInt16, bytes: [UInt8], at now: Instant) {
    self.peer = peer
    self.messageID = messageID
    self.bytes = bytes
    deadline = now + timeout
  }

  /// The same response for another address that the request came from, for as long as this one lasts.
  func copied(to peer: Peer) -> SeparateResponse {
    var copy = self
    copy.peer = peer
    return copy
  }

  /// Whether MAX_RETRANSMIT, 4, is exceeded.
  var isGivenUp: Bool { retransmissions > 4 }

  /// Counts a retransmission; returns `false` if there were enough.
  mutating func retransmit(at now: Instant) -> Bool {
    retransmissions += 1
    timeout = timeout + timeout
    deadline = now + timeout
    return !isGivenUp
  }
}
