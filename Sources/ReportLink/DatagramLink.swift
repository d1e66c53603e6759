public import ConstrainedCore

/// What exchanges datagrams with the platform, without a socket of its own; `DeviceDriver` moves them.
///
/// Order of calls: `handleDatagram` for each datagram that came, `handleTimeout` at or after the time that was
/// asked for, then `pollTransmit` until it gives `nil`.
public protocol DatagramLink: ~Copyable {
  /// Whether a datagram that was cut is of no use, because it is opened as a whole or not at all.
  var needsWholeDatagrams: Bool { get }

  /// Takes in the beginning of a datagram of `length` bytes; what cannot be used is dropped.
  mutating func handleDatagram(_ datagram: Span<UInt8>, of length: Int, at now: Instant)

  /// Takes in that time has passed.
  mutating func handleTimeout(at now: Instant)

  /// Writes the next datagram that is due, whole, into an empty `output` of at least 1,472 bytes; `nil` when
  /// none is.
  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> DeviceTransmission?

  /// Sends what is under way again at once, over a socket to another address of the server.
  mutating func changeAddress(at now: Instant)

  /// Ends what is under way because the socket failed.
  mutating func interrupt(at now: Instant)
}

/// What `pollTransmit` wrote.
public enum DeviceTransmission: Equatable, Sendable {
  /// A request that authenticates or registers the device, for the `attempt`th time.
  case authentication(attempt: Int)
  /// A report, for the `attempt`th time.
  case report(attempt: Int)
  /// An acknowledgement or Reset.
  case control
  /// A datagram of the security layer's own.
  case handshake
}
