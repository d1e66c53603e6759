public import ConstrainedCore
public import DeviceStore

/// What delivers reports to the platform, one at a time, over a transport of its own.
///
/// An outbox (`DurableReports`) stands above it and knows nothing of the transport: no code, no token, no
/// handshake, no packet. Order of calls: `restore` what an earlier link has written; then, again and again,
/// `pollLinkEvent` until it gives `nil`, write down what is `unkept`, `begin` the next report while the link
/// `isFree`, and call `handleTimeout` at or after `pollTimeout`. What goes onto the wire and comes from it is
/// between the link and its driver; see `DatagramLink`.
public protocol ReportLink: ~Copyable {
  /// Whether a report can begin.
  var isFree: Bool { get }

  /// Whether nothing is under way and nothing waits to be sent.
  var isIdle: Bool { get }

  /// Whether the platform has accepted the device and has not refused it since.
  var isAuthenticated: Bool { get }

  /// How the last report ended.
  var ending: ReportEnding { get }

  // MARK: Commands

  /// Begins to deliver a report to a topic that was checked when it was accepted; `format` is the number of its
  /// content format (RFC 7252 Section 12.3).
  ///
  /// The link authenticates first where it must. `false` where such a report can never be sent: `ending` then
  /// says that this is final.
  mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool

  /// Ends the report under way because the transport failed; the event `report` follows.
  mutating func interrupt(at now: Instant)

  /// Forgets what the platform accepted the device by, for example because it expired; the next report
  /// authenticates.
  mutating func forgetAuthentication()

  /// Ends whatever is under way, without an event, and says goodbye where the transport has one.
  mutating func close()

  // MARK: Time and events

  /// Takes in that time has passed; call it at or after `pollTimeout`.
  mutating func handleTimeout(at now: Instant)

  /// When `handleTimeout` is to be called next, an instant of the past when an event waits; `nil` while nothing
  /// is waited for.
  mutating func pollTimeout() -> Instant?

  /// What happened since the last call; `nil` when that is all.
  mutating func pollLinkEvent() -> LinkEvent?

  /// The wait before the first try again after a transport that failed.
  mutating func firstRetryDelay() -> Milliseconds

  /// `delay` with a random half added, so that many devices do not come back at once.
  mutating func spread(_ delay: Milliseconds) -> Milliseconds

  // MARK: State that outlives the process

  /// What the owner has to write down before the link goes on; `nil` when nothing.
  var unkept: Unkept? { get }

  /// How many secure channels were made anew: one that was made since the record was written is written down
  /// as well, so that it can be resumed after a restart.
  var channelCount: Int { get }

  /// Goes on with what an earlier link has written into `record`; one that is not `isUsable` may have expired.
  mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool)

  /// Writes the state into `record`, and as its ceiling the last sequence number used.
  func write(into record: inout SessionRecord)

  /// Takes in that the owner has kept the state, and that sequence numbers up to `ceiling` may be used.
  mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant)
}

/// What happened on a link.
public enum LinkEvent: Sendable {
  /// The platform accepted the device.
  case authenticated
  /// The platform did not accept the device; the link says why.
  case authenticationFailed
  /// The report has ended: `ReportLink.ending`.
  case report
  /// The platform has sent something of its own; the link holds it until the next call.
  case downlink
}

/// What the owner of a link has to write down before it goes on.
public enum Unkept: Equatable, Sendable {
  /// A new token.
  case token
  /// Sequence numbers to come: those that were kept are used up.
  case numbers
}
