// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import MQTTLayer
internal import PayloadCoding
internal import PlatformMQTT
internal import TrafficLedger

/// A layer whose packets are counted, and told in words.
///
/// It counts what it asks for and what it is told; the bytes of TLS, WebSocket and TCP, and PINGREQ with PINGRESP are
/// the library's.
struct MeteredLayer<Layer: MQTTLayer & ~Copyable>: ~Copyable {
  private var layer: Layer
  private let meter: PacketMeter
  private let show: (@Sendable (MessageDirection, String) -> Void)?
  /// What CONNECT has, and the packets that wait for its answer; they count once that has come.
  private var connectSize = 0
  private var waiting: [(bytes: Int, purpose: TrafficLedger.Purpose)] = []
  private var isConnected = false
  /// How many filters a subscription has that was asked for, by its number, where it is more than one.
  private var filterCounts: [UInt32: Int] = [:]

  init(
    _ layer: consuming Layer,
    _ meter: PacketMeter,
    show: (@Sendable (MessageDirection, String) -> Void)?
  ) {
    self.layer = layer
    self.meter = meter
    self.show = show
  }

  /// Counts a packet, now or once there is a connection.
  private mutating func send(
    _ bytes: Int,
    for purpose: TrafficLedger.Purpose = .acknowledgement
  ) {
    if isConnected {
      meter.send(bytes, .other, for: purpose)
    } else {
      waiting.append((bytes, purpose))
    }
  }

  private func tell(_ direction: MessageDirection, _ text: @autoclosure () -> String) {
    if let show { show(direction, text()) }
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    let bytes = bytes.indices.map { bytes[$0] }
    return Readable.text(bytes)
  }
}

extension MeteredLayer: AddressedLayer where Layer: AddressedLayer & ~Copyable {
  mutating func setAddress(host: Span<UInt8>, port: UInt16) -> Bool {
    if show != nil { tell(.received, "the address \(Self.text(host)):\(port) for MQTT") }
    return layer.setAddress(host: host, port: port)
  }
}

extension MeteredLayer: MQTTLayer where Layer: ~Copyable {
  mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant) {
    meter.noteConnect()
    connectSize = PacketSize.connect(request)
    waiting.removeAll()
    filterCounts.removeAll()
    isConnected = false
    if show != nil {
      let id = Self.text(request.clientID.bytes)
      let user = Self.text(request.userName.bytes)
      tell(
        .sent,
        "CONNECT client id \(id), user \(user), password of \(request.password.count) digits, "
          + "keep-alive \(request.keepAlive) s, \(request.isClean ? "clean session" : "session kept")"
      )
    }
    layer.connect(request, at: now)
  }

  mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard layer.publish(topic: topic, payload: payload, quality: quality, number: number) else {
      return false
    }
    meter.notePublish()
    send(PacketSize.publish(topic: topic.count, payload: payload.count, quality), for: .report)
    if show != nil {
      tell(.sent, "PUBLISH \(Self.text(topic)) qos \(quality.rawValue) \(Self.text(payload))")
    }
    return true
  }

  mutating func subscribe(to filter: Span<UInt8>, quality: MQTTQuality, number: UInt32) -> Bool {
    guard layer.subscribe(to: filter, quality: quality, number: number) else { return false }
    send(PacketSize.subscribe(filter.count))
    if show != nil { tell(.sent, "SUBSCRIBE \(Self.text(filter)) qos \(quality.rawValue)") }
    return true
  }

  mutating func subscribe(
    toAll filters: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard layer.subscribe(toAll: filters, quality: quality, number: number) else { return false }
    // Of each filter two bytes of length and one of quality, and its zero byte is not sent.
    var count = 0
    for index in filters.indices where filters[index] == 0 { count += 1 }
    send(PacketSize.subscribe(filters.count - 1 + 2 * (count - 1)))
    if count > 1 { filterCounts[number] = count }
    if show != nil {
      let names = filters.indices.map { filters[$0] }.split(separator: 0)
      let texts = names.map { Readable.text(Array($0)) }
      tell(.sent, "SUBSCRIBE \(texts.joined(separator: " ")) qos \(quality.rawValue)")
    }
    return true
  }

  mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool {
    guard layer.unsubscribe(from: filter, number: number) else { return false }
    send(PacketSize.unsubscribe(filter.count))
    if show != nil { tell(.sent, "UNSUBSCRIBE \(Self.text(filter))") }
    return true
  }

  mutating func disconnect() {
    if isConnected {
      meter.send(PacketSize.disconnect, .connection)
      tell(.sent, "DISCONNECT")
    }
    isConnected = false
    layer.disconnect()
  }

  mutating func pollEvent() -> MQTTLayerEvent? {
    guard let event = layer.pollEvent() else { return nil }
    switch event {
    case .connected(let hasSession):
      meter.send(connectSize, .connection)
      for packet in waiting { meter.send(packet.bytes, .other, for: packet.purpose) }
      waiting.removeAll()
      isConnected = true
      meter.receive(PacketSize.short, .connection)
      meter.noteConnack(isAccepted: true)
      tell(.received, "CONNACK 0" + (hasSession ? ", the session goes on" : ""))
    case .failed(.refused(let number)):
      meter.send(connectSize, .connection)
      meter.receive(PacketSize.short, .connection)
      meter.noteConnack(isAccepted: false)
      tell(.received, "\(ConnackCode(rawValue: number))")
    case .delivered:
      meter.receive(PacketSize.short, .other, for: .answer)
      meter.notePuback()
      tell(.received, "PUBACK")
    case .subscribed(let number, let quality):
      let count = filterCounts.removeValue(forKey: number) ?? 1
      meter.receive(PacketSize.suback(count), .other)
      tell(.received, "SUBACK " + (quality.map { "\($0.rawValue)" } ?? "128: refused"))
    case .unsubscribed:
      meter.receive(PacketSize.short, .other)
      tell(.received, "UNSUBACK")
    case .message(let quality, let isRepeated):
      let (topic, payload) = (layer.topic.count, layer.payload.count)
      meter.receive(PacketSize.publish(topic: topic, payload: payload, quality), .other)
      // Its PUBACK.
      if quality == .atLeastOnce { meter.send(PacketSize.short, .other) }
      if show != nil {
        let isSecret = layer.topic.isEqual(to: MQTTRegistrationAnswer.topic)
        tell(
          .received,
          "PUBLISH \(Self.text(layer.topic)) qos \(quality.rawValue) "
            + (isRepeated ? "again " : "")
            + (isSecret ? "with a secret, which is not shown" : Self.text(layer.payload))
        )
      }
    case .failed(let failure): tell(.received, "nothing: \(failure)")
    case .lost(let loss):
      isConnected = false
      tell(.received, "the end: \(loss)")
    case .disconnected, .undelivered, .dropped: break
    }
    return event
  }

  var descriptor: Int32 { layer.descriptor }

  var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.topic }
  }

  var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.payload }
  }
}
