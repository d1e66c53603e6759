public import ConstrainedCore
public import ReportLink
public import UDPTransport

/// A datagram on its way between a link and its socket.
public enum DatagramPassage: Sendable {
  /// It has come, and the link takes it in next.
  case received
  /// It is sent next.
  case sent(DeviceTransmission)
}

extension DatagramLink where Self: ~Copyable {
  /// Does over a socket what is due now: takes in the datagrams that are there, lets time pass,
  /// sends what is due.
  ///
  /// Then poll the events, and wait on the socket until `pollTimeout`.
  ///
  /// `observe` is told of each datagram right before it is taken in or sent, with its bytes, of one that is too
  /// long the head, and its length. After an error the link is as it was and goes on when called again.
  public mutating func drive(
    over socket: borrowing UDPSocket,
    at now: Instant,
    observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void = { _, _, _, _ in }
  ) throws(TransportError) {
    try receive(from: socket, at: now, observe: observe)
    handleTimeout(at: now)
    try transmit(over: socket, at: now, observe: observe)
  }

  /// Takes in the datagrams that are there.
  public mutating func receive(
    from socket: borrowing UDPSocket,
    at now: Instant,
    observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void = { _, _, _, _ in }
  ) throws(TransportError) {
    if needsWholeDatagrams {
      // A record has up to 16,384 bytes (RFC 6347 Section 4.1) and what seals it.
      var datagram = FixedBytes<16_512>()
      try receive(from: socket, by: &datagram, at: now, observe)
    } else {
      var datagram = FixedBytes<1_472>()
      try receive(from: socket, by: &datagram, at: now, observe)
    }
  }

  private mutating func receive<let size: Int>(
    from socket: borrowing UDPSocket,
    by datagram: inout FixedBytes<size>,
    at now: Instant,
    _ observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void
  ) throws(TransportError) {
    // A flood does not keep the caller from its timers: the rest is taken in by the next call.
    for _ in 0..<64 {
      var length: Int?
      try datagram.write { (writer: inout ByteWriter) throws(TransportError) in
        length = try socket.receiveHead(into: &writer)
      }
      guard let length else { return }
      guard length > 0 else { continue }
      observe(self, .received, datagram.bytes, length)
      handleDatagram(datagram.bytes, of: length, at: now)
    }
  }

  /// Sends what is due.
  public mutating func transmit(
    over socket: borrowing UDPSocket,
    at now: Instant,
    observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void = { _, _, _, _ in }
  ) throws(TransportError) {
    var datagram = FixedBytes<1_472>()
    while true {
      var transmission: DeviceTransmission?
      var isTooShort = false
      datagram.write { (writer: inout ByteWriter) in
        do throws(CapacityError) {
          transmission = try pollTransmit(into: &writer, at: now)
        } catch {
          isTooShort = true
        }
      }
      // After the `catch`: inside it Swift would add code that destroys the whole link.
      precondition(!isTooShort, "a buffer of 1,472 bytes has room for any datagram")
      guard let transmission else { return }
      observe(self, .sent(transmission), datagram.bytes, datagram.count)
      try socket.send(datagram.bytes)
    }
  }
}
