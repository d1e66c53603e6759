// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The simulator over MQTT: topics, sessions, the kick",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct BrokerTopicTests {
  @Test func `which topics a device may subscribe and publish to`() throws {
    let simulator = try BrokerSimulator(
      ["--topic-class", "user/both=both"],
      transports: ["mqtt"],
      devices: ["device1", "device2"]
    )
    let client = try simulator.client(try simulator.settings())
    let own = "/a1B2c3D4e5F/device1"
    for filter in [
      "\(own)/user/get", "\(own)/user/both", "/ext/error\(own)", "/ext/notify", "/ext/register",
      "/ota/device/upgrade\(own)", "/sys\(own)/thing/service/property/set",
      "/sys\(own)/thing/event/property/post_reply", "/sys\(own)/rrpc/request/+",
      "/ext/rrpc/+\(own)/#",
      "/sys\(own)/thing/#", "\(own)/#",
    ] {
      #expect(try client.subscribe(filter) == [1], "\(filter)")
      #expect(try client.subscribe(filter, qos: 0) == [0], "\(filter)")
      #expect(try client.subscribe(filter, qos: 2) == [128], "\(filter)")
    }
    for filter in [
      "#", "+/#", "/#", "/+/+/user/get", "\(own)/user/update",
      "/sys\(own)/thing/event/property/post",
      "/a1B2c3D4e5F/device2/user/get", "/sys/a1B2c3D4e5F/device2/#", "/sys/a1B2c3D4e5F/+/thing/#",
      "$SYS/#", "$share/group\(own)/user/get", "/ext/#", "\(own)/user/unknown", "user/get",
    ] {
      #expect(try client.subscribe(filter) == [128], "\(filter)")
    }
    for topic in [
      "\(own)/user/get", "\(own)/user/unknown", "/a1B2c3D4e5F/device2/user/update", "user/update",
      "/ext/session\(own)/combine/login",
    ] {
      try client.publish(topic, "1", qos: 1)
      _ = try client.next("published")
    }
    try client.publish("\(own)/user/update", "last", qos: 1)
    _ = try client.next("published")
    try client.disconnect()
    let log = try simulator.stop()
    #expect(log.contains("PUBLISH \(own)/user/get qos 1 1 -> refused, PUBACK"))
    #expect(log.contains("--topic-class user/unknown makes it one"))
    #expect(log.contains("PUBLISH \(own)/user/update qos 1 last -> PUBACK"))
    // Nothing comes back to whom has subscribed to what it publishes.
    #expect(!log.contains("DELIVER"))
  }

  @Test(arguments: [("retain", "a retained message"), ("qos", "QoS 2")])
  func `what ends the connection`(what: String, note: String) throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    let client = try simulator.client(try simulator.settings())
    try client.publish(
      "/a1B2c3D4e5F/device1/user/update",
      "1",
      qos: what == "qos" ? 2 : 1,
      retain: what == "retain"
    )
    _ = try client.next("disconnected")
    #expect(try simulator.stop().contains("-> closed - \(note)"))
  }

  @Test func `a refused PUBLISH ends the connection where that is assumed, wildcards are refused`()
    throws
  {
    let simulator = try BrokerSimulator(
      ["--assume", "mqtt-refused-publish=closed", "--assume", "mqtt-wildcards=refused"],
      transports: ["mqtt"]
    )
    let client = try simulator.client(try simulator.settings())
    #expect(try client.subscribe("/a1B2c3D4e5F/device1/#") == [128])
    try client.publish("/a1B2c3D4e5F/device1/user/get", "1", qos: 1)
    _ = try client.next("disconnected")
    try simulator.stop()
  }

  @Test func `256 KB is taken, and one byte more is not`() throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    let client = try simulator.client(try simulator.settings())
    let topic = "/a1B2c3D4e5F/device1/user/update"
    try client.publish(topic, String(repeating: "x", count: 256 * 1_024), qos: 1)
    _ = try client.next("published")
    try client.publish(topic, String(repeating: "x", count: 256 * 1_024 + 1), qos: 1)
    _ = try client.next("published")
    let log = try simulator.stop()
    #expect(log.contains("-> refused, PUBACK - the payload has over 262144 bytes"))
  }

  @Test(arguments: [("mqtt", "mqtt"), ("mqtt", "mqtts"), ("wss", "mqtts"), ("ws", "mqtt")])
  func `the older connection of two is closed, and told where it wants that`(
    first: String,
    second: String
  ) throws {
    let simulator = try BrokerSimulator()
    let older = try simulator.client(try simulator.settings(first, fields: ",ext=3"))
    let newer = try simulator.client(try simulator.settings(second))
    let notice = try older.message("/ext/notify").json
    #expect(notice["title"] as? String == "kick")
    #expect(notice["content"] as? String == "Kicked by the same device")
    _ = try older.next("disconnected")
    // A third one, which closes one that is not told.
    let third = try simulator.client(try simulator.settings(second))
    _ = try newer.next("disconnected")
    #expect(throws: (any Error).self) { try newer.next("message") }
    try third.publish("/a1B2c3D4e5F/device1/user/update", "1", qos: 1)
    _ = try third.next("published")
    let log = try simulator.stop()
    #expect(log.contains("CLOSE - thrown out by another connection of the same device"))
    #expect(log.contains("DISCONNECT - another connection is in its place"))
  }

  @Test func `a session is the device's, whatever its client id`() throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    func settings(_ timestamp: Int, clean: Bool) throws -> [String: Any] {
      var made = try simulator.settings("mqtts", fields: ",timestamp=\(timestamp)")
      made["password"] = try BrokerSimulator.sign(
        "clientIdclient1deviceNamedevice1productKeya1B2c3D4e5Ftimestamp\(timestamp)",
        "hmacsha256"
      )
      made["clean"] = clean
      return made
    }
    let first = try MQTTClient(try settings(1, clean: false))
    #expect(try !first.next("connected").hasSession)
    let topic = "/a1B2c3D4e5F/device1/user/get"
    try first.subscribe(topic)
    try first.disconnect()
    let second = try MQTTClient(try settings(2, clean: false))
    #expect(try second.next("connected").hasSession)
    try second.disconnect()
    let third = try MQTTClient(try settings(3, clean: true))
    #expect(try !third.next("connected").hasSession)
    try third.disconnect()
    let fourth = try MQTTClient(try settings(4, clean: false))
    #expect(try !fourth.next("connected").hasSession)
    try simulator.stop()
  }

  @Test func `a message waits for a session that goes on`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    var settings = try simulator.settings()
    settings["clean"] = false
    let first = try simulator.client(settings)
    let topic = "/a1B2c3D4e5F/device1/user/get"
    try first.subscribe(topic)
    try first.disconnect()
    _ = try simulator.log.wait(for: "DISCONNECT")
    let run = try await simulator.push("message", ["--topic", topic, "--payload", "kept"])
    #expect(run.status == 0 && run.object?["outcome"] as? String == "queued")
    let second = try simulator.client(settings)
    #expect(try second.message(topic).payload == "kept")
    try second.disconnect()
    settings["clean"] = true
    let third = try simulator.client(settings)
    try third.disconnect()
    _ = try simulator.log.wait(for: "DISCONNECT")
    let offline = try await simulator.push("message", ["--topic", topic, "--payload", "lost"])
    #expect(offline.status == 1 && offline.object?["outcome"] as? String == "offline")
    try simulator.stop()
  }

  @Test func `one platform: a device over MQTT has what it has over CoAP`() async throws {
    let simulator = try BrokerSimulator(["--desired", "power=on"], transports: ["mqtt"])
    let secret = simulator.folder.path("secret.txt")
    let run = try await nbiot([
      "call", "thing.event.property.post", #"{"power":"on"}"#, "--endpoint",
      "127.0.0.1:\(simulator.ports["coap"] ?? 0)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1", "--device-secret-file", secret,
    ])
    #expect(run.status == 0, "\(run.errors)")
    let client = try simulator.client(try simulator.settings())
    let topic = BrokerSimulator.thing("property/desired/get")
    try client.subscribe("\(topic)_reply")
    try client.publish(
      topic,
      #"{"id":"1","version":"1.0","params":["power"],"method":"thing.property.desired.get"}"#
    )
    let data = try client.message("\(topic)_reply").json["data"] as? [String: Any]
    let power = try #require(data?["power"] as? [String: Any])
    #expect(power["value"] as? String == "on" && power["version"] as? Int == 1)
    let log = try simulator.stop()
    #expect(log.contains("a1B2c3D4e5F/device1 POST /topic/sys"))
    #expect(log.contains("mqtt 127.0.0.1 a1B2c3D4e5F/device1 PUBLISH /sys"))
  }

  @Test func `clients that say nothing, or nonsense, do not hold up others`() throws {
    let simulator = try BrokerSimulator(transports: ["mqtt", "mqtts"])
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    for name in ["mqtt", "mqtts"] {
      for start in [
        [], [0x10], [0x10, 0xFF, 0xFF, 0xFF, 0x7F], [0x00, 0x00], [0x30, 0x05, 0x00],
      ] {
        sockets.append(try Self.open(simulator.ports[name] ?? 0, start.map { UInt8($0) }))
      }
    }
    for name in ["mqtt", "mqtts"] {
      let client = try simulator.client(try simulator.settings(name))
      try client.publish("/a1B2c3D4e5F/device1/user/update", "1", qos: 1)
      _ = try client.next("published")
      try client.disconnect()
    }
    try simulator.stop()
  }

  /// A TCP connection over which some bytes went, and which stays open.
  private static func open(_ port: Int, _ bytes: [UInt8]) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, size) == 0
      }
    }
    try #require(isConnected)
    // Another process that a test starts must not keep it open.
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    if !bytes.isEmpty { _ = unsafe write(descriptor, bytes, bytes.count) }
    return descriptor
  }
}
