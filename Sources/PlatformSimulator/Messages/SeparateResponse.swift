internal import ConstrainedCore

/// A confirmable response that waits for its acknowledgement.
struct SeparateResponse<Peer: Hashable> {
  let peer: Peer
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

  /// Whether MAX_RETRANSMIT, 4, is used up.
  var isGivenUp: Bool { retransmissions > 4 }

  /// Notes a retransmission; `false` when there were enough.
  mutating func retransmit(at now: Instant) -> Bool {
    retransmissions += 1
    timeout = timeout + timeout
    deadline = now + timeout
    return !isGivenUp
  }
}
