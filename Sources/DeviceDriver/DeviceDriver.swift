// SPDX-License-Identifier: Apache-2.0
public import CoAPLink
public import ConstrainedCore
internal import DeviceStore
public import DurableReports
internal import ReportLink
public import SecurityLayer
internal import SystemClocks
public import UDPTransport

#if LEDGER
public import TrafficLedger
#endif

/// A durable device over CoAP with its socket, the core of every program around one.
///
/// Order of calls, in a loop: `receive`, `reports.handleTimeout`, `reports.pollEvent` with `note`
/// for each event until it returns `nil`, `transmit` while `wantsLink`; then wait for
/// `server.descriptor` or `reports.pollTimeout`. If `receive` or `transmit` throws, `fail` says
/// what to do.
public struct DeviceDriver<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>:
  ~Copyable
{
  /// The device, with its undelivered reports.
  public var reports: DurableReports<CoAPLink<Security, Randomness>>

  /// The socket to the platform; open while there is something to exchange.
  public var server: ServerLink

  #if LEDGER
  /// The bytes of the headers before each datagram, by the last socket.
  private var headerBytes = 28

  /// The device's traffic by purpose, with the headers of IP and UDP; a device that changes between IPv4 and IPv6 has
  /// the headers of the last for all.
  public var ledger: TrafficLedger {
    var ledger = reports.link.ledger
    ledger.addHeaders(headerBytes)
    return ledger
  }
  #endif

  /// Combines an existing device with the platform's address; nothing is resolved yet.
  public init(
    reports: consuming DurableReports<CoAPLink<Security, Randomness>>,
    host: Span<UInt8>,
    port: UInt16
  ) {
    self.reports = reports
    server = ServerLink(host: host, port: port)
  }

  /// Whether `transmit` has work: to send, or to take the result of a name lookup.
  public var wantsLink: Bool { reports.needsLink || server.isResolving }

  /// Handles the datagrams that have arrived.
  public mutating func receive(at now: Instant) throws(TransportError) {
    guard server.socket.isOpen else { return }
    try reports.receive(from: server.socket, at: now)
  }

  /// Sends due datagrams, once there is a socket; `willSend` receives a hint about the radio's next
  /// seconds right before each datagram.
  public mutating func transmit(
    at now: Instant,
    willSend: (RadioHint) -> Void = { _ in }
  ) throws(TransportError) {
    guard try server.open() else { return }
    #if LEDGER
    headerBytes = server.socket.headerBytes
    #endif
    let pending = reports.pendingReports
    try reports.transmit(over: server.socket, at: now) { _, passage, _, _ in
      guard case .sent(let transmission) = passage else { return }
      willSend(RadioHint(for: transmission, pendingReports: pending))
    }
  }

  /// Drops a failed socket; returns `true` if the server has another address, to which the work in
  /// flight is sent at once: call `transmit` again.
  ///
  /// Otherwise the report stays, and the next socket may have a working address.
  public mutating func fail(at now: Instant) -> Bool {
    if server.fail() {
      reports.changeAddress(at: now)
      return true
    }
    reports.interrupt(at: now)
    return false
  }

  /// Updates the state of the server's address after an event.
  ///
  /// A refusal is an answer. An unanswered report needs a new socket, as after a new address of the
  /// device or the platform; if nothing at all was received, the server's next address is tried
  /// without a wait.
  public mutating func note(_ event: DurableEvent) {
    switch event {
    case .authenticated, .delivered: server.confirm()
    case .authenticationFailed:
      switch reports.link.failure {
      case .refused, .putOff: server.confirm()
      default: break
      }
    case .postponed:
      let result = reports.link.result
      if !result.isAnswered, server.fail(), result.isSilence { reports.moveOn() }
    default: break
    }
  }

  /// Sends close_notify if the channel has it; work in flight stays in the outbox.
  public mutating func close() {
    reports.close()
    guard server.socket.isOpen else { return }
    // A datagram that cannot be sent is not needed either.
    do throws(TransportError) { try transmit(at: MonotonicClock.now()) } catch {}
  }
}
