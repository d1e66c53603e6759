// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableReports
import Foundation
import GatewayLink
import GatewaySessions
import MQTTLink
import OpenSSLSupport
import Platform
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

/// A gateway with an outbox on a virtual clock, whose platform is the simulator's core.
final class Gateway {
  typealias Reports = DurableReports<GatewayLink<PlatformLayer, SeededRandom>>

  /// One run of the program.
  final class Running {
    var reports: Reports

    init(_ reports: consuming Reports) { self.reports = reports }
  }

  let core: PlatformCore
  let line: Line
  let folder: URL
  let names: [String]
  let settings: GatewaySettings
  let maxBytes: Int
  private var current: Running?
  var running: Running {
    guard let current else { preconditionFailure("the program runs since the initialiser") }
    return current
  }
  var numbers: [String: Int] = [:]
  var delivered: [UInt64] = []
  var rejected: [UInt64] = []
  var events: [GatewayEvent] = []
  var downlinks: [String] = []
  private var seed: UInt64 = 1

  init(
    _ names: [String],
    in folder: URL,
    settings: GatewaySettings = GatewaySettings(),
    maxBytes: Int = 65_536,
    _ configure: (inout PlatformConfiguration) -> Void = { _ in },
    _ assume: (inout BrokerAssumptions) -> Void = { _ in }
  ) throws {
    var configuration = PlatformConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: "pk",
        deviceName: "gateway",
        secret: Array("0123456789abcdef".utf8)
      )
    ]
    configuration.subDevices = names.map {
      SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s-\($0)".utf8))
    }
    configure(&configuration)
    core = PlatformCore(configuration, PlatformAssumptions(), random: SeededRandom(seed: 1))
    var front = BrokerFrontSettings()
    assume(&front.assumptions)
    line = Line(BrokerFront(core, front))
    self.folder = folder
    self.names = names
    self.settings = settings
    self.maxBytes = maxBytes
    try addTopology()
    try start()
  }

  /// Adds the sub-devices to the gateway's topology, over a connection of its own.
  private func addTopology() throws {
    var request = ConnectRequest(connection: 1_000_000)
    request.clientID = "c|securemode=2,signmethod=hmacsha256|"
    request.userName = "gateway&pk"
    let key = Array("0123456789abcdef".utf8)
    let content = Array("clientIdcdeviceNamegatewayproductKeypk".utf8)
    request.password = hexText(try Hash.sha256.hmac(key: key.span, content: content.span).bytes)
    _ = line.front.handle(.connect(request), from: .secure, at: line.now)
    for start in stride(from: 0, to: names.count, by: 100) {
      let elements = try names[start..<min(start + 100, names.count)].map { name in
        let content = Array("deviceName\(name)productKeysubtimestamp1".utf8)
        let key = Array("s-\(name)".utf8)
        let sign = hexText(try Hash.sha1.hmac(key: key.span, content: content.span).bytes)
        return #"{"deviceName":"\#(name)","productKey":"sub","sign":"\#(sign)","#
          + #""signmethod":"hmacSha1","timestamp":"1"}"#
      }
      var publish = PublishRequest(
        connection: 1_000_000,
        topic: "/sys/pk/gateway/thing/topo/add"
      )
      publish.payload = Array(
        (#"{"id":"1","version":"1.0","method":"thing.topo.add","params":["#
          + elements.joined(separator: ",") + "]}").utf8
      )
      _ = line.front.handle(.publish(publish), from: .secure, at: line.now)
    }
    _ = line.front.handle(.disconnect(connection: 1_000_000), from: .secure, at: line.now)
  }

  static func identity(_ name: String, of product: String = "sub") throws -> DeviceIdentity {
    let (key, name) = (Array(product.utf8), Array(name.utf8))
    return try DeviceIdentity(productKey: key.span, deviceName: name.span)
  }

  /// Starts the program, as after a power cut where it was running.
  func start() throws {
    current = nil
    line.cut()
    line.events = []
    seed += 1
    let identity = try Self.identity("gateway", of: "pk")
    let bytes = Array("0123456789abcdef".utf8)
    guard let secret = SecretBytes(copying: bytes.span) else { return }
    var link = MQTTLinkSettings()
    link.reportsInFlight = 16
    link.readsReplies = settings.readsReplies
    let device = try MQTTLink(
      identity: identity,
      secret: secret,
      settings: link,
      layer: PlatformLayer(line),
      randomness: SeededRandom(seed: seed)
    )
    let gateway = GatewayLink(
      identity: identity,
      device: device,
      settings: settings,
      firstRequestID: UInt32(seed),
      randomness: SeededRandom(seed: seed + 1_000)
    )
    var durable = DurableSettings()
    durable.outbox.maxBytes = maxBytes
    let path = Array(folder.path.utf8)
    let reports = try DurableReports(
      link: gateway,
      settings: durable,
      directory: StateDirectory(path: path.span),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: line.now, date: 1_700_000_000)
    )
    current = Running(reports)
    numbers = [:]
  }

  /// Adds a sub-device and wants it online.
  func logIn(_ name: String, secret: String? = nil) throws {
    let secret = Array((secret ?? "s-\(name)").utf8)
    let number = try running.reports.link.sessions.add(Self.identity(name), secret: secret.span)
    try running.reports.link.sessions.logIn(number, at: line.now)
    numbers[name] = number
  }

  /// Takes a report of a sub-device; its id.
  @discardableResult
  func report(
    _ name: String,
    _ value: Int,
    of product: String = "sub",
    hasParameters: Bool = true,
    commits: Bool = true
  ) throws -> UInt64 {
    let topic = Array("/sys/\(product)/\(name)/thing/event/property/post".utf8)
    let id = running.reports.nextID
    let parameters = hasParameters ? #","params":{"p":{"value":\#(value)}}"# : ""
    let payload = Array(
      (#"{"id":"\#(id)","version":"1.0","method":"thing.event.property.post"\#(parameters)}"#).utf8
    )
    let added = try running.reports.add(
      topic: Topic(topic.span),
      payload: payload.span,
      at: line.now,
      date: 1_700_000_000
    )
    if commits { try running.reports.commit() }
    return added
  }

  /// Lets time pass, up to `duration`, or until `isDone` says so.
  func run(for duration: Int64 = 60_000, until isDone: (Gateway) -> Bool = { _ in false }) {
    let end = line.now + Milliseconds(duration)
    while true {
      step()
      if isDone(self) { return }
      if !line.events.isEmpty { continue }
      guard let due = running.reports.pollTimeout(), due <= end else { break }
      // A link is asked again a little later where it says that it has something.
      line.now = max(due, line.now)
    }
    line.now = max(end, line.now)
  }

  private func step() {
    running.reports.handleTimeout(at: line.now)
    while let event = running.reports.pollEvent(at: line.now, date: 1_700_000_000) {
      switch event {
      case .authenticated: running.reports.moveOn()
      case .delivered(let id): delivered.append(id)
      case .rejected(let id): rejected.append(id)
      case .downlink: downlinks.append(Self.topic(of: running.reports))
      case .authenticationFailed, .postponed, .givenUp, .expired, .dropped, .superseded,
        .storeFailed:
        break
      }
    }
    while let event = running.reports.link.pollGatewayEvent() { events.append(event) }
  }

  func isOnline(_ name: String) -> Bool {
    numbers[name].map { running.reports.link.sessions.isOnline($0) } ?? false
  }

  private static func topic(of reports: borrowing Reports) -> String {
    text(reports.downlinkTopic)
  }

  var pendingReports: Int { running.reports.pendingReports }

  var isDone: Bool { running.reports.isDone }

  var onlineCount: Int { running.reports.link.sessions.onlineCount }

  /// The values that a sub-device has reported and the platform has taken, in order.
  func values(of name: String) -> [String] {
    line.published.filter { $0.topic == "/sys/sub/\(name)/thing/event/property/post" }
      .map { $0.payload }
  }
}

/// Runs `body` with a new folder, which is removed afterwards.
func withFolder(_ body: (URL) throws -> Void) throws {
  let url = URL.temporaryDirectory.appending(path: "nbiot-gateway-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  try body(url)
}
