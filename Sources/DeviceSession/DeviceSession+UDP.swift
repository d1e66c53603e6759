internal import CoAPSecurity
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
    if security.wrapsDatagrams {
      // A record is opened whole or not at all, and has up to 16,384 bytes (RFC 6347 Section 4.1) and what
      // seals it.
      var datagram = FixedBytes<16_512>()
      try receive(from: socket, by: &datagram, at: now)
    } else {
      var datagram = Datagram()
      try receive(from: socket, by: &datagram, at: now)
    }
    handleTimeout(at: now)
  }

  private mutating func receive<let size: Int>(
    from socket: borrowing UDPSocket,
    by datagram: inout FixedBytes<size>,
    at now: Instant
  ) throws(TransportError) {
    // A flood does not keep the caller from its timers: the rest is taken in by the next call.
    for _ in 0..<64 {
      var length: Int?
      try datagram.write { (writer: inout ByteWriter) throws(TransportError) in
        length = try socket.receiveHead(into: &writer)
      }
      guard let length else { return }
      if length > 0 { handleDatagram(datagram.bytes, of: length, at: now) }
    }
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
