// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import MQTTLayer
internal import PlatformMQTT
internal import ReportLink

/// Time and events.
extension MQTTLink where Layer: ~Copyable {
  /// Takes in what time it is; call it before `pollEvent`, whenever the descriptor is readable or `pollTimeout` has
  /// come.
  public mutating func handleTimeout(at now: Instant) {
    self.now = now
    switch connection {
    case .none:
      if registration != nil || staysConnected, waiting == nil, mayConnect { connect() }
    case .connecting(let until): if now >= until { giveUp() }
    case .connected:
      expireReplies()
      if let deadline = answerDeadline, now >= deadline {
        giveUp()
      } else if let idleAt, now >= idleAt {
        sayGoodbye()
      }
    case .closing(let until):
      if now >= until {
        connection = .none
        waiting = .closed
      }
    }
  }

  /// When `handleTimeout` is to be called next, an instant of the past when an event waits; `nil` while only the
  /// descriptor is waited for.
  public mutating func pollTimeout() -> Instant? {
    if waiting != nil { return Instant(milliseconds: .min) }
    for index in 0..<16 {
      if case .ended = reports[index].phase { return Instant(milliseconds: .min) }
    }
    switch connection {
    case .none: return registration != nil || staysConnected ? policy.notBefore : nil
    case .connecting(let until), .closing(let until): return until
    case .connected:
      guard let deadline = earlier(answerDeadline, replyDeadline) else { return idleAt }
      return min(deadline, idleAt ?? deadline)
    }
  }

  /// By when the platform must have answered, if it has to.
  private var answerDeadline: Instant? {
    var earliest = subscriptionDeadline
    for index in 0..<16 where reports[index].phase == .underWay {
      earliest = min(earliest ?? reports[index].deadline, reports[index].deadline)
    }
    if let registration { earliest = min(earliest ?? registration.deadline, registration.deadline) }
    return earliest
  }

  /// When the connection is no longer worth keeping; `nil` while it is.
  private var idleAt: Instant? {
    guard !staysConnected, registration == nil, reportsUnderWay == 0 else { return nil }
    return lastActivity + settings.idleTime
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> MQTTLinkEvent? {
    while true {
      if let event = waiting {
        waiting = nil
        return event
      }
      if takeEndedReport() { return .report }
      guard let event = layer.pollEvent() else { return nil }
      if let event = take(event) { return event }
    }
  }

  /// Takes in what happened on the layer; the event that is told of it, if there is one.
  private mutating func take(_ event: MQTTLayerEvent) -> MQTTLinkEvent? {
    switch event {
    case .connected(let hasSession):
      guard case .connecting = connection else { return nil }
      takeConnected(hasSession: hasSession)
      return registration == nil ? .connected(hasSession: hasSession) : nil
    case .failed(let reason):
      guard case .connecting = connection else { return nil }
      takeFailure(reason)
    case .lost(let loss):
      switch connection {
      case .connected: takeLoss(loss)
      case .closing: takeClosed()
      case .none, .connecting: break
      }
    case .disconnected: if isClosing { takeClosed() }
    case .delivered(let number): takeDelivery(number, isDelivered: true)
    case .undelivered(let number): takeDelivery(number, isDelivered: false)
    case .subscribed(let number, let quality):
      return takeSubscription(number, isGranted: quality != nil)
    case .unsubscribed(let number): takeUnsubscription(number)
    case .message(_, let isRepeated):
      isDownlinkRepeated = isRepeated
      return takeMessage()
    case .dropped(let reason, let count):
      counters.dropped += Int(truncatingIfNeeded: count)
      lastDrop = reason
      return .dropped(reason, count: count)
    }
    return nil
  }

  private mutating func takeClosed() {
    connection = .none
    waiting = .closed
  }

  private mutating func takeDelivery(_ number: UInt32, isDelivered: Bool) {
    lastActivity = now
    if number & 0x8000_0000 != 0 {
      sendsUnderWay = max(sendsUnderWay - 1, 0)
      return askForSubscriptions()
    }
    for index in 0..<16 where reports[index].phase == .underWay && reports[index].number == number {
      if isDelivered {
        counters.acknowledged += 1
        let key = reports[index].topicKey
        if key == suspect { suspect = 0 }
        let place = Int(truncatingIfNeeded: key & 15)
        if closers[place] == key { closers[place] = 0 }
      }
      if isDelivered, reports[index].replyKey != 0, !isMute {
        reports[index].phase = .acknowledged
        reports[index].deadline = now + settings.replyTimeout
        continue
      }
      reports[index].phase = .ended(
        ReportEnding(isDelivered ? .delivered : .unreachable, wasSent: true)
      )
    }
    askForSubscriptions()
  }

  /// Takes in a message; the event, if it is the owner's.
  private mutating func takeMessage() -> MQTTLinkEvent? {
    guard connection == .connected else { return nil }
    lastActivity = now
    if registration != nil {
      if layer.topic.isEqual(to: MQTTRegistrationAnswer.topic) { takeRegistration() }
      return nil
    }
    if layer.topic.isEqual(to: MQTTNotice.topic) {
      if MQTTNotice(json: layer.payload) == .kicked { wasKicked = true }
      return nil
    }
    if takeReply() { return nil }
    counters.downlinks += 1
    return .downlink
  }
}
