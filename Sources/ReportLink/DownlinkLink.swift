// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// What carries the messages of the platform to the device, and the device's answers.
///
/// A link is one, and so is whatever stands above a link and passes it on (`DurableReports`).
public protocol DownlinkChannel: ~Copyable {
  /// The topic of the last event `downlink`, until the next event is asked for.
  var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

  /// The payload of the last event `downlink`, until the next event is asked for.
  var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

  /// Whether the transport says that the message of the last event `downlink` was sent before, until the next event is
  /// asked for.
  var isDownlinkRepeated: Bool { get }

  /// Asks for the messages of a topic filter, at least once each, now or as soon as there is a connection; `false` for
  /// one that cannot be asked for.
  mutating func listen(to filter: Span<UInt8>) -> Bool

  /// The next filter that the platform has refused since it was last asked for; `nil` when there is none.
  mutating func pollRefusedFilter() -> FixedBytes<160>?

  /// Sends what is no report, such as an answer to the platform; `false` where there is no connection or no room.
  ///
  /// It is not kept, and no event tells what became of it.
  mutating func send(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MessageQuality,
    at now: Instant
  ) -> Bool
}

/// A link over which the platform can speak to the device at any time, and the device answer.
///
/// `LinkEvent.downlink` says that a message has come.
public protocol DownlinkLink: ReportLink, DownlinkChannel, ~Copyable {}

/// How surely a message arrives.
public enum MessageQuality: Sendable {
  /// At most once.
  case atMostOnce
  /// At least once: it is acknowledged.
  case atLeastOnce
}

/// A link whose traffic is seen as one file descriptor.
///
/// When it is readable, or `pollTimeout` has come, `handleTimeout` says what time it is; then `pollLinkEvent` until it
/// gives `nil`. It keeps the id of each report.
public protocol DescriptorLink: ReportLink, ~Copyable {
  /// What is readable while there is something to take in; -1 where nothing can be.
  var descriptor: Int32 { get }

  /// Whether an end that was asked for, by `close`, is not over yet.
  var isClosing: Bool { get }
}

extension DescriptorLink where Self: ~Copyable {
  /// Begins to deliver a report without an id: under 0.
  public mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    begin(id: 0, topic: topic, payload: payload, format: format, at: now)
  }
}
