// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DurableReports
internal import GatewayLink
internal import GatewaySessions
internal import MQTTLink
internal import Platform
internal import PlatformMQTT
internal import SystemClocks

/// What the platform sends to the device.
extension MQTTCore {
  /// Notes that somebody takes messages: the device subscribes, and stays connected.
  func openInbox() {
    update { state, completions in
      guard !state.callers.isClosed else { return }
      state.inbox.open()
      if !state.inbox.isSubscribed {
        state.inbox.isSubscribed = true
        let names = Array("\(productKey)/\(deviceName)/#".utf8)
        // Names too long for that listen to all topics.
        let own = (try? FixedBytes<64>(copying: names.span)) ?? FixedBytes()
        _ = state.inbox.exchange.listen(over: &state.reports.link, customTopic: own)
        for filter in settings.topicFilters {
          let bytes = Array(filter.utf8)
          do throws(SubscriptionError) {
            state.filters[try state.link.device.subscribe(to: bytes.span)] = filter
          } catch {
            state.inbox.end(.subscription(error), &completions)
          }
        }
      }
      guard let resting = Self.resting(state.link) else { return }
      switch state.link.device.rest.reason {
      case .kicked, .suspectedTwin, .refused, .unauthenticated:
        state.inbox.end(resting, &completions)
      case .none, .failed, .lost, .malformed, .oversized, .closed: break
      }
    }
  }

  private var productKey: String {
    String(decoding: identity.productKey.bytes.array, as: UTF8.self)
  }

  private var deviceName: String {
    String(decoding: identity.deviceName.bytes.array, as: UTF8.self)
  }

  /// Notes that an iterator is gone.
  func closeInbox() {
    update { state, completions in
      for request in state.inbox.close() { refuse(request, &state, &completions) }
    }
  }

  func nextRequest(_ id: UInt64, _ continuation: CheckedContinuation<DeviceRequest?, any Error>) {
    update { state, completions in
      // Cancelled, or closed: the sequence ends.
      guard state.callers.refusal(of: id) == nil else {
        return completions.actions.append { continuation.resume(returning: nil) }
      }
      let waiter = RequestWaiter(id: id, continuation: continuation)
      guard let result = state.inbox.next(waiter) else { return }
      completions.actions.append { continuation.resume(with: result) }
    }
  }

  /// Answers a request.
  func reply(
    _ number: UInt32,
    _ code: DeviceReplyCode,
    data: [UInt8]
  ) throws(DeviceRequestError) {
    try reply { (state, now) throws(DownlinkReplyError) in
      try state.inbox.exchange.answer(
        number,
        code,
        data: data.span,
        over: &state.reports.link,
        at: now
      )
    }
  }

  /// Answers a request with bytes.
  func reply(_ number: UInt32, bytes: [UInt8]) throws(DeviceRequestError) {
    try reply { (state, now) throws(DownlinkReplyError) in
      try state.inbox.exchange.answer(number, bytes: bytes.span, over: &state.reports.link, at: now)
    }
  }

  private func reply(
    _ body: (inout State, Instant) throws(DownlinkReplyError) -> Void
  ) throws(DeviceRequestError) {
    var failure: DeviceRequestError?
    update { state, _ in
      guard !state.callers.isClosed else {
        failure = .closed
        return
      }
      do throws(DownlinkReplyError) {
        try body(&state, MonotonicClock.now())
      } catch {
        failure = DeviceRequestError(error)
      }
    }
    if let failure { throw failure }
  }

  /// Takes the message of the link's last event `downlink`.
  func takeMessage(_ state: inout State, _ completions: inout Completions, at now: Instant) {
    // Not by way of `state.link`: with -O 6.3.1 ends that access before the borrow in it, and crashes.
    let topic = state.reports.downlinkTopic.array
    let payload = state.reports.downlinkPayload.array
    if takeReply(payload, on: topic, &state, &completions, at: now) { return }
    if (try? DownlinkTopic(topic.span)) == nil,
      settings.topicFilters.contains(where: { TopicFilter.matches($0, topic) })
    {
      return deliver(DeviceRequest(topic, payload), &state, &completions)
    }
    let verdict: DownlinkVerdict
    let number = state.isGateway ? state.link.sessions.number(ofTopic: topic.span) : nil
    if let number {
      // The reply to a report that is kept, or nobody's any more.
      if topic.span.ends(with: "/post_reply") { return }
      let subDevice = state.link.sessions.identity(of: number)
      verdict = state.inbox.exchange.take(from: &state.reports.link, subDevice: subDevice, at: now)
    } else if let thingModel,
      let model = try? ThingModelView(thingModel.span, rules: thingModelRules)
    {
      verdict = state.inbox.exchange.take(from: &state.reports.link, model: model, at: now)
    } else {
      verdict = state.inbox.exchange.take(from: &state.reports.link, at: now)
    }
    switch verdict {
    case .request(let downlink), .notice(let downlink, _):
      if let number {
        let request = DeviceRequest(topic, payload, downlink, core: self)
        return deliver(request, to: number, &state, &completions)
      }
      deliver(DeviceRequest(topic, payload, downlink, core: self), &state, &completions)
    case .refused(_, let fault), .dropped(let fault):
      let text = String(decoding: topic, as: UTF8.self)
      tell(.refused(topic: text, fault), &completions)
    }
  }

  /// Hands a message over to whoever takes those of a sub-device.
  private func deliver(
    _ request: DeviceRequest,
    to number: Int,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    if let listener = state.listeners[number] {
      switch listener.yield(request) {
      case .enqueued: return
      case .dropped: return refuse(request, &state, &completions)
      // Nobody reads the sequence any more.
      case .terminated: state.listeners[number] = nil
      @unknown default: break
      }
    }
    if let onRequest = gateway?.onRequest {
      completions.actions.append { onRequest(request) }
    } else {
      refuse(request, &state, &completions)
    }
  }

  private func deliver(
    _ request: DeviceRequest,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    if !state.inbox.deliver(request, &completions) { refuse(request, &state, &completions) }
  }

  /// Answers a request that nobody takes with 429; one that is answered by bytes is left to its time.
  private func refuse(
    _ request: DeviceRequest,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    if request.needsReply, !request.isBytes {
      do throws(DownlinkReplyError) {
        try state.inbox.exchange.answer(
          request.number,
          .tooManyRequests,
          over: &state.reports.link,
          at: MonotonicClock.now()
        )
      } catch {
        // Without a connection it is answered with 400 when its time is over.
      }
    }
    tell(.overrun(topic: request.topic), &completions)
  }

  /// Ends requests whose time is over.
  func pollRequests(_ state: inout State, _ completions: inout Completions, at now: Instant) {
    while let expired = state.inbox.exchange.pollExpired(over: &state.reports.link, at: now) {
      state.inbox.forget(expired.number)
      tell(.expired(expired.kind), &completions)
    }
  }
}

/// Topic filters (MQTT 3.1.1 Section 4.7).
enum TopicFilter {
  /// Whether a topic is one of the filter's.
  static func matches(_ filter: String, _ topic: [UInt8]) -> Bool {
    let wanted = filter.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let levels = topic.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for (index, level) in wanted.enumerated() {
      if level.elementsEqual("#".utf8) { return true }
      guard index < levels.count else { return false }
      guard level.elementsEqual("+".utf8) || level.elementsEqual(levels[index]) else {
        return false
      }
    }
    return wanted.count == levels.count
  }
}

extension Span<UInt8> {
  /// A copy.
  var array: [UInt8] { indices.map { self[$0] } }
}
