// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import GatewaySessions
import OpenSSLSupport
import PayloadValues
import Platform
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

/// A gateway whose messages go to the simulated platform's side of MQTT, on one clock of the test's own.
final class Bench {
  static let secret = "0123456789abcdef0123456789abcdef"
  let core: PlatformCore
  let front: BrokerFront
  var now = Instant(milliseconds: 1_000_000)
  var sessions: SubDeviceSessions<SeededRandom>
  var events: [SubDeviceEvent] = []
  /// What went out: the time, the method and the payload.
  var sent: [(at: Instant, method: String, payload: PayloadValue)] = []
  /// Whether requests get lost on their way.
  var loses = false
  private var connection: UInt64 = 0

  init(
    _ names: [String],
    _ settings: SubDeviceSettings = SubDeviceSettings(),
    _ configure: (inout PlatformConfiguration) -> Void = { _ in },
    _ assume: (inout BrokerAssumptions) -> Void = { _ in }
  ) throws {
    var configuration = PlatformConfiguration()
    configuration.devices = ["gateway", "another"].map {
      SimulatedDevice(productKey: "pk", deviceName: $0, secret: Array(Self.secret.utf8))
    }
    configuration.subDevices = names.map {
      SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s-\($0)".utf8))
    }
    configure(&configuration)
    core = PlatformCore(configuration, PlatformAssumptions(), random: SeededRandom(seed: 1))
    var front = BrokerFrontSettings()
    assume(&front.assumptions)
    self.front = BrokerFront(core, front)
    let (key, name) = (Array("pk".utf8), Array("gateway".utf8))
    sessions = SubDeviceSessions(
      gateway: try DeviceIdentity(productKey: key.span, deviceName: name.span),
      settings: settings,
      firstRequestID: 1,
      randomness: SeededRandom(seed: 2)
    )
  }

  static func identity(_ name: String, of product: String = "sub") throws -> DeviceIdentity {
    let (key, name) = (Array(product.utf8), Array(name.utf8))
    return try DeviceIdentity(productKey: key.span, deviceName: name.span)
  }

  @discardableResult
  func add(
    _ name: String,
    secret: String? = nil,
    method: SubDeviceSignMethod = .hmacSHA1
  ) throws -> Int {
    let secret = Array((secret ?? "s-\(name)").utf8)
    return try sessions.add(try Self.identity(name), secret: secret.span, signMethod: method)
  }

  /// Connects the gateway, and adds the names to its topology.
  func connect(topology names: [String] = []) throws {
    connection += 1
    var request = ConnectRequest(connection: connection)
    request.clientID = "c|securemode=2,signmethod=hmacsha256|"
    request.userName = "gateway&pk"
    let key = Array(Self.secret.utf8)
    let content = Array("clientIdcdeviceNamegatewayproductKeypk".utf8)
    request.password = hexText(try Hash.sha256.hmac(key: key.span, content: content.span).bytes)
    take(front.handle(.connect(request), from: .secure, at: now))
    for filter in sessions.filters {
      let output = front.handle(
        .subscribe(
          connection: connection,
          qos: 0,
          filter: String(decoding: filter, as: UTF8.self)
        ),
        from: .secure,
        at: now
      )
      guard case .answer(.accept, _, _)? = output.orders.last?.order else {
        Issue.record("\(String(decoding: filter, as: UTF8.self))")
        return
      }
    }
    for start in stride(from: 0, to: names.count, by: 100) {
      let elements = try names[start..<min(start + 100, names.count)].map { name in
        let content = Array("deviceName\(name)productKeysubtimestamp1".utf8)
        let key = Array("s-\(name)".utf8)
        let sign = hexText(try Hash.sha1.hmac(key: key.span, content: content.span).bytes)
        return #"{"deviceName":"\#(name)","productKey":"sub","sign":"\#(sign)","#
          + #""signmethod":"hmacSha1","timestamp":"1"}"#
      }
      publish(
        "/sys/pk/gateway/thing/topo/add",
        #"{"id":"1","version":"1.0","method":"thing.topo.add","params":["#
          + elements.joined(separator: ",") + "]}"
      )
    }
    sessions.handleConnected(at: now)
  }

  func disconnect() {
    take(front.handle(.disconnect(connection: connection), from: .secure, at: now))
    sessions.handleDisconnected(at: now)
  }

  @discardableResult
  func publish(_ topic: String, _ payload: String, qos: UInt8 = 0) -> BrokerFront.Output {
    var request = PublishRequest(connection: connection, topic: topic)
    request.payload = Array(payload.utf8)
    request.qos = qos
    let output = front.handle(.publish(request), from: .secure, at: now)
    take(output)
    return output
  }

  /// Reports for a sub-device.
  func report(_ name: String, _ value: Int) {
    publish(
      "/sys/sub/\(name)/thing/event/property/post",
      #"{"id":"9","version":"1.0","method":"thing.event.property.post","params":{"p":{"value":"#
        + "\(value)}}}",
      qos: 1
    )
  }

  func take(_ output: BrokerFront.Output) {
    for (_, order) in output.orders {
      guard case .deliver(_, _, let topic, let payload) = order else { continue }
      let name = Array(topic.utf8)
      _ = sessions.handle(topic: name.span, payload: payload.span, at: now)
    }
  }

  /// Lets time pass, up to `duration`, or until nothing is due.
  func run(for duration: Int64 = 600_000) {
    let end = now + Milliseconds(duration)
    while true {
      sessions.handleTimeout(at: now)
      while let next = sessions.pollTransmit(timestamp: 1_700_000_000_000, at: now) {
        let topic = String(decoding: next.topic, as: UTF8.self)
        let method = String(topic.split(separator: "/").last ?? "")
        sent.append((now, method, PayloadValue(next.payload, .json) ?? .null))
        if !loses { publish(topic, String(decoding: next.payload, as: UTF8.self)) }
      }
      while let event = sessions.pollEvent() { events.append(event) }
      guard let due = sessions.pollTimeout(), due <= end else { break }
      now = max(due, now)
    }
    now = max(end, now)
  }

  // #expect cannot call what a value has that is not copied.

  func isOnline(_ number: Int) -> Bool { sessions.isOnline(number) }

  func number(ofTopic topic: [UInt8]) -> Int? { sessions.number(ofTopic: topic.span) }

  /// The events since the last call.
  func takeEvents() -> [SubDeviceEvent] {
    defer { events = [] }
    return events
  }
}
