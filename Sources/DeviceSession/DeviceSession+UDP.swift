public import ConstrainedCore
public import UDPTransport

extension DeviceSession where Security: ~Copyable {
  /// Does over a socket what is due now: takes in the datagrams that are there, lets time pass,
  /// sends what is due.
  ///
  /// Then poll the events, and wait on the socket until `pollTimeout`.
  ///
  /// `observe` is told of each datagram right before it is sent. After an error the session is as it was
  /// and goes on when called again.
  public mutating func drive(
    over socket: borrowing UDPSocket,
    at now: Instant,
    observe: (DeviceTransmission) -> Void = { _ in }
  ) throws(TransportError) {
    try receive(from: socket, at: now)
    try transmit(over: socket, at: now, observe: observe)
  }

  /// Takes in the datagrams that are there, and lets time pass.
  mutating func receive(
    from socket: borrowing UDPSocket,
    at now: Instant
  ) throws(TransportError) {
    var datagram = Datagram()
    // A flood does not keep the caller from its timers: the rest is taken in by the next call.
    for _ in 0..<64 {
      var isThere = false
      try datagram.write { (writer: inout ByteWriter) throws(TransportError) in
        isThere = try socket.receive(into: &writer)
      }
      guard isThere else { break }
      if !datagram.isEmpty { handleDatagram(datagram.bytes, at: now) }
    }
    handleTimeout(at: now)
  }

  /// Sends what is due.
  mutating func transmit(
    over socket: borrowing UDPSocket,
    at now: Instant,
    observe: (DeviceTransmission) -> Void
  ) throws(TransportError) {
    var datagram = Datagram()
    while true {
      var transmission: DeviceTransmission?
      datagram.write { (writer: inout ByteWriter) in
        do throws(DeviceError) {
          transmission = try pollTransmit(into: &writer, at: now)
        } catch {
          preconditionFailure("a buffer of maxDatagram bytes has room for any datagram")
        }
      }
      guard let transmission else { return }
      observe(transmission)
      try socket.send(datagram.bytes)
    }
  }
}
