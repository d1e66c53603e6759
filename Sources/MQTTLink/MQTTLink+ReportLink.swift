// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore
internal import MQTTLayer
internal import Platform
internal import PlatformMQTT
public import ReportLink

/// What an outbox asks of its link.
extension MQTTLink: ReportLink where Layer: ~Copyable {
  /// A place for each report that can be under way at once.
  public typealias Taken = TakenTable<16>

  /// How many reports can be under way at once.
  public var capacity: Int { settings.reportsInFlight }

  /// Whether a report can begin.
  public var isFree: Bool {
    registration == nil && !isClosing && reportsUnderWay < settings.reportsInFlight
  }

  /// Whether nothing is under way, and nothing waits to be sent.
  public var isIdle: Bool {
    switch connection {
    case .connecting, .closing: return false
    case .none: return reportsUnderWay == 0 && waiting == nil && registration == nil
    case .connected:
      return reportsUnderWay == 0 && sendsUnderWay == 0 && waiting == nil && registration == nil
        && subscriptionDeadline == nil
    }
  }

  /// Whether the platform has accepted the device, and the connection stands.
  public var isAuthenticated: Bool { isConnected }

  /// Begins to deliver a report: it connects first where it must, and ends at once where it must not.
  ///
  /// MQTT says nothing of a payload's format; the topic tells the platform.
  public mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    begin(id: id, topic: topic, payload: payload, replies: .own, at: now)
  }

  /// Begins to deliver a report whose replies come as `replies` says.
  mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    replies: ReplySource,
    at now: Instant
  ) -> Bool {
    self.now = now
    guard let index = freeSlot else { return refuse(id, .later) }
    guard (try? Topic(topic)) != nil else { return refuse(id, .final) }
    reports[index].id = id
    if mayConnect { connect() }
    switch connection {
    case .none, .closing:
      reports[index].phase = .ended(restingEnding)
      return true
    case .connecting(let until): reports[index].deadline = until + settings.answerTimeout
    case .connected: reports[index].deadline = now + settings.answerTimeout
    }
    // Before the report: its reply would be lost.
    reports[index].topicKey = FNVHash.of(topic)
    reports[index].replyCode = 0
    reports[index].replyKey = listen(toReplyOf: payload, on: topic, replies)
    let number = newNumber()
    guard layer.publish(topic: topic, payload: payload, quality: .atLeastOnce, number: number)
    else {
      reports[index].phase = .ended(ReportEnding(.later, retryAfter: Milliseconds(1_000)))
      return true
    }
    reports[index].number = number
    reports[index].phase = .underWay
    counters.reports += 1
    lastActivity = now
    return true
  }

  private var freeSlot: Int? {
    for index in 0..<16 where reports[index].phase == .free { return index }
    return nil
  }

  private mutating func refuse(_ id: UInt64, _ verdict: ReportVerdict) -> Bool {
    refuse(id, ReportEnding(verdict))
    return false
  }

  /// Ends the connection with all reports under way, because the network failed.
  public mutating func interrupt(at now: Instant) {
    self.now = now
    guard connection != .none else { return }
    layer.disconnect()
    if !isClosing {
      end(.lost, isInterrupted: true)
      waiting = .disconnected
    }
    connection = .none
  }

  /// Forgets the layer's token, if it has one; a connection that stands goes on.
  public mutating func forgetAuthentication() { layer.forgetToken() }

  /// Ends whatever is under way, without an event, and says goodbye; `isClosing` until that is over.
  public mutating func close() {
    registration = nil
    waiting = nil
    for index in 0..<16 { reports[index].phase = .free }
    staysConnected = false
    switch connection {
    case .connected: sayGoodbye()
    case .connecting:
      layer.disconnect()
      connection = .none
    case .none, .closing: break
    }
  }

  /// What happened since the last call, as far as an outbox has to know; `nil` when that is all.
  public mutating func pollLinkEvent() -> LinkEvent? {
    while let event = pollEvent() {
      switch event {
      case .connected: return .authenticated
      case .connectFailed: return .authenticationFailed
      case .report: return .report
      case .downlink: return .downlink
      case .disconnected, .closed, .subscription, .registered, .registrationFailed, .dropped:
        continue
      #if !SMALL || GATEWAY
      case .subscriptions: continue
      #endif
      }
    }
    return nil
  }

  /// A second with a random half.
  public mutating func firstRetryDelay() -> Milliseconds { spread(settings.reconnecting.retry) }

  /// `delay` with a random half added.
  public mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    delay.spread(by: randomness.nextUInt32())
  }

  /// The layer's token, until the owner has stored it; a connection itself leaves nothing to the next one.
  public var unkept: Unkept? { layer.hasUnkeptToken ? .token : nil }

  /// None that could be resumed.
  public var channelCount: Int { 0 }

  /// Takes the token of an earlier process, if it is still good.
  public mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {
    if isUsable { layer.restoreToken(record.token.bytes, record.channel.bytes) }
  }

  /// Writes the layer's token into `record`; there are no numbers.
  public func write(into record: inout SessionRecord) {
    layer.writeToken(&record.token, &record.channel)
  }

  /// Notes that the owner has stored the token.
  public mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) { layer.keepToken() }
}

extension MQTTLink: DownlinkLink where Layer: ~Copyable {
  /// The topic of the last event `downlink`.
  public var downlinkTopic: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.topic }
  }

  /// The payload of the last event `downlink`.
  public var downlinkPayload: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.payload }
  }

  /// Asks for the messages of a topic filter, as `subscribe` does.
  public mutating func listen(to filter: Span<UInt8>) -> Bool {
    (try? subscribe(to: filter, quality: .atLeastOnce)) != nil
  }

  /// The next filter whose subscription the platform has refused.
  public mutating func pollRefusedFilter() -> FixedBytes<160>? {
    for index in 0..<32 where subscriptions[index].phase == .refused {
      guard !subscriptions[index].isRefusalTold else { continue }
      subscriptions[index].isRefusalTold = true
      return subscriptions[index].filter
    }
    return nil
  }

  /// Sends what is no report, over the connection that stands.
  public mutating func send(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MessageQuality,
    at now: Instant
  ) -> Bool {
    self.now = now
    guard connection == .connected, registration == nil, (try? Topic(topic)) != nil else {
      return false
    }
    // Its number is none of a report's.
    let isSent = layer.publish(
      topic: topic,
      payload: payload,
      quality: quality == .atLeastOnce ? .atLeastOnce : .atMostOnce,
      number: newNumber() | 0x8000_0000
    )
    if isSent {
      sendsUnderWay += 1
      counters.sends += 1
      lastActivity = now
    }
    return isSent
  }
}

extension MQTTLink: DescriptorLink where Layer: ~Copyable {}
