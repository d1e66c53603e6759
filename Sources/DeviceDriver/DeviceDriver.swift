public import CoAPLink
public import ConstrainedCore
internal import DeviceStore
public import DurableReports
internal import ReportLink
public import SecurityLayer
internal import SystemClocks
public import UDPTransport

/// A durable device over CoAP with its socket: what every program around one does with both.
///
/// Order of calls, in a loop: `receive`, `reports.handleTimeout`, `reports.pollEvent` with `note` for each event
/// until it gives `nil`, `transmit` while `wantsLink`; then wait for `server.descriptor` or
/// `reports.pollTimeout`. Where `receive` or `transmit` throws, `fail` says what to do.
public struct DeviceDriver<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>:
  ~Copyable
{
  /// The device, with what it still has to deliver.
  public var reports: DurableReports<CoAPLink<Security, Randomness>>

  /// The socket to the platform; open while there is something to exchange.
  public var server: ServerLink

  /// A device that is made already, and the platform's address; nothing is looked up yet.
  public init(
    reports: consuming DurableReports<CoAPLink<Security, Randomness>>,
    host: Span<UInt8>,
    port: UInt16
  ) {
    self.reports = reports
    server = ServerLink(host: host, port: port)
  }

  /// Whether `transmit` has something to do: to send, or to take in a name that was looked up.
  public var wantsLink: Bool { reports.needsLink || server.isResolving }

  /// Takes in the datagrams that are there.
  @inline(never)
  public mutating func receive(at now: Instant) throws(TransportError) {
    guard server.socket.isOpen else { return }
    try reports.receive(from: server.socket, at: now)
  }

  /// Sends what is due, once there is a socket; `willSend` is told right before each datagram what is known about
  /// the radio's next seconds.
  public mutating func transmit(
    at now: Instant,
    willSend: (RadioHint) -> Void = { _ in }
  ) throws(TransportError) {
    guard try server.open() else { return }
    let pending = reports.pendingReports
    try reports.transmit(over: server.socket, at: now) { _, passage, _, _ in
      guard case .sent(let transmission) = passage else { return }
      willSend(RadioHint(for: transmission, pendingReports: pending))
    }
  }

  /// Gives up a socket that failed; `true` when the server has another address, to which what is under way goes at
  /// once: call `transmit` again.
  ///
  /// Else the report stays, and the next socket may have an address that works.
  @inline(never)
  public mutating func fail(at now: Instant) -> Bool {
    if server.fail() {
      reports.changeAddress(at: now)
      return true
    }
    reports.interrupt(at: now)
    return false
  }

  /// Draws from an event what it says about the server's address.
  ///
  /// A refusal is an answer. A report that got none needs a new socket, as after a new address of the device or of
  /// the platform; where nothing at all came, the server's next address is tried without a wait.
  @inline(never)
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

  /// Says goodbye, where the channel has one; what is under way stays in the outbox.
  public mutating func close() {
    reports.close()
    guard server.socket.isOpen else { return }
    // What cannot be sent is not needed either.
    do throws(TransportError) { try transmit(at: MonotonicClock.now()) } catch {}
  }
}
