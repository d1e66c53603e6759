// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import SecurityLayer
internal import TrafficLedger

/// Books datagrams under what they are for.
extension CoAPLink where Security: ~Copyable {
  /// Books a datagram with a message of `count` bytes in it.
  mutating func note(_ transmission: Transmission, _ count: Int, _ datagram: Span<UInt8>) {
    var purpose = TrafficLedger.Purpose.acknowledgement
    if case .request(let exchange, let attempt) = transmission {
      purpose = authentication == .inFlight(exchange) ? .authentication : .report
      if attempt > 1 { purpose = .retransmission }
    }
    if security.wrapsDatagrams {
      ledger.count(purpose, .up, message: count, in: datagram, of: datagram.count)
    } else {
      ledger.count(purpose, .up, bytes: datagram.count)
    }
  }

  /// Books a datagram that has been handled.
  mutating func noteReceived(_ datagram: Span<UInt8>, of length: Int) {
    if security.wrapsDatagrams {
      ledger.count(receivedPurpose, .down, message: receivedBytes, in: datagram, of: length)
    } else {
      ledger.count(receivedPurpose, .down, bytes: length)
    }
  }

  /// Notes what a message is for, before it changes anything.
  mutating func note(_ reception: Reception, _ code: Code) {
    var isReport = true
    if case .inFlight = authentication { isReport = false }
    switch reception {
    case .response, .challenged: receivedPurpose = isReport ? .answer : .authentication
    case .acknowledged, .reset: receivedPurpose = .acknowledgement
    // An answer that came before, or an acknowledgement that nobody waits for.
    case .notification, .ignored:
      receivedPurpose = code == .empty ? .acknowledgement : .retransmission
    }
  }
}
#endif
