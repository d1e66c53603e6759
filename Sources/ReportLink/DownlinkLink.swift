public import ConstrainedCore

/// A link over which the platform can speak to the device at any time, and the device answer.
///
/// `LinkEvent.downlink` says that a message has come.
public protocol DownlinkLink: ReportLink, ~Copyable {
  /// The topic of the last event `downlink`, until the next `pollLinkEvent`.
  var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

  /// The payload of the last event `downlink`, until the next `pollLinkEvent`.
  var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

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
/// gives `nil`.
public protocol DescriptorLink: ReportLink, ~Copyable {
  /// What is readable while there is something to take in; -1 where nothing can be.
  var descriptor: Int32 { get }

  /// Whether an end that was asked for, by `close`, is not over yet.
  var isClosing: Bool { get }
}
