// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "nbiot doctor over MQTT",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct MQTTDoctorTests {
  /// A check as printed.
  private struct Check: Decodable, Equatable {
    let check: String
    let result: String
    let detail: String
    var connack: Int?
  }

  private func doctor(_ options: [String]) async throws -> (status: Int32, checks: [Check], Run) {
    let run = try await nbiot(
      ["doctor", "--transport", "mqtt", "--output", "json"] + options,
      environment: ["NBIOT_DEVICE_SECRET": BrokerSimulator.secret]
    )
    let checks = try run.output.split(separator: "\n").map {
      try JSONDecoder().decode(Check.self, from: Data($0.utf8))
    }
    return (run.status, checks, run)
  }

  @Test(arguments: ["mqtt", "mqtts", "ws", "wss"])
  func `all is well over each transport`(transport: String) async throws {
    let simulator = try BrokerSimulator()
    let (status, checks, run) = try await doctor(MQTTPublishTests.device(simulator, transport))
    #expect(status == 0, "\(run.output)\(run.errors)")
    #expect(checks.allSatisfy { $0.result == "ok" }, "\(run.output)")
    let isSecure = transport == "mqtts" || transport == "wss"
    var names = ["credentials", "clock"]
    if isSecure { names.append("authorities") }
    names += ["name", "sign", "tcp"]
    if isSecure { names.append("tls") }
    if transport.hasPrefix("ws") { names.append("websocket") }
    #expect(checks.map(\.check) == names + ["connect", "report"])
    let details = Dictionary(uniqueKeysWithValues: checks.map { ($0.check, $0.detail) })
    if isSecure {
      #expect(details["authorities"]?.contains(/nbiot simulator CA.* until 20[0-9]{2}-/) == true)
      #expect(details["tls"]?.contains(/TLSv1\.[23], .* until 20.*root nbiot simulator CA/) == true)
    }
    #expect(details["sign"]?.contains("clientIda1B2c3D4e5F&device1deviceNamedevice1") == true)
    #expect(details["connect"]?.hasPrefix("CONNACK 0 after ") == true)
    #expect(!run.output.contains(BrokerSimulator.secret))
    #expect(try simulator.stop().contains(#"user/update qos 1 {"doctor":1}"#))
  }

  @Test func `a refusal has the number, both readings and what to check, and ends with 3`()
    async throws
  {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let wrong = simulator.folder.path("wrong.txt")
    try writeSecret("another\n", to: URL(filePath: wrong))
    let (status, checks, run) = try await doctor(
      MQTTPublishTests.device(simulator) + ["--device-secret-file", wrong]
    )
    #expect(status == 3, "\(run.output)\(run.errors)")
    let last = try #require(checks.last)
    #expect(last.check == "connect" && last.result == "failed" && last.connack == 4)
    for words in [
      "CONNACK 4: bad user name or password (MQTT 3.1.1)", "server unavailable",
      "check the device secret",
    ] {
      #expect(last.detail.contains(words), "\(last.detail)")
    }
    try simulator.stop()
  }

  @Test func `a server that proves nothing, one without TLS, and none`() async throws {
    let simulator = try BrokerSimulator()
    let other = try BrokerSimulator(transports: ["mqtts"])
    let device = MQTTPublishTests.device(simulator)
    let foreign = try await doctor(device + ["--ca-file", other.authority])
    #expect(foreign.status == 3)
    let tls = try #require(foreign.checks.last)
    #expect(tls.check == "tls" && tls.result == "failed", "\(foreign.2.output)")
    #expect(tls.detail.contains("--ca-file needs the certificate of nbiot simulator CA"))
    let plain = try await doctor(
      device + ["--endpoint", "127.0.0.1:\(simulator.ports["mqtt"] ?? 0)"]
    )
    #expect(plain.status == 3 && plain.checks.last?.check == "tls", "\(plain.2.output)")
    #expect(plain.checks.last?.detail.hasPrefix("no handshake: ") == true)
    let socket = try await doctor(device + ["--websocket"])
    #expect(socket.checks.last?.check == "websocket", "\(socket.2.output)")
    #expect(socket.checks.last?.result == "failed" && socket.status != 0)
    // No port that was free a moment ago: another test may have it.
    let nobody = try await doctor(device + ["--endpoint", "127.0.0.1:1"])
    #expect(nobody.status == 4 && nobody.checks.last?.check == "tcp", "\(nobody.2.output)")
    #expect(nobody.checks.last?.detail.contains("nobody listens there") == true)
    let empty = try await doctor(device + ["--ca-file", simulator.folder.path("secret.txt")])
    #expect(empty.status == 2, "\(empty.2.output)\(empty.2.errors)")
    try simulator.stop()
    try other.stop()
  }

  @Test func `a server that answers HTTP otherwise is told with what it said`() async throws {
    let server = try FakeServer { connection, _ in
      connection.send(Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8))
      connection.waitForEnd()
    }
    let (status, checks, run) = try await doctor([
      "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--plain", "--websocket",
      "--websocket-path", "/other", "--endpoint", "127.0.0.1:\(server.port)",
    ])
    #expect(status == 3 && checks.last?.check == "websocket", "\(run.output)\(run.errors)")
    #expect(checks.last?.detail.contains("/other was answered with HTTP/1.1 404 Not Found") == true)
  }
}
