// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "Configurations of nbiot-agent-mqtt, and reports in flight",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct MQTTSettingTests {
  /// Writes a configuration of the agent over MQTT beside a simulator's secret.
  private func configure(_ simulator: BrokerSimulator, _ lines: [String]) throws -> String {
    let file = simulator.folder.path("agent.conf")
    let text =
      [
        "product-key = a1B2c3D4e5F", "device-name = device1",
        "device-secret-file = \(simulator.folder.path("secret.txt"))",
        "state-directory = \(simulator.folder.path("state"))",
        "topic = /a1B2c3D4e5F/device1/user/update",
      ] + lines + [""]
    try Data(text.joined(separator: "\n").utf8).write(to: URL(filePath: file))
    return file
  }

  @Test func `a command speaks as the agent of the file does`() async throws {
    let simulator = try BrokerSimulator(transports: ["wss", "mqtt"])
    let file = try configure(
      simulator,
      [
        "transport = mqtt", "websocket = yes", "keep-alive = 600", "clean-session = no",
        "in-flight = 4", "on-request = /nowhere", "desired = power",
        "endpoint = 127.0.0.1:\(simulator.ports["wss"] ?? 0)", "ca-file = \(simulator.authority)",
      ]
    )
    for command in [
      ["publish", "--payload", "1"], ["doctor"],
      ["call", "thing.event.property.post", #"{"a":{"value":1}}"#],
      ["ota", "inform", "--firmware", "1.0"], ["listen", "--max-wait", "0.1"],
    ] {
      let run = try await nbiot(command + ["--config", file])
      #expect(run.status == 0, "\(command): \(run.output)\(run.errors)")
    }
    // An option counts more.
    let plain = try await nbiot([
      "publish", "--payload", "2", "--config", file, "--keep-alive", "60",
    ])
    #expect(plain.status == 0, "\(plain.errors)")
    let log = try simulator.stop()
    #expect(log.contains("keep-alive 600 s, clean session 0"), "\(log)")
    #expect(log.contains("keep-alive 60 s, clean session 0"))
  }

  @Test
  func `a file that either agent could have names the endpoint of the transport that is asked for`()
    async throws
  {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let file = try configure(
      simulator,
      [
        "endpoint = 127.0.0.1:\(simulator.ports["mqtts"] ?? 0)", "ca-file = \(simulator.authority)",
      ]
    )
    for command in [
      ["publish", "--transport", "mqtt", "--payload", "1"], ["listen", "--max-wait", "0.1"],
    ] {
      let run = try await nbiot(command + ["--config", file])
      #expect(run.status == 0, "\(command): \(run.output)\(run.errors)")
    }
    try simulator.stop()
    // The one try has failed: no other one is announced.
    let run = try await nbiot(["listen", "--config", file])
    #expect(run.status == 4)
    #expect(run.errors.contains("no connection came about"), "\(run.errors)")
    #expect(!run.errors.contains("next try"), "\(run.errors)")
  }

  @Test func `nothing listens on another address than the one asked for`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt", "mqtts", "ws", "wss"])
    for name in ["mqtt", "mqtts", "ws", "wss"] {
      let port = try #require(simulator.ports[name])
      #expect(try isTaken("127.0.0.1", port), "\(name)")
      // A listener on every address of the machine would take these as well.
      for address in ["127.0.0.2", "::1"] {
        #expect(try !isTaken(address, port), "\(name) at \(address)")
      }
    }
    try simulator.stop()
  }

  /// Whether somebody takes a connection to that address.
  private func isTaken(_ address: String, _ port: some BinaryInteger) throws -> Bool {
    let connect = Process()
    connect.executableURL = URL(filePath: "/bin/bash")
    connect.arguments = ["-c", "exec 3<> /dev/tcp/\(address)/\(port)"]
    connect.standardError = FileHandle.nullDevice
    try connect.start()
    connect.waitUntilExit()
    return connect.terminationStatus == 0
  }

  @Test func `tls = no is plain, with the warning`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    let file = try configure(
      simulator,
      ["tls = no", "endpoint = 127.0.0.1:\(simulator.ports["mqtt"] ?? 0)"]
    )
    let run = try await nbiot(["publish", "--payload", "1", "--config", file])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("warning: tls = no sends everything in the clear"))
    try simulator.stop()
  }

  @Test(arguments: [
    (
      ["transport = mqtt", "keepalive = 60"], ":7: unknown key keepalive: did you mean keep-alive?"
    ),
    (["transport = mqtt", "bananas = 1"], "the keys are those of nbiot-agent-mqtt.conf"),
    (["keepalive = 60"], ":6: unknown key keepalive: did you mean keep-alive?"),
    (["keep-alive = 29"], ":6: keep-alive takes 30 to 1200 s"),
    (["in-flight = 17"], ":6: in-flight takes 1 to 16"),
    (["transport = http"], ":6: transport takes coap|mqtt only in nbiot-agent-mqtt"),
    (["tls = yes", "transport = coap"], ":7: transport takes mqtt"),
    (["tls = yes", "timing = nbIoT"], ":7: timing belongs to nbiot-agent, the agent over CoAP"),
  ])
  func `what is wrong in the file is told with its line`(
    lines: [String],
    words: String
  ) async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    let file = try configure(simulator, lines)
    let run = try await nbiot(["publish", "--payload", "1", "--config", file])
    #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
    try simulator.stop()
  }

  @Test func `lines in flight arrive in their order, each with its result`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let input = (1...100).map { $0 == 50 ? "not JSON\n" : "{\"value\":\($0)}\n" }.joined()
    let run = try await nbiot(
      [
        "publish", "--transport", "mqtt", "--in-flight", "16", "--output", "json", "--topic",
        "/a1B2c3D4e5F/device1/user/update",
      ] + MQTTPublishTests.device(simulator),
      input: input
    )
    #expect(run.status == 0, "\(run.errors)")
    let numbers = run.output.matches(of: /"report":([0-9]+),.*?"outcome":"acknowledged"/)
    #expect(numbers.map { Int($0.1) } == Array(1...100))
    #expect(
      run.errors.contains("100 reports, 100 acknowledged") && run.errors.contains("1 CONNECT")
    )
    let log = try simulator.stop()
    let values = log.matches(of: /user\/update qos 1 \{"value":([0-9]+)\}/).compactMap { Int($0.1) }
    #expect(values == (1...100).filter { $0 != 50 })
  }

  @Test(arguments: [
    (["--transport", "mqtt", "--in-flight", "17"], "--in-flight is 1 to 16"),
    (["--transport", "mqtt", "--in-flight", "0"], "--in-flight is 1 to 16"),
    (["--in-flight", "2"], "--in-flight belongs to MQTT: give --transport mqtt, too"),
    (["--transport", "mqtt", "--plain", "--websocket-path", "mqtt"], "--websocket-path is a path"),
  ])
  func `a wrong argument is refused before anything is sent`(
    options: [String],
    words: String
  ) async throws {
    let run = try await nbiot(
      [
        "publish", "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--topic", "/a",
        "--payload", "1",
      ] + options,
      environment: ["NBIOT_DEVICE_SECRET": "s"]
    )
    #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
  }
}
