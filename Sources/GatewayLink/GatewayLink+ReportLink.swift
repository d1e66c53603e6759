// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore
internal import GatewaySessions
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
public import ReportLink

/// What an outbox asks of its link.
extension GatewayLink: ReportLink where Layer: ~Copyable {
  /// A place for each report that can be under way at once, and who is online.
  public typealias Taken = GatewayTaken

  /// An empty table.
  public func makeTaken() -> GatewayTaken {
    settings.servesSubDevices ? GatewayTaken(sessions.book) : GatewayTaken()
  }

  /// Whether reports on that topic may be sent: the gateway's own, and those of a sub-device that is online; all where
  /// there are no sub-devices.
  package func isOpen(_ topic: Span<UInt8>) -> Bool {
    !settings.servesSubDevices || sessions.book.isOpen(topic)
  }

  /// How many reports can be under way at once.
  public var capacity: Int { device.capacity }

  /// Whether a report can begin.
  public var isFree: Bool { device.isFree }

  /// Whether nothing is under way, and nothing waits to be sent.
  public var isIdle: Bool {
    device.isIdle && sessions.isIdle && !awaitsLogins
  }

  /// Whether the platform has accepted the gateway, and the connection stands.
  public var isAuthenticated: Bool { device.isAuthenticated }

  /// How the report of the last event `report` ended.
  public var ending: ReportEnding { changedEnding ?? device.ending }

  /// Which report that was.
  public var endedID: UInt64 { device.endedID }

  /// Begins to deliver a report of the gateway or of a sub-device, which must be online; `false` where it is not.
  public mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    self.now = now
    changedEnding = nil
    guard isOpen(topic) else {
      changedEnding = Self.shutEnding(wasSent: false)
      return false
    }
    guard settings.servesSubDevices, let entry = noteReport(id, topic, payload) else {
      return device.begin(id: id, topic: topic, payload: payload, format: format, at: now)
    }
    let hasBegun = device.begin(
      id: id,
      topic: topic,
      payload: payload,
      format: format,
      isHeard: settings.readsReplies && entry.listening == .granted,
      at: now
    )
    if !hasBegun { takeReport() }
    return hasBegun
  }

  /// Ends the connection with all reports under way, because the network failed.
  public mutating func interrupt(at now: Instant) { device.interrupt(at: now) }

  /// Forgets the layer's token, if it has one.
  public mutating func forgetAuthentication() { device.forgetAuthentication() }

  /// Ends whatever is under way, without an event, and says goodbye; the sub-devices' sessions end with the connection.
  public mutating func close() {
    for index in 0..<16 { reports[index].number = -1 }
    device.close()
  }

  /// What happened since the last call, as far as an outbox has to know; `nil` when that is all.
  public mutating func pollLinkEvent() -> LinkEvent? {
    while let event = pollEvent() {
      #if !hasFeature(Embedded)
      // A message is its owner's while it is there.
      if isObserved, event != .downlink {
        observed.append(ObservedEvent(event: event, id: endedID, ending: ending))
      }
      #endif
      switch event {
      case .connected: return .authenticated
      case .connectFailed: return .authenticationFailed
      case .report: return .report
      case .downlink: return .downlink
      case .disconnected, .closed, .subscription, .subscriptions, .registered,
        .registrationFailed, .dropped:
        continue
      }
    }
    return nil
  }

  /// Says what the calendar's clock has, in seconds since 1970, 0 where it is not set.
  public mutating func setDate(_ seconds: UInt64, at now: Instant) {
    self.now = now
    // One that was told in milliseconds, by `setClock`, is as good.
    guard clock == 0 || seconds != timestamp / 1_000 else { return }
    setClock(seconds &* 1_000, at: now)
  }

  /// A second with a random half.
  public mutating func firstRetryDelay() -> Milliseconds { device.firstRetryDelay() }

  /// `delay` with a random half added.
  public mutating func spread(_ delay: Milliseconds) -> Milliseconds { device.spread(delay) }

  /// The layer's token, until the owner has stored it.
  public var unkept: Unkept? { device.unkept }

  /// None that could be resumed.
  public var channelCount: Int { 0 }

  /// Takes the token of an earlier process, if it is still good.
  public mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {
    device.restore(record, isUsable: isUsable)
  }

  /// Writes the layer's token into `record`.
  public func write(into record: inout SessionRecord) { device.write(into: &record) }

  /// Notes that the owner has stored the token.
  public mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) {
    device.keep(numbersUpTo: ceiling, at: now)
  }
}

extension GatewayLink: DownlinkLink where Layer: ~Copyable {
  /// The topic of the last event `downlink`.
  public var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get { device.downlinkTopic }
  }

  /// The payload of the last event `downlink`.
  public var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get { device.downlinkPayload }
  }

  /// Whether the message of the last event `downlink` was sent before, as its flag DUP says.
  public var isDownlinkRepeated: Bool { device.isDownlinkRepeated }

  /// Asks for the messages of a topic filter of the gateway's own.
  public mutating func listen(to filter: Span<UInt8>) -> Bool { device.listen(to: filter) }

  /// The next filter whose subscription the platform has refused.
  public mutating func pollRefusedFilter() -> FixedBytes<160>? { device.pollRefusedFilter() }

  /// Sends what is no report, over the connection that stands; for a sub-device it must be online, or have just been.
  public mutating func send(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MessageQuality,
    at now: Instant
  ) -> Bool {
    device.send(topic: topic, payload: payload, quality: quality, at: now)
  }
}

extension GatewayLink: DescriptorLink where Layer: ~Copyable {
  /// What is readable while there is something to take in.
  public var descriptor: Int32 { device.descriptor }

  /// Whether an end that was asked for is not over yet.
  public var isClosing: Bool { device.isClosing }
}
