// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CCurl
internal import ConstrainedCore
internal import HTTPSLayer
package import TrafficLedger

/// What a channel has sent and received: requests and answers as the channel counts them, and what TLS, TCP and IP put
/// around them as the kernel does.
///
/// It may be read on any thread, and outlives the channel. What the kernel does not tell is missing: segments that came
/// twice, the acknowledgements of those, and what arrives once a connection is let go of.
@safe
package final class HTTPSTraffic: @unchecked Sendable {
  /// Its lock protects `messages` too.
  let wire: UnsafeMutablePointer<nbiot_wire>
  private var messages = TrafficLedger()

  /// Nothing yet; `nil` without memory.
  init?() {
    guard let wire = unsafe nbiot_wire_make() else { return nil }
    unsafe self.wire = wire
  }

  deinit {
    // SAFETY: libcurl is gone before: the channel, whose callbacks have the pointer, owns this object.
    unsafe nbiot_wire_end(wire)
  }

  /// Counts a request or an answer.
  func count(_ purpose: TrafficLedger.Purpose, _ direction: TrafficLedger.Direction, bytes: Int) {
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
}

extension HTTPSChannel {
  /// Notes a request for the ledger.
  mutating func note(_ request: borrowing @_addressable HTTPSRequest, _ body: Int) {
    var host = settings.host.count
    if settings.port != 443 {
      // A colon and the digits.
      host += 1
      var rest = settings.port
      while rest > 0 {
        host += 1
        rest /= 10
      }
    }
    counted = (
      request.password.isEmpty ? .authentication : .report,
      request.size(host: host, body: body)
    )
  }

  /// Counts a request that has ended, each time that it was sent.
  mutating func countSends() {
    guard counted.bytes > 0 else { return }
    for number in 0..<sends {
      traffic.count(
        number == 0 || counted.purpose == .authentication ? counted.purpose : .retransmission,
        .up,
        bytes: counted.bytes
      )
    }
    counted.bytes = 0
  }
}
#endif
