// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A link that exchanges datagrams with the platform, without a socket of its own; `DeviceDriver`
/// moves them.
///
/// Order of calls: `handleDatagram` for each received datagram, `handleTimeout` at or after the
/// requested time, then `pollTransmit` until it returns `nil`.
public protocol DatagramLink: ~Copyable {
  /// Whether a truncated datagram is useless, because it is opened completely or not at all.
  var needsWholeDatagrams: Bool { get }

  /// Handles the beginning of a datagram of `length` bytes; unusable ones are dropped.
  mutating func handleDatagram(_ datagram: Span<UInt8>, of length: Int, at now: Instant)

  /// Handles the timers that have expired at `now`.
  mutating func handleTimeout(at now: Instant)

  /// Writes the next datagram, complete, into an empty `output` of at least 1,472 bytes; `nil` if
  /// there is none.
  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> DeviceTransmission?

  /// Sends the request in flight again at once, over a socket to another address of the server.
  mutating func changeAddress(at now: Instant)

  /// Ends the request in flight because the socket failed.
  mutating func interrupt(at now: Instant)
}

/// The message written by `pollTransmit`.
public enum DeviceTransmission: Equatable, Sendable {
  /// A request that authenticates or registers the device, for the `attempt`th time.
  case authentication(attempt: Int)
  /// A report, for the `attempt`th time.
  case report(attempt: Int)
  /// An acknowledgement or Reset.
  case control
  /// A datagram of the security layer itself.
  case handshake
}
