// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import ReportLink
public import UDPTransport

/// The direction of a datagram between a link and its socket.
public enum DatagramPassage: Sendable {
  /// It was received; the link handles it next.
  case received
  /// It is about to be sent.
  case sent(DeviceTransmission)
}

extension DatagramLink where Self: ~Copyable {
  /// Performs the link's pending work over a socket: handles received datagrams and expired timers,
  /// and sends due datagrams.
  ///
  /// Then poll the events, and wait on the socket until `pollTimeout`. `observe` receives each
  /// datagram right before it is handled or sent: its bytes, only the head if it is too long, and
  /// its length. An error leaves the link unchanged; it continues when called again.
  public mutating func drive(
    over socket: borrowing UDPSocket,
    at now: Instant,
    observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void = { _, _, _, _ in }
  ) throws(TransportError) {
    try receive(from: socket, at: now, observe: observe)
    handleTimeout(at: now)
    try transmit(over: socket, at: now, observe: observe)
  }

  /// Handles the datagrams that have arrived.
  public mutating func receive(
    from socket: borrowing UDPSocket,
    at now: Instant,
    observe: (borrowing Self, DatagramPassage, Span<UInt8>, Int) -> Void = { _, _, _, _ in }
  ) throws(TransportError) {
    if needsWholeDatagrams {
      // A record has up to 16,384 bytes (RFC 6347 Section 4.1), plus its encryption overhead.
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
    // So that a flood does not delay the caller's timers; the next call handles the rest.
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

  /// Sends due datagrams.
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
