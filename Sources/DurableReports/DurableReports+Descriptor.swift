// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import ReportLink

extension DurableReports where Link: DescriptorLink & ~Copyable {
  /// What is readable while the link has something to take in; -1 where nothing can be.
  public var descriptor: Int32 { link.descriptor }

  /// Whether an end that was asked for is not over yet.
  public var isClosing: Bool { link.isClosing }

  /// Takes in whatever comes while the link ends, without starting anything; see `isClosing`.
  public mutating func settle(at now: Instant) {
    link.handleTimeout(at: now)
    while link.pollLinkEvent() != nil {}
  }
}

extension DurableReports: DownlinkChannel where Link: DownlinkLink & ~Copyable {
  /// The topic of the last event `downlink`, until the next `pollEvent`.
  public var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get { link.downlinkTopic }
  }

  /// The payload of the last event `downlink`, until the next `pollEvent`.
  public var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get { link.downlinkPayload }
  }

  /// Whether the message of the last event `downlink` was sent before, until the next `pollEvent`.
  public var isDownlinkRepeated: Bool { link.isDownlinkRepeated }

  /// Asks the link for the messages of a topic filter.
  public mutating func listen(to filter: Span<UInt8>) -> Bool { link.listen(to: filter) }

  /// The next filter that the platform has refused.
  public mutating func pollRefusedFilter() -> FixedBytes<160>? { link.pollRefusedFilter() }

  /// Sends what is no report, such as an answer to the platform; `false` where there is no connection or no room.
  public mutating func send(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MessageQuality,
    at now: Instant
  ) -> Bool {
    link.send(topic: topic, payload: payload, quality: quality, at: now)
  }
}
