// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import GatewayLink
internal import GatewaySessions
internal import MQTTLayer
internal import MQTTLink
internal import PayloadCoding
internal import Platform
internal import PlatformMQTT
internal import ReportLink

/// A report that the link has, or whose reply is waited for.
struct Delivery {
  let pending: Pending
  let began: Instant
  /// When it could be on the wire, for its acknowledgement's time limit; `nil` before there is a connection.
  private(set) var sent: Instant?
  /// Where the platform replies; empty where it does not.
  let replyTopic: [UInt8]
  /// The id in the request, without quotation marks; `nil` where the reply may have any.
  let requestID: [UInt8]?
  /// The reply that came, perhaps before the acknowledgement.
  var reply: [UInt8]?
  /// A reply with another id, or without one: it counts where no other comes within `strayTime`.
  private(set) var stray: [UInt8]?
  private(set) var strayEnd: Instant?
  /// The acknowledged report, and until when its reply is waited for.
  var acknowledged: ReportResult?
  var replyEnd: Instant?

  init(_ pending: Pending, _ replyTopic: [UInt8], isConnected: Bool, at now: Instant) {
    self.pending = pending
    self.replyTopic = replyTopic
    began = now
    sent = isConnected ? now : nil
    // The id of an offer of firmware is the platform's own (device guide 6.11).
    let isFirmware = replyTopic.starts(with: Array("/ota/".utf8))
    requestID = replyTopic.isEmpty || isFirmware ? nil : Self.id(of: pending.payload)
  }

  /// Notes that the link is connected.
  mutating func noteConnection(at now: Instant) { if sent == nil { sent = now } }

  /// How long a reply with the right id may take once one with another id has come on its topic.
  static let strayTime = Milliseconds(1_000)

  /// Takes a reply on its topic that has another id, such as one that the platform could not read.
  mutating func takeStray(_ message: [UInt8], at now: Instant) {
    guard stray == nil, reply == nil else { return }
    stray = message
    strayEnd = now + Self.strayTime
  }

  /// When its reply is no longer waited for; `nil` before it is acknowledged.
  var end: Instant? {
    guard let replyEnd else { return nil }
    return min(replyEnd, strayEnd ?? replyEnd)
  }

  /// Whether a message is its reply.
  func isAnswered(by message: [UInt8], on topic: [UInt8]) -> Bool {
    guard !replyTopic.isEmpty, reply == nil, topic == replyTopic else { return false }
    guard let requestID else { return true }
    return Self.id(of: message) == requestID
  }

  /// The id of a request or a reply, a text or a number; `nil` without one.
  private static func id(of message: [UInt8]) -> [UInt8]? {
    guard let view = try? AlinkMessageView<JSONReader>(message.span), let range = view.idRange
    else {
      return nil
    }
    return message[range].filter { $0 != UInt8(ascii: "\"") }
  }
}

extension MQTTCore {
  /// The topic on which the platform replies to a message on that topic; empty where it does not (device guide 4 to
  /// 6.12).
  static func replyTopic(of topic: [UInt8]) -> [UInt8] {
    let text = String(decoding: topic, as: UTF8.self)
    if text.hasPrefix("/ota/device/request/") {
      return Array(("/ota/device/upgrade/" + text.dropFirst(20)).utf8)
    }
    guard text.hasPrefix("/sys/"), !text.hasSuffix("_reply"), text.contains("/thing/") else {
      return []
    }
    return topic + Array("_reply".utf8)
  }

  /// What marks the ids of reports that have a caller, beside those of the outbox.
  static var callMark: UInt64 { 1 << 63 }

  /// Whether a topic is that of replies to reports of properties and events.
  private static func isPostReply(_ topic: [UInt8]) -> Bool { topic.span.ends(with: "/post_reply") }

  /// Begins the reports that the link has room for, in order; whether there were any.
  func startNext(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) -> Bool {
    var hasBegun = false
    var index = 0
    while index < state.callers.queue.count {
      let next = state.callers.queue[index]
      guard case .topic(let topic, _) = next.target else {
        completions.finish(
          state.callers.queue.remove(at: index),
          .failure(DeviceClientError.notOverMQTT)
        )
        continue
      }
      if let resting = Self.resting(state.link) {
        completions.finish(state.callers.queue.remove(at: index), .failure(resting))
        continue
      }
      if !state.link.isOpen(topic.bytes.bytes) {
        // One whose sub-device logs in waits for that, and holds up nobody.
        if let number = state.link.sessions.number(ofTopic: topic.bytes.bytes),
          state.link.sessions.isExpected(number)
        {
          index += 1
        } else {
          completions.finish(
            state.callers.queue.remove(at: index),
            .failure(DeviceClientError.subDeviceOffline)
          )
        }
        continue
      }
      guard state.link.isFree, state.callers.registering.isEmpty else { break }
      var reply = Self.replyTopic(of: next.target.topicBytes)
      let number = state.isGateway ? state.link.sessions.number(ofTopic: reply.span) : nil
      if let number, gateway?.link.readsReplies == true, Self.isPostReply(reply) {
        // It comes by the sub-device's own subscription.
        switch state.link.listening(of: number) {
        case .granted: break
        case .none, .refused: reply = []
        case .wanted, .asked:
          index += 1
          continue
        }
      } else if !reply.isEmpty {
        do throws(SubscriptionError) {
          let place = try state.link.device.subscribe(to: reply.span)
          state.filters[place] = String(decoding: reply, as: UTF8.self)
          // The reply would be lost.
          guard state.link.device.isConnected, state.granted.contains(place) else { break }
        } catch {
          completions.finish(
            state.callers.queue.remove(at: index),
            .failure(DeviceClientError.subscription(error))
          )
          continue
        }
      }
      state.callers.queue.remove(at: index)
      let isConnected = state.link.device.isConnected
      state.deliveries[next.id] = Delivery(next, reply, isConnected: isConnected, at: now)
      let hasTaken = state.link.begin(
        id: next.id | Self.callMark,
        topic: topic.bytes.bytes,
        payload: next.payload.span,
        format: next.format.rawValue,
        at: now
      )
      // An end without an event.
      if !hasTaken {
        finishReport(
          next.id | Self.callMark,
          state.link.ending,
          &state,
          &completions,
          at: now
        )
      }
      hasBegun = true
    }
    return hasBegun
  }

  /// Takes in how a report has ended.
  func finishReport(
    _ id: UInt64,
    _ ending: ReportEnding,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    // Those of the outbox have no mark, and one that was cancelled has no caller any more.
    guard id & Self.callMark != 0,
      var delivery = state.deliveries.removeValue(forKey: id & ~Self.callMark)
    else { return }
    var result = result(of: delivery, wasSent: ending.wasSent, at: now)
    guard ending.verdict != .delivered else {
      result.bytesDown = PacketSize.short
      result.outcome = .acknowledged
      delivery.acknowledged = result
      delivery.replyEnd = now + settings.replyTimeout
      return finish(delivery, &state, &completions, at: now)
    }
    let error: DeviceClientError
    if !ending.wasSent {
      error =
        switch ending.verdict {
        case .unreachable, .credentials: .connection(state.link.device.failure)
        default: .undelivered(Receipt(result: result, answer: []))
        }
    } else if let sent = delivery.sent, now - sent >= settings.answerTimeout {
      result.outcome = .timedOut
      error = .unacknowledged(Receipt(result: result, answer: []))
    } else {
      // The library gives a message up before it tells that the connection is gone.
      let reason = state.link.device.isConnected ? RestReason.lost : state.link.device.rest.reason
      error = .lost(reason, Receipt(result: result, answer: []))
    }
    completions.finish(delivery.pending, .failure(error))
  }

  private func result(of delivery: Delivery, wasSent: Bool, at now: Instant) -> ReportResult {
    var result = ReportResult()
    result.duration = now - delivery.began
    guard wasSent else { return result }
    let count = delivery.pending.target.topicBytes.count
    result.transmissions = 1
    result.bytesUp = PacketSize.publish(
      topic: count,
      payload: delivery.pending.payload.count,
      .atLeastOnce
    )
    return result
  }

  /// Hands out an acknowledged report, as soon as it has its reply where it gets one.
  private func finish(
    _ delivery: Delivery,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    guard var result = delivery.acknowledged else {
      state.deliveries[delivery.pending.id] = delivery
      return
    }
    if !delivery.replyTopic.isEmpty, delivery.reply == nil, let end = delivery.end, now < end {
      state.deliveries[delivery.pending.id] = delivery
      return
    }
    let answer = delivery.reply ?? delivery.stray ?? []
    result.duration = now - delivery.began
    if let reply = delivery.reply ?? delivery.stray {
      let (topic, count) = (delivery.replyTopic.count, reply.count)
      result.bytesDown += PacketSize.publish(topic: topic, payload: count, .atLeastOnce)
      result.bytesUp += PacketSize.short
      if let reply = PlatformReply(reply.span),
        !result.take(reply, on: delivery.pending.target.topicBytes.span)
      {
        result.outcome = .rejected
      }
    }
    let receipt = Receipt(result: result, answer: answer)
    completions.finish(
      delivery.pending,
      result.outcome == .acknowledged
        ? .success(receipt) : .failure(DeviceClientError.undelivered(receipt))
    )
  }

  /// Whether a message is the reply to a request of this client, which then has it.
  func takeReply(
    _ message: [UInt8],
    on topic: [UInt8],
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) -> Bool {
    let found = state.deliveries.values.filter { $0.isAnswered(by: message, on: topic) }
    // Of several without an id the first is meant.
    guard var delivery = found.min(by: { $0.pending.id < $1.pending.id }) else {
      return takeStray(message, on: topic, &state, at: now)
    }
    delivery.reply = message
    state.deliveries.removeValue(forKey: delivery.pending.id)
    finish(delivery, &state, &completions, at: now)
    return true
  }

  /// Takes a reply that no request has the id of, where only one request can be meant.
  private func takeStray(
    _ message: [UInt8],
    on topic: [UInt8],
    _ state: inout State,
    at now: Instant
  ) -> Bool {
    let waiting = state.deliveries.filter { $0.value.replyTopic == topic }
    guard waiting.count == 1, let (id, _) = waiting.first else { return false }
    state.deliveries[id]?.takeStray(message, at: now)
    return true
  }

  /// Hands out acknowledged reports whose reply did not come in time.
  func expireReplies(_ state: inout State, _ completions: inout Completions, at now: Instant) {
    for delivery in state.deliveries.values {
      guard let end = delivery.end, end <= now else { continue }
      state.deliveries.removeValue(forKey: delivery.pending.id)
      finish(delivery, &state, &completions, at: now)
    }
  }

  /// Ends the wait for replies, which the next connection does not bring; the platform has the requests.
  func failReplies(
    _ state: inout State,
    because reason: RestReason,
    _ completions: inout Completions
  ) {
    for (id, delivery) in state.deliveries {
      guard let result = delivery.acknowledged else { continue }
      state.deliveries.removeValue(forKey: id)
      let receipt = Receipt(result: result, answer: [])
      completions.finish(
        delivery.pending,
        .failure(DeviceClientError.lost(reason, receipt))
      )
    }
  }

  /// Takes in what the platform says of a subscription.
  func takeSubscription(
    _ index: Int,
    _ isGranted: Bool,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    guard !isGranted else { return }
    let bytes = state.link.device.filter(index).bytes.array
    let filter = String(decoding: bytes, as: UTF8.self)
    let refused = state.callers.queue.filter { Self.replyTopic(of: $0.target.topicBytes) == bytes }
    for pending in refused {
      completions.finish(pending, .failure(DeviceClientError.subscriptionRefused(filter)))
    }
    state.callers.queue.removeAll { pending in refused.contains { $0.id == pending.id } }
    if refused.isEmpty { tell(.subscriptionRefused(filter), &completions) }
    if state.inbox.isOpen, state.link.device.isAllRefused {
      tell(.allSubscriptionsRefused, &completions)
    }
  }
}
