// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore

/// What delivers reports to the platform, `capacity` of them at a time, over a transport of its own.
///
/// An outbox (`DurableReports`) stands above it and knows nothing of the transport: no code, no token, no
/// handshake, no packet. Order of calls: `restore` what an earlier link has written; then, again and again,
/// `pollLinkEvent` until it gives `nil`, write down what is `unkept`, `begin` the next report while the link
/// `isFree`, and call `handleTimeout` at or after `pollTimeout`. What goes onto the wire and comes from it is
/// between the link and its driver; see `DatagramLink`.
public protocol ReportLink: ~Copyable {
  /// The table of the reports under way at once: none for a link that has one at a time, otherwise
  /// with a place for each that the link can have.
  associatedtype Taken: TakenEntries = NoTakenEntries

  /// An empty table of them.
  func makeTaken() -> Taken

  /// Whether a report can start.
  var isFree: Bool { get }

  /// Whether nothing is in flight and nothing waits to be sent.
  var isIdle: Bool { get }

  /// Whether the platform has accepted the device and has not refused it since.
  var isAuthenticated: Bool { get }

  /// How many reports can be under way at once: 1 unless the link says more.
  var capacity: Int { get }

  #if !SMALL_REPORTS
  /// The longest payload that it delivers, in bytes: 1,024 unless the link says more.
  var payloadLimit: Int { get }
  #endif

  /// How the report of the last event `report` ended.
  var ending: ReportEnding { get }

  /// Which report that was, as `begin` was told; 0 where the link has one at a time and keeps no id.
  var endedID: UInt64 { get }

  // MARK: Commands

  /// Begins to deliver a report to a topic that was checked when it was accepted; `format` is the number of its
  /// content format (RFC 7252 Section 12.3).
  ///
  /// The link authenticates first where it must. `false` where it has not begun, and no event follows: `ending` says
  /// that this is final where such a report can never be sent, and that it may be tried later where a link that has
  /// several has no place for it.
  mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool

  /// Begins to deliver a report under an id of the caller's, which `endedID` has when it ends.
  ///
  /// A link that has one report at a time need not have it.
  mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool

  /// Ends the reports under way because the transport failed; the event `report` follows for each.
  mutating func interrupt(at now: Instant)

  /// Drops the credentials accepted by the platform, for example after they have expired; the next
  /// report authenticates.
  mutating func forgetAuthentication()

  /// Ends everything in flight without an event, and closes the channel if the transport has one.
  mutating func close()

  // MARK: Time and events

  #if !SMALL_REPORTS || GATEWAY
  /// Says what the calendar's clock has at `now`, in seconds since 1970, 0 where it is not set; to be called before
  /// `pollLinkEvent` by an owner that knows it.
  mutating func setDate(_ seconds: UInt64, at now: Instant)

  /// Says what the calendar's clock shows at `now`, in seconds since 1970, right or wrong: for a link that compares it
  /// with the server's, and sends nothing by it.
  mutating func setClock(_ seconds: UInt64, at now: Instant)
  #endif

  /// Handles the timers that have expired; call it at or after `pollTimeout`.
  mutating func handleTimeout(at now: Instant)

  /// The time of the next call of `handleTimeout`, in the past if an event waits; `nil` if nothing
  /// is pending.
  mutating func pollTimeout() -> Instant?

  /// The next event since the last call; `nil` if there are no more.
  mutating func pollLinkEvent() -> LinkEvent?

  /// The wait before the first retry after a failure of the transport.
  mutating func firstRetryDelay() -> Milliseconds

  /// `delay` plus a random time of up to half of it, so that many devices do not return at once.
  mutating func spread(_ delay: Milliseconds) -> Milliseconds

  // MARK: State that outlives the process

  /// The state that the owner has to store before the link continues; `nil` if there is none.
  var unkept: Unkept? { get }

  /// The number of secure channels established by full handshakes.
  ///
  /// A channel established since the record was stored is stored as well, so that it can be resumed
  /// after a restart.
  var channelCount: Int { get }

  /// Continues from the `record` written by an earlier link; if it is not `isUsable`, it may have
  /// expired.
  mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool)

  /// Writes the state into `record`, with the last used sequence number as its ceiling.
  func write(into record: inout SessionRecord)

  /// Records that the owner has stored the state, and that sequence numbers up to `ceiling` may be
  /// used.
  mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant)
}

// What a link is that has one report at a time; it costs such a link nothing.
extension ReportLink where Self: ~Copyable {
  /// An empty one.
  @inlinable
  public func makeTaken() -> Taken { Taken() }

  /// One.
  @inlinable
  public var capacity: Int { 1 }

  #if !SMALL_REPORTS
  /// What an outbox takes over any link.
  @inlinable
  public var payloadLimit: Int { 1_024 }
  #endif

  #if !SMALL_REPORTS || GATEWAY
  /// Nothing depends on the calendar.
  @inlinable
  public mutating func setDate(_ seconds: UInt64, at now: Instant) {}

  /// It is compared with nothing.
  @inlinable
  public mutating func setClock(_ seconds: UInt64, at now: Instant) {}
  #endif

  /// None.
  @inlinable
  public var endedID: UInt64 { 0 }

  /// Begins to deliver a report without keeping its id.
  @inlinable
  public mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    begin(topic: topic, payload: payload, format: format, at: now)
  }
}

extension Milliseconds {
  /// The delay and up to half of it more, by a random number.
  package func spread(by random: UInt32) -> Milliseconds {
    self + Milliseconds(Int64(random >> 1) * (count / 2) / Int64(Int32.max))
  }
}

/// What happened on a link.
public enum LinkEvent: Sendable {
  /// The platform accepted the device.
  case authenticated
  /// The platform did not accept the device; the link says why.
  case authenticationFailed
  /// A report has ended: `ReportLink.ending` and `endedID`.
  case report
  /// The platform has sent a message of its own, which the link holds until the next call.
  case downlink
}

/// The state that the owner of a link has to store before it continues.
public enum Unkept: Equatable, Sendable {
  /// A new token.
  case token
  /// More sequence numbers: the stored ones are used up.
  case numbers
}
