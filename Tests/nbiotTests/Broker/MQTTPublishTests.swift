// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "nbiot publish and call over MQTT",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct MQTTPublishTests {
  /// The options of the device of a simulator.
  static func device(_ simulator: BrokerSimulator, _ transport: String = "mqtts") -> [String] {
    let isPlain = transport == "mqtt" || transport == "ws"
    return [
      "--endpoint", "127.0.0.1:\(simulator.ports[transport] ?? 0)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--device-secret-file", simulator.folder.path("secret.txt"),
    ] + (isPlain ? ["--plain"] : ["--ca-file", simulator.authority])
      + (transport.hasPrefix("ws") ? ["--websocket"] : [])
  }

  private func publish(
    _ simulator: BrokerSimulator,
    _ transport: String = "mqtts",
    _ options: [String] = [],
    input: String = ""
  ) async throws -> Run {
    try await nbiot(
      ["publish", "--transport", "mqtt", "--topic", "/a1B2c3D4e5F/device1/user/update"]
        + Self.device(simulator, transport) + options,
      input: input
    )
  }

  @Test(arguments: ["mqtt", "mqtts", "ws", "wss"])
  func `a report over each transport, with the objects that CoAP has`(
    transport: String
  ) async throws {
    let simulator = try BrokerSimulator()
    let run = try await publish(
      simulator,
      transport,
      ["--payload", #"{"value":1}"#, "--output", "json"]
    )
    #expect(run.status == 0, "\(run.errors)")
    let object = try #require(run.object)
    #expect(object["outcome"] as? String == "acknowledged")
    #expect(object["bytesUp"] as? Int == 49 && object["bytesDown"] as? Int == 4)
    #expect(object["transmissions"] as? Int == 1 && object["session"] == nil)
    let isPlain = transport == "mqtt" || transport == "ws"
    #expect(run.errors.contains("warning: --plain sends everything in the clear") == isPlain)
    #expect(run.errors.contains("1 report, 1 acknowledged, 49 B up, 4 B down; 1 CONNECT, "))
    #expect(
      try simulator.stop().contains(#"PUBLISH /a1B2c3D4e5F/device1/user/update qos 1 {"value":1}"#)
    )
  }

  @Test(arguments: ["mqtt", "mqtts", "ws", "wss"])
  func `the ledger has every byte that a relay has seen, and the headers of TCP and IP`(
    transport: String
  ) async throws {
    let simulator = try BrokerSimulator(transports: [transport])
    let relay = try StreamRelay(to: UInt16(try #require(simulator.ports[transport])))
    let run = try await publish(
      simulator,
      transport,
      ["--ledger", "--output", "json", "--endpoint", "127.0.0.1:\(relay.port)"],
      input: "1\n2\n"
    )
    relay.stop()
    #expect(run.status == 0, "\(run.errors)")
    let ledger = try printedLedger(run.output)
    let counted = try await relay.counted(all: ledger)
    for (name, bytes) in [("up", counted.up), ("down", counted.down)] {
      let side = try #require(ledger[name] as? [String: [String: Int]])
      func bytesOf(_ purpose: String) -> Int { side[purpose]?["bytes"] ?? 0 }
      let all = side.keys.reduce(0) { $0 + bytesOf($1) }
      // On a busy machine TCP now and then sends again what has arrived: the relay does not see it.
      #expect(all - bytesOf("headers") - bytesOf("retransmission") == bytes, "\(name): \(side)")
      #expect(bytesOf("headers") >= 60 + 5 * 52 && bytesOf("authentication") > 0)
      #expect((bytesOf("handshake") > 0) == (transport != "mqtt"))
    }
    let up = try #require(ledger["up"] as? [String: [String: Int]])
    #expect(up["report"]?["datagrams"] == 2)
    _ = try simulator.stop()
  }

  /// `nbiot publish --ledger` with so many descriptors at most; the ledger, and what it complains of.
  private func publish(
    _ simulator: BrokerSimulator,
    descriptors: Int
  ) throws -> (ledger: [String: [String: [String: Int]]], errors: String)? {
    let run = Process()
    run.executableURL = URL(filePath: "/bin/sh")
    run.arguments =
      ["-c", "ulimit -n \(descriptors); exec \"$0\" \"$@\"", program.path, "publish"]
      + ["--transport", "mqtt", "--topic", "/a1B2c3D4e5F/device1/user/update", "--ledger"]
      + Self.device(simulator, "mqtt") + ["--payload", "1", "--output", "json"]
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    run.standardOutput = output
    run.standardError = errors
    run.standardInput = FileHandle.nullDevice
    try run.start()
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    let lines = try output.fileHandleForReading.readToEnd() ?? Data()
    run.waitUntilExit()
    guard run.terminationStatus == 0, let last = lines.split(separator: UInt8(ascii: "\n")).last
    else {
      return nil
    }
    let object = try JSONSerialization.jsonObject(with: last) as? [String: [String: Any]]
    let sides = try #require(object?["ledger"]).compactMapValues { $0 as? [String: [String: Int]] }
    return (sides, String(decoding: text, as: UTF8.self))
  }

  @Test func `a connection for which no descriptor was left is told of, with its packets counted`()
    throws
  {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    var kinds: Set<Bool> = []
    // The program has six of its own, and some more while it starts.
    for descriptors in 8...40 where kinds.count < 2 {
      guard let run = try publish(simulator, descriptors: descriptors) else { continue }
      let up = try #require(run.ledger["up"])
      let isFollowed = (up["headers"]?["bytes"] ?? 0) > 0
      kinds.insert(isFollowed)
      #expect(
        run.errors.contains(
          "nbiot: 1 connection could not be followed (out of descriptors?"
        )
          != isFollowed,
        "\(descriptors): \(run.errors)"
      )
      #expect(up["report"] == ["datagrams": 1, "bytes": 39])
      #expect((up["authentication"]?["bytes"] ?? 0) > 100, "\(descriptors): \(up)")
    }
    #expect(kinds == [true, false])
    _ = try simulator.stop()
  }

  @Test func `lines are reports of one connection`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let run = try await publish(
      simulator,
      "mqtts",
      ["--keep-alive", "1200", "--clean-session", "no", "--sign-method", "hmacsha256"],
      input: "1\n\n2\n3\n"
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.split(separator: "\n").count == 3)
    #expect(run.errors.contains("1 CONNECT"))
    let log = try simulator.stop()
    #expect(log.contains("keep-alive 1200 s, clean session 0"))
    #expect(log.contains("DISCONNECT"))
  }

  @Test func `a refusal ends with 3, the number, both readings and what to check`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let wrong = simulator.folder.path("wrong.txt")
    try writeSecret("wrong\n", to: URL(filePath: wrong))
    let run = try await publish(
      simulator,
      "mqtts",
      ["--device-secret-file", wrong, "--output", "json"],
      input: "1\n2\n"
    )
    #expect(run.status == 3, "\(run.errors)")
    let first = try #require(run.output.split(separator: "\n").first)
    #expect(first.contains(#""outcome":"refused""#) && first.contains(#""connack":4"#))
    for words in [
      "CONNACK 4: bad user name or password (MQTT 3.1.1)", "server unavailable",
      "check the device secret", "--sign-method",
    ] {
      #expect(first.contains(words), "\(first)")
    }
    #expect(run.output.contains("not sent, as report 1 ended so"))
    try simulator.stop()
  }

  @Test func `a server that proves nothing, and none at all`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let other = try BrokerSimulator(transports: ["mqtts"])
    let run = try await publish(
      simulator,
      "mqtts",
      ["--ca-file", other.authority, "--payload", "1"]
    )
    #expect(run.status == 3)
    #expect(run.output.contains("--ca-file names the file of authorities"), "\(run.output)")
    let silent = try await publish(
      simulator,
      "mqtts",
      ["--endpoint", "127.0.0.1:1", "--payload", "1"]
    )
    #expect(silent.status == 4, "\(silent.output)")
    try simulator.stop()
    try other.stop()
  }

  @Test(arguments: [
    (["--transport", "mqtt", "--keep-alive", "29"], "--keep-alive: the keep-alive is 29 s"),
    (["--transport", "mqtt", "--keep-alive", "1201"], "--keep-alive: the keep-alive is 1201 s"),
    (
      ["--transport", "mqtt", "--timing", "nbIoT", "--security", "dtls"],
      "--security, --timing belong to CoAP: give --transport coap, too"
    ),
    (
      ["--transport", "mqtt", "--session-file", "x"],
      "--session-file belongs to CoAP, HTTPS and --authentication https: give --authentication https"
    ),
    (["--transport", "mqtt", "--server-name", "x"], "--server-name belongs to CoAP: give"),
    (["--websocket", "--keep-alive", "60"], "--websocket, --keep-alive belong to MQTT: give"),
    (["--plain"], "--plain belongs to MQTT: give --transport mqtt, too, or leave it out"),
    (["--transport", "mqtt", "--plain", "--ca-file", "x"], "--plain verifies no server"),
    (
      ["--transport", "mqtt", "--endpoint", "coap://127.0.0.1"],
      "--endpoint is for CoAP by its scheme: give HOST:PORT for MQTT"
    ),
    (
      ["--transport", "coap", "--endpoint", "mqtts://127.0.0.1"],
      "--endpoint is for MQTT by its scheme: give --transport mqtt"
    ),
    (
      ["--transport", "coap", "--endpoint", "HTTPS://127.0.0.1/"],
      "--endpoint is for HTTPS by its scheme: give --transport https"
    ),
    (
      ["--endpoint", "mqtts://127.0.0.1", "--timing", "nbIoT"],
      "--timing belongs to CoAP: give --transport coap"
    ),
    (
      ["--transport", "https", "--endpoint", "wss://127.0.0.1"],
      "--endpoint is for MQTT by its scheme: give --transport mqtt"
    ),
    (
      ["--transport", "mqtt", "--endpoint", "https://127.0.0.1"],
      "--endpoint is for HTTPS by its scheme: give --transport https"
    ),
    (
      ["--transport", "mqtt", "--endpoint", "mqtts://127.0.0.1", "--plain"],
      "--endpoint says by its scheme how the platform is reached"
    ),
    (
      ["--transport", "mqtt", "--endpoint", "mqtt://127.0.0.1", "--websocket"],
      "--endpoint says by its scheme how the platform is reached"
    ),
    (
      ["--transport", "mqtt", "--endpoint", "ws://127.0.0.1", "--ca-file", "x"],
      "--endpoint says by its scheme how the platform is reached"
    ),
  ])
  func `a contradiction is refused before anything is sent`(
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
    #expect(run.status == 2)
    #expect(run.errors.contains("Error: \(words)"), "\(run.errors)")
    #expect(run.output.isEmpty)
  }

  @Test func `the scheme of an endpoint says the transport, in a file, too`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "wss", "mqtt"])
    let file = simulator.folder.path("either.conf")
    for scheme in ["mqtts", "wss", "mqtt"] {
      let endpoint = "\(scheme)://127.0.0.1:\(simulator.ports[scheme] ?? 0)"
      let names = [
        "product-key = a1B2c3D4e5F", "device-name = device1",
        "device-secret-file = \(simulator.folder.path("secret.txt"))", "endpoint = \(endpoint)", "",
      ]
      try Data(names.joined(separator: "\n").utf8).write(to: URL(filePath: file))
      let device = [
        "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--device-secret-file",
        simulator.folder.path("secret.txt"),
      ]
      let authority = scheme == "mqtt" ? [] : ["--ca-file", simulator.authority]
      let report = ["--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"]
      for command in [
        ["publish", "--endpoint", endpoint] + device + report,
        ["publish", "--config", file] + report,
        ["doctor", "--endpoint", endpoint] + device,
        ["listen", "--max-wait", "0.1", "--endpoint", endpoint] + device,
      ] {
        let run = try await nbiot(command + authority)
        #expect(run.status == 0, "\(command): \(run.output)\(run.errors)")
      }
    }
    try simulator.stop()
  }

  @Test func `without authorities, and with a bar in the client id, nothing is sent`() async throws
  {
    for (options, words) in [
      ([], "TLS verifies the server: give --ca-file FILE"),
      (["--plain", "--client-id", "a|b"], "the client id has a | at byte 1"),
      (["--plain", "--client-id", String(repeating: "a", count: 65)], "client id"),
    ] as [([String], String)] {
      let run = try await nbiot(
        [
          "publish", "--transport", "mqtt", "--product-key", "a1B2c3D4e5F", "--device-name",
          "device1", "--topic", "/a", "--payload", "1",
        ] + options,
        environment: ["NBIOT_DEVICE_SECRET": "s"]
      )
      #expect(run.status == 2)
      #expect(run.errors.contains(words), "\(run.errors)")
    }
  }

  @Test func `a request of the thing model has the platform's reply`() async throws {
    let simulator = try BrokerSimulator(["--desired", "power=\"on\""], transports: ["mqtts"])
    let run = try await nbiot(
      [
        "call", "thing.property.desired.get", #"["power"]"#, "--transport", "mqtt", "--output",
        "json", "--verbose",
      ] + Self.device(simulator)
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains(#""power":{"#), "\(run.output)")
    #expect(run.errors.contains("device -> platform: SUBSCRIBE "))
    #expect(!run.errors.contains(BrokerSimulator.secret))
    try simulator.stop()
  }
}
