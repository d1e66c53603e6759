// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CWire
package import TrafficLedger

/// What a channel over TCP has sent and received: messages as the channel counts them, and what TLS, TCP and IP put
/// around them as the kernel does.
///
/// It may be read on any thread, and outlives the channel. What the kernel does not tell is missing: segments that came
/// twice, the acknowledgements of those, and what arrives once a connection is let go of.
@safe
package final class StreamTraffic: @unchecked Sendable {
  /// Its lock protects `messages` too.
  private let wire: UnsafeMutablePointer<nbiot_wire>
  private var messages = TrafficLedger()
  private let queues: Bool

  /// Nothing yet; `nil` without memory.
  ///
  /// Messages `queues` are counted when a library has taken them, others once they were sent.
  package init?(queues: Bool = false) {
    self.queues = queues
    guard let wire = unsafe nbiot_wire_make() else { return nil }
    unsafe self.wire = wire
  }

  deinit {
    // SAFETY: the library is gone before: the channel, whose callbacks have the pointer, owns
    // this object.
    unsafe nbiot_wire_end(wire)
  }

  /// Counts a message.
  package func count(
    _ purpose: TrafficLedger.Purpose,
    _ direction: TrafficLedger.Direction,
    bytes: Int
  ) {
    // SAFETY: the lock lives as long as this object.
    unsafe pthread_mutex_lock(&wire.pointee.lock)
    messages.count(purpose, direction, bytes: bytes)
    unsafe pthread_mutex_unlock(&wire.pointee.lock)
  }

  /// Whether no connection is ending any more, so that the ledger has all of its segments.
  package var isOver: Bool {
    var counts = nbiot_wire_counts()
    return unsafe nbiot_wire_read(wire, &counts) != 0
  }

  /// Every byte of IP until now, by purpose; what is under way counts as overhead until it has ended.
  package var ledger: TrafficLedger {
    var counts = nbiot_wire_counts()
    // SAFETY: as above.
    _ = unsafe nbiot_wire_read(wire, &counts)
    unsafe pthread_mutex_lock(&wire.pointee.lock)
    var ledger = messages
    unsafe pthread_mutex_unlock(&wire.pointee.lock)
    func add(_ direction: TrafficLedger.Direction, payload: UInt64, handshake: UInt64) {
      let known = ledger.total(direction).bytes &+ handshake
      ledger[.overhead, direction].bytes = payload > known ? payload &- known : 0
      // What the library had not sent when its connection broke went nowhere; where a connection was missed, what
      // is beyond the kernel's count went over that one.
      if queues, counts.missed == 0, known > payload, counts.headers_up > 0 {
        ledger.take(known &- payload, direction)
      }
      ledger[.handshake, direction] = .init(datagrams: counts.handshakes, bytes: handshake)
    }
    add(.up, payload: counts.payload_up, handshake: counts.handshake_up)
    add(.down, payload: counts.payload_down, handshake: counts.handshake_down)
    ledger[.retransmission, .up].datagrams &+= counts.segments_again
    ledger[.retransmission, .up].bytes &+= counts.payload_again
    ledger[.headers, .up].bytes = counts.headers_up
    ledger[.headers, .down].bytes = counts.headers_down
    return ledger
  }

  /// How many connections could not be followed: of these the ledger has messages alone, and what TLS, TCP and IP add
  /// to the others is too low by as much.
  package var missedConnections: Int {
    var counts = nbiot_wire_counts()
    _ = unsafe nbiot_wire_read(wire, &counts)
    return Int(clamping: counts.missed)
  }

  /// Notes a connection that could not be followed.
  package func miss() { unsafe nbiot_wire_miss(wire) }

  /// Whether there is no connection any more, not even one that ends.
  package var isEmpty: Bool { unsafe nbiot_wire_sockets(wire) == 0 }
}

// MARK: - What a library's sockets are to it

extension StreamTraffic {
  /// What the functions below are called with; it is good as long as this object.
  package var context: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(wire) }

  /// Counts a new socket, which is closed by `closed` alone.
  package static var opened: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Void {
    {
      guard let wire = unsafe $0?.assumingMemoryBound(to: nbiot_wire.self) else { return }
      if unsafe nbiot_wire_take(wire, $1) == 0 { unsafe nbiot_wire_miss(wire) }
    }
  }

  /// Ends a connection in place of `close`.
  package static var closed: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32 {
    {
      guard let wire = unsafe $0?.assumingMemoryBound(to: nbiot_wire.self) else { return -1 }
      return unsafe nbiot_wire_close(wire, $1)
    }
  }

  /// Notes that a socket is connected, if it is; call it when that may have come about.
  package func watch(_ descriptor: Int32) { unsafe nbiot_wire_watch(wire, descriptor) }

  /// Notes that the first request is about to be sent from a port: what was carried so far is the handshake.
  package func shake(port: Int32) { unsafe nbiot_wire_shake(wire, port) }

  /// Notes what a socket has carried so far, the handshake if nothing of it comes later.
  package func mark(_ descriptor: Int32) { unsafe nbiot_wire_mark(wire, descriptor) }

  /// Notes that the first packet has been sent: the handshake is what was marked last.
  package func keepMark(_ descriptor: Int32) { unsafe nbiot_wire_keep_mark(wire, descriptor) }

  /// Counts a socket that a library closes whenever it likes, by a descriptor of its own; that is -1 where there is none,
  /// or no place for it.
  package func follow(_ descriptor: Int32) -> Int32 { unsafe nbiot_wire_follow(wire, descriptor) }

  /// Notes whether the peer has ended the connection of such a descriptor, right after the library has.
  package func glance(_ copy: Int32) { unsafe nbiot_wire_glance(wire, copy) }

  /// Lets go of all connections that end, whatever is still to come.
  package func cut() { unsafe nbiot_wire_cut(wire) }

  /// Lets go of such a descriptor, once the library has closed its own.
  package func leave(_ copy: Int32) { _ = unsafe nbiot_wire_close(wire, copy) }
}

extension TrafficLedger {
  /// Takes off so many bytes of messages: of reports first, then of what comes before and after them.
  fileprivate mutating func take(_ bytes: UInt64, _ direction: Direction) {
    var rest = bytes
    func take(_ purpose: Purpose) {
      let part = min(rest, self[purpose, direction].bytes)
      self[purpose, direction].bytes &-= part
      rest &-= part
    }
    take(.report)
    take(.acknowledgement)
    take(.authentication)
    take(.answer)
  }
}
#endif
