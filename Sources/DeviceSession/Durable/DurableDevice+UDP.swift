public import ConstrainedCore
internal import DeviceStore
public import UDPTransport

extension DurableDevice where Security: ~Copyable {
  /// Takes in the datagrams that are there, and lets time pass.
  public mutating func receive(
    from socket: borrowing UDPSocket,
    at now: Instant
  ) throws(TransportError) {
    try session.receive(from: socket, at: now)
  }

  /// Sends what is due; `willSend` is told right before each datagram what is known about the radio's next
  /// seconds.
  public mutating func transmit(
    over socket: borrowing UDPSocket,
    at now: Instant,
    willSend: (RadioHint) -> Void = { _ in }
  ) throws(TransportError) {
    let pending = outbox.count
    try session.transmit(over: socket, at: now) {
      willSend(RadioHint(for: $0, pendingReports: pending))
    }
  }
}
