// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import MQTTLayer
import PlatformBroker
import PlatformCore
import TestSupport

/// A connection to the simulated platform's side of MQTT, without a network, which a test may cut.
final class Line {
  let front: BrokerFront
  var now = Instant(milliseconds: 1_000_000)
  var events: [(event: MQTTLayerEvent, topic: [UInt8], payload: [UInt8])] = []
  /// SUBSCRIBE packets, each with its filters.
  var subscribes: [[String]] = []
  /// What was published, with the time.
  var published: [(at: Instant, topic: String, payload: String)] = []
  /// How many of the next acknowledgements get lost.
  var lostAcknowledgements = 0
  private(set) var number: UInt64 = 0
  private(set) var isConnected = false

  init(_ front: BrokerFront) { self.front = front }

  /// Cuts the connection.
  func cut() {
    guard isConnected else { return }
    isConnected = false
    events = [(.lost(.broken), [], [])]
    take(front.handle(.disconnect(connection: number), from: .secure, at: now))
  }

  func connect(_ request: borrowing @_addressable MQTTConnect) {
    cut()
    events = []
    number += 1
    var wanted = ConnectRequest(connection: number)
    wanted.clientID = text(request.clientID.bytes)
    wanted.userName = text(request.userName.bytes)
    wanted.password = text(request.password.bytes)
    wanted.isClean = request.isClean
    let output = front.handle(.connect(wanted), from: .secure, at: now)
    guard case .answer(.accept, _, _)? = output.orders.last?.order else {
      return events.append((.failed(.refused(5)), [], []))
    }
    isConnected = true
    events.append((.connected(hasSession: false), [], []))
    take(output)
  }

  func disconnect() {
    guard isConnected else { return }
    isConnected = false
    take(front.handle(.disconnect(connection: number), from: .secure, at: now))
    events.append((.disconnected, [], []))
  }

  func publish(_ topic: String, _ payload: String, _ quality: MQTTQuality, _ id: UInt32) {
    published.append((now, topic, payload))
    var request = PublishRequest(connection: number, topic: topic)
    request.payload = Array(payload.utf8)
    request.qos = quality.rawValue
    take(front.handle(.publish(request), from: .secure, at: now))
    guard isConnected else { return }
    if quality == .atLeastOnce, lostAcknowledgements > 0 {
      lostAcknowledgements -= 1
      return
    }
    events.append((.delivered(id), [], []))
  }

  func subscribe(_ filters: [String], _ quality: MQTTQuality, _ id: UInt32) {
    subscribes.append(filters)
    var isGranted = true
    for filter in filters {
      let output = front.handle(
        .subscribe(connection: number, qos: quality.rawValue, filter: filter),
        from: .secure,
        at: now
      )
      if case .answer(.accept, _, _)? = output.orders.last?.order {} else { isGranted = false }
      take(output)
    }
    events.append((.subscribed(id, isGranted ? quality : nil), [], []))
  }

  /// Takes in what the platform does.
  func take(_ output: BrokerFront.Output) {
    for (_, order) in output.orders {
      switch order {
      case .deliver(_, let qos, let topic, let payload) where isConnected:
        let quality: MQTTQuality = qos == 0 ? .atMostOnce : .atLeastOnce
        events.append((.message(quality), Array(topic.utf8), payload))
      case .close where isConnected:
        isConnected = false
        events.append((.lost(.closed), [], []))
        _ = front.handle(.disconnect(connection: number), from: .secure, at: now)
      default: break
      }
    }
  }
}

/// The layer of a link over that line.
struct PlatformLayer: ~Copyable, MQTTLayer {
  let line: Line
  private var topicBytes: [UInt8] = []
  private var payloadBytes: [UInt8] = []

  init(_ line: Line) { self.line = line }

  var descriptor: Int32 { -1 }

  mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant) {
    line.now = now
    line.connect(request)
  }

  mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard line.isConnected else { return false }
    line.publish(text(topic), text(payload), quality, number)
    return true
  }

  mutating func subscribe(to filter: Span<UInt8>, quality: MQTTQuality, number: UInt32) -> Bool {
    guard line.isConnected else { return false }
    line.subscribe([text(filter)], quality, number)
    return true
  }

  mutating func subscribe(
    toAll filters: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard line.isConnected else { return false }
    line.subscribe(text(filters).split(separator: "\0").map(String.init), quality, number)
    return true
  }

  mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool { true }

  mutating func disconnect() { line.disconnect() }

  mutating func pollEvent() -> MQTTLayerEvent? {
    guard !line.events.isEmpty else { return nil }
    let (event, topic, payload) = line.events.removeFirst()
    topicBytes = topic
    payloadBytes = payload
    return event
  }

  var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { topicBytes.span }
  }

  var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { payloadBytes.span }
  }
}

func text(_ bytes: Span<UInt8>) -> String {
  String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
}
