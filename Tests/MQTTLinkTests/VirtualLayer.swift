// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DurableWorld
import MQTTLayer
import MQTTLink
import OpenSSLSupport
import Platform
import PlatformMQTT
import ReportLink
import TestSupport

/// What a link has asked for, and what a test has happen.
final class Wire {
  struct Connect: Equatable {
    var clientID: String
    var userName: String
    var password: String
    var keepAlive: UInt16
    var isClean: Bool
    var version: MQTTVersion
  }

  struct Published: Equatable {
    var topic: String
    var payload: String
    var quality: MQTTQuality
    var number: UInt32
  }

  var connects: [Connect] = []
  var published: [Published] = []
  var subscribed: [(filter: String, number: UInt32)] = []
  var unsubscribed: [(filter: String, number: UInt32)] = []
  var disconnects = 0
  var events: [(MQTTLayerEvent, topic: [UInt8], payload: [UInt8])] = []
  var hasRoom = true
  var address = ""
  var takesAddress = true

  func tell(_ event: MQTTLayerEvent) { events.append((event, [], [])) }

  func message(
    _ topic: String,
    _ payload: String,
    _ quality: MQTTQuality = .atLeastOnce,
    isRepeated: Bool = false
  ) {
    let event = MQTTLayerEvent.message(quality, isRepeated: isRepeated)
    events.append((event, Array(topic.utf8), Array(payload.utf8)))
  }
}

/// A layer without a network.
struct VirtualLayer: ~Copyable, AddressedLayer {
  let wire: Wire
  private var topicBytes: [UInt8] = []
  private var payloadBytes: [UInt8] = []

  init(_ wire: Wire) { self.wire = wire }

  var descriptor: Int32 { -1 }

  mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant) {
    wire.connects.append(
      Wire.Connect(
        clientID: text(request.clientID.bytes),
        userName: text(request.userName.bytes),
        password: text(request.password.bytes),
        keepAlive: request.keepAlive,
        isClean: request.isClean,
        version: request.version
      )
    )
  }

  mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard wire.hasRoom else { return false }
    wire.published.append(
      Wire.Published(topic: text(topic), payload: text(payload), quality: quality, number: number)
    )
    return true
  }

  mutating func subscribe(to filter: Span<UInt8>, quality: MQTTQuality, number: UInt32) -> Bool {
    wire.subscribed.append((text(filter), number))
    return true
  }

  mutating func subscribe(
    toAll filters: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    for filter in text(filters).split(separator: "\0") {
      wire.subscribed.append((String(filter), number))
    }
    return true
  }

  mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool {
    wire.unsubscribed.append((text(filter), number))
    return true
  }

  mutating func disconnect() { wire.disconnects += 1 }

  mutating func setAddress(host: Span<UInt8>, port: UInt16) -> Bool {
    guard wire.takesAddress else { return false }
    wire.address = "\(text(host)):\(port)"
    return true
  }

  mutating func pollEvent() -> MQTTLayerEvent? {
    guard !wire.events.isEmpty else { return nil }
    let (event, topic, payload) = wire.events.removeFirst()
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

func text(_ bytes: Span<UInt8>) -> String { String(decoding: array(bytes), as: UTF8.self) }

typealias Link = MQTTLink<VirtualLayer, SeededRandom>

/// A link on a virtual clock.
final class World {
  let wire = Wire()
  var link: Link
  var now = Instant(milliseconds: 1_000_000)
  /// When a connection under way is made, in a test that says so.
  var arrival: Int64?
  /// When the report under way was sent, in such a test.
  var sent: Int64?

  init(
    clientID: String = "12345",
    secret: String = "secret",
    _ change: (inout MQTTLinkSettings) -> Void = { _ in }
  ) throws {
    var settings = MQTTLinkSettings()
    change(&settings)
    let (key, name, id) = (Array("pk".utf8), Array("device".utf8), Array(clientID.utf8))
    let bytes = Array(secret.utf8)
    link = try Link(
      identity: DeviceIdentity(
        productKey: key.span,
        deviceName: name.span,
        clientID: id.span
      ),
      secret: makeSecret(bytes),
      settings: settings,
      layer: VirtualLayer(wire),
      randomness: SeededRandom(seed: 1)
    )
  }

  var isFree: Bool { link.isFree }
  var isIdle: Bool { link.isIdle }
  var isClosing: Bool { link.isClosing }
  var isConnected: Bool { link.isConnected }
  var hasSubscriptions: Bool { link.hasSubscriptions }

  /// Lets time pass.
  func advance(_ seconds: Int64) {
    now = now + Milliseconds(seconds * 1_000)
    link.handleTimeout(at: now)
  }

  /// What happened.
  func events() -> [MQTTLinkEvent] {
    link.handleTimeout(at: now)
    var events: [MQTTLinkEvent] = []
    while let event = link.pollEvent() { events.append(event) }
    return events
  }

  /// The next event, after which a downlink can be looked at.
  func next() -> MQTTLinkEvent? {
    link.handleTimeout(at: now)
    return link.pollEvent()
  }

  @discardableResult
  func begin(
    _ id: UInt64,
    _ payload: String = "{}",
    topic: String = "/pk/device/user/update"
  ) -> Bool {
    let (name, bytes) = (Array(topic.utf8), Array(payload.utf8))
    return link.begin(id: id, topic: name.span, payload: bytes.span, format: 50, at: now)
  }

  func subscribe(_ filter: String) throws -> Int {
    let bytes = Array(filter.utf8)
    return try link.subscribe(to: bytes.span)
  }

  func listen(_ filter: String) -> Bool {
    let bytes = Array(filter.utf8)
    return link.listen(to: bytes.span)
  }

  func refusedFilter() -> String? { link.pollRefusedFilter().map { text($0.bytes) } }

  func unsubscribe(_ filter: String) {
    let bytes = Array(filter.utf8)
    link.unsubscribe(from: bytes.span)
  }

  func send(_ topic: String, _ payload: String, _ quality: MessageQuality = .atLeastOnce) -> Bool {
    let (name, bytes) = (Array(topic.utf8), Array(payload.utf8))
    return link.send(topic: name.span, payload: bytes.span, quality: quality, at: now)
  }

  /// Has the platform accept the device.
  func accept(hasSession: Bool = false) { wire.tell(.connected(hasSession: hasSession)) }

  /// What the event `downlink` has brought.
  func downlink() -> (String, String) { link.message }

  /// How the report of the last event has ended.
  func ended() -> (UInt64, ReportVerdict) { (link.endedID, link.ending.verdict) }
}

extension MQTTLink where Layer: ~Copyable {
  var message: (String, String) { (text(downlinkTopic), text(downlinkPayload)) }
}
