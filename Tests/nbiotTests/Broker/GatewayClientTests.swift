// SPDX-License-Identifier: Apache-2.0
import Alink
import CoAPLink
import ConstrainedCore
import DeviceClient
import Foundation
import GatewayLink
import GatewaySessions
import PayloadCoding
import PlatformMQTT
import Synchronization
import TestSupport
import Testing

/// What a gateway has told, in order.
private final class Told: Sendable {
  private let events = Mutex<[GatewayEvent]>([])
  private let topics = Mutex<[String]>([])

  /// Slowly: whoever waits for what is told of goes on afterwards.
  func take(_ event: GatewayEvent) {
    usleep(20_000)
    events.withLock { $0.append(event) }
  }
  func take(_ request: DeviceRequest) { topics.withLock { $0.append(request.topic) } }

  var requestCount: Int { topics.withLock { $0.count } }
  var isOnlineLast: Bool {
    events.withLock { events in
      let sessions = events.compactMap { event -> Bool? in
        switch event {
        case .session(.online): true
        case .session(.offline), .session(.refused): false
        default: nil
        }
      }
      return sessions.last ?? false
    }
  }
}

@Suite(
  "DeviceClient's Gateway and SubDevice against the simulator (device guide 5 and 6.2 to 6.8)",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct GatewayClientTests {
  /// A simulator with one sub-device, and a gateway in whose topology it is.
  private func world() async throws -> (BrokerSimulator, Gateway, SubDevice, Told) {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("sub.txt")
    try Data("sub-secret\n".utf8).write(to: URL(filePath: secret))
    let simulator = try BrokerSimulator(
      ["--sub-device", "a1Meter,meter1,\(secret)"],
      transports: ["mqtt"]
    )
    let told = Told()
    var settings = GatewayClientSettings()
    settings.onEvent = { told.take($0) }
    settings.onRequest = { told.take($0) }
    var mqtt = MQTTClientSettings(.tcp)
    mqtt.kinds = .gateway
    let gateway = try Gateway(
      DeviceClientConfiguration(
        productKey: BrokerSimulator.productKey,
        deviceName: "device1",
        mqtt: mqtt,
        host: "127.0.0.1",
        port: UInt16(try #require(simulator.ports["mqtt"]))
      ),
      secret: Array(BrokerSimulator.secret.utf8),
      settings: settings
    )
    let meter = try gateway.add(
      productKey: "a1Meter",
      deviceName: "meter1",
      secret: Array("sub-secret".utf8)
    )
    try await gateway.client.connect()
    #expect(try await gateway.addToTopology(meter).code == .success)
    return (simulator, gateway, meter, told)
  }

  private func push(_ simulator: BrokerSimulator, _ kind: String = "property-set") -> [String] {
    [
      "push", kind, "--at", simulator.control, "--product-key", "a1Meter", "--device-name",
      "meter1", "--output", "json",
    ] + (kind == "property-set" ? ["--params", #"{"power":"on"}"#] : [])
  }

  /// Waits until the platform sends what comes for the sub-device.
  private func waitForSubscription(_ simulator: BrokerSimulator) throws {
    _ = try simulator.log.next {
      $0.contains("SUBSCRIBE /sys/a1Meter/meter1/thing/service/property/set")
    }
  }

  @Test func `a sub-device logs in, reports, asks, logs out, and is gone`() async throws {
    let (simulator, gateway, meter, told) = try await world()
    let topic = "/a1Meter/meter1/user/update"
    await #expect(throws: DeviceClientError.self) {
      try await meter.publish([0x7B, 0x7D], to: topic)
    }
    try await meter.logIn()
    #expect(meter.isOnline && meter.isWanted && gateway.onlineCount == 1 && told.isOnlineLast)
    let receipt = try await meter.publish(Array(#"{"kWh":1}"#.utf8), to: topic)
    #expect(receipt.result.outcome == .acknowledged)
    let answer = try await meter.request(PropertyPost.self, as: JSONWriter.self) {
      (post: inout AlinkRequest<PropertyPost, JSONWriter>) throws(AlinkError) in
      try post.add("power") { (writer: inout JSONWriter) throws(CapacityError) in
        try writer.integer(1)
      }
    }
    #expect(answer.code == .success)
    try await meter.logOut()
    #expect(!meter.isOnline && !meter.isWanted && gateway.onlineCount == 0)
    #expect(!told.isOnlineLast)
    await #expect(throws: DeviceClientError.self) {
      try await meter.publish([0x7B, 0x7D], to: topic)
    }
    // Whenever it comes: once `logOut` has returned the sub-device stays offline.
    for round in 0..<4 {
      try meter.wantOnline()
      try await Task.sleep(for: .milliseconds(round))
      try await meter.logOut()
      #expect(!meter.isOnline)
      try await Task.sleep(for: .milliseconds(30))
      #expect(!meter.isOnline && !told.isOnlineLast, "round \(round)")
    }
    gateway.remove(meter)
    #expect(throws: GatewayError.self) { try meter.wantOnline() }
    await gateway.close()
    let log = try simulator.stop()
    #expect(log.contains("PUBLISH \(topic) qos 1 {\"kWh\":1} -> PUBACK"))
  }

  @Test func `requests go to the last sequence, and elsewhere once nobody reads it`() async throws {
    let (simulator, gateway, meter, told) = try await world()
    try await meter.logIn()
    try waitForSubscription(simulator)
    let first = meter.requests
    let second = meter.requests
    // The first one has ended.
    for await _ in first { Issue.record("the second one is listened to") }
    let reading = Task {
      for await request in second {
        try request.reply()
        return request.topic
      }
      return ""
    }
    // The task that answers may have to wait for a thread.
    let pushing = try StartedRun(push(simulator) + ["--wait", "60"])
    #expect(try await reading.value == "/sys/a1Meter/meter1/thing/service/property/set")
    let push = try pushing.end()
    #expect(push.status == 0, "\(push.output)\(push.errors)")
    // Nobody reads that sequence any more: what comes is the gateway's.
    let more = Task { for await _ in meter.requests {} }
    try await Task.sleep(for: .milliseconds(50))
    more.cancel()
    await more.value
    let unread = try await nbiot(self.push(simulator) + ["--wait", "1"])
    #expect(unread.status != 0)
    #expect(told.requestCount == 1)
    // A sequence ends with its sub-device, and one that is made later at once.
    let last = meter.requests
    gateway.remove(meter)
    for await _ in last {}
    for await _ in meter.requests {}
    await gateway.close()
    for await _ in meter.requests {}
    _ = simulator
  }

  @Test func `a caller that waits for a logout returns when the sub-device is removed`()
    async throws
  {
    let (simulator, gateway, meter, _) = try await world()
    try await meter.logIn()
    // It answers nothing any more.
    kill(simulator.process.processIdentifier, SIGSTOP)
    defer { kill(simulator.process.processIdentifier, SIGCONT) }
    let waiting = Task { try await meter.logOut() }
    while meter.isWanted { try await Task.sleep(for: .milliseconds(10)) }
    try await Task.sleep(for: .milliseconds(100))
    gateway.remove(meter)
    try await waiting.value
    kill(simulator.process.processIdentifier, SIGCONT)
    await gateway.close()
  }
}
