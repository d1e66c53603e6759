// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Options, variables and the agent's configuration file")
struct SettingTests {
  private static let secret = "0123456789abcdef0123456789abcdef"

  /// A folder with a secret and a configuration.
  private static func folder(
    _ lines: [String],
    device: String = "device1"
  ) throws -> DTLSCommandTests.Folder {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("secret.txt")
    try Data("\(secret)\n".utf8).write(to: URL(filePath: file))
    #expect(unsafe chmod(file, 0o600) == 0)
    let text = """
      # A comment, and keys that concern the agent alone.
      product-key = a1B2c3D4e5F
      device-name = \(device)
      device-secret-file = \(file)
      state-directory = agent-state
      hint-command = /nonexistent

      """
    try Data((text + lines.joined(separator: "\n") + "\n").utf8)
      .write(to: folder.url.appending(path: "agent.conf"))
    return folder
  }

  private static let topic = "topic = /a1B2c3D4e5F/device1/user/update"

  // MARK: - Each command

  @Test(arguments: [
    (["publish", "--payload", "1"], "/topic/a1B2c3D4e5F/device1/user/update"),
    (["call", "thing.event.property.post", #"{"a":{"value":1}}"#], "property/post"),
    (["doctor"], "/topic/a1B2c3D4e5F/device1/user/update"),
    (["ota", "inform", "--firmware", "1"], "/ota/device/inform/"),
    (["ota", "check", "--firmware", "1"], "/ota/device/request/"),
    (["ota", "progress", "--step", "5"], "/ota/device/progress/"),
    (["ota", "upgrade", "--firmware", "1", "--to", "FOLDER/new"], "/ota/device/request/"),
    (["pull"], "/pull"), (["pull", "--output", "json"], "/pull"),
  ])
  func `a command that is a device takes it from the environment or the configuration`(
    command: [String],
    path: String
  ) async throws {
    let simulator = try Simulator()
    let endpoint = "127.0.0.1:\(simulator.port)"
    let folder = try Self.folder([Self.topic, "endpoint = \(endpoint)"])
    let command = command.map { $0.replacing("FOLDER", with: folder.url.path) }
    let configured = try await nbiot(command + ["--config", folder.path("agent.conf")])
    #expect(configured.status == 0, "\(configured.output)\(configured.errors)")
    let topic = command[0] == "publish" ? ["--topic", "/a1B2c3D4e5F/device1/user/update"] : []
    let surrounded = try await nbiot(
      command + topic,
      environment: [
        "NBIOT_PRODUCT_KEY": " a1B2c3D4e5F\n", "NBIOT_DEVICE_NAME": "device1",
        "NBIOT_ENDPOINT": endpoint, "NBIOT_DEVICE_SECRET": Self.secret,
      ]
    )
    #expect(surrounded.status == 0, "\(surrounded.output)\(surrounded.errors)")
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: path).count > 2, "\(log)")
  }

  @Test func `signatures are the same whatever says who the device is`() async throws {
    let folder = try Self.folder(["client-id = 12345"])
    let variables = [
      "NBIOT_PRODUCT_KEY": "a1B2c3D4e5F", "NBIOT_DEVICE_NAME": "device1",
      "NBIOT_DEVICE_SECRET": Self.secret,
    ]
    for kind in ["coap", "mqtt", "http", "topology"] {
      let command = ["sign", kind, "--timestamp", "789"]
      let names = ["--product-key", "a1B2c3D4e5F", "--device-name", "device1"]
      let given = try await nbiot(
        command + names + [
          "--client-id", "12345", "--device-secret-file", folder.path("secret.txt"),
        ]
      )
      let configured = try await nbiot(command + ["--config", folder.path("agent.conf")])
      let surrounded = try await nbiot(command + ["--client-id", "12345"], environment: variables)
      #expect(given.status == 0, "\(given.errors)")
      #expect(configured.output == given.output, "\(configured.errors)")
      #expect(surrounded.output == given.output, "\(surrounded.errors)")
    }
  }

  @Test func `what needs the secret alone finds it in the configuration`() async throws {
    let folder = try Self.folder([])
    let config = ["--config", folder.path("agent.conf")]
    let sealed = try await nbiot(["opcua", "encrypt"] + config, input: "password\n")
    let opened = try await nbiot(["opcua", "decrypt"] + config, input: sealed.output)
    #expect(opened.output == "password\n", "\(sealed.errors)\(opened.errors)")
    let inspected = try await nbiot(["inspect", "40017d34"] + config)
    #expect(inspected.status == 0, "\(inspected.errors)")
  }

  @Test func `the simulator lets in the device of the configuration, or of the environment`()
    async throws
  {
    let folder = try Self.folder([Self.topic])
    for (options, environment) in [
      (["--config", folder.path("agent.conf")], [:]),
      (
        [],
        [
          "NBIOT_PRODUCT_KEY": "a1B2c3D4e5F", "NBIOT_DEVICE_NAME": "device1",
          "NBIOT_DEVICE_SECRET": Self.secret,
        ]
      ),
    ] {
      let simulator = process(["simulate", "--port", "0"] + options, environment: environment)
      let output = Pipe.ofChild()
      simulator.standardOutput = output
      try simulator.start()
      let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
      let port = try #require(line.firstMatch(of: /port ([0-9]+), 1 device/)?.1)
      let run = try await nbiot([
        "publish", "--config", folder.path("agent.conf"), "--payload", "1", "--endpoint",
        "127.0.0.1:\(port)",
      ])
      #expect(run.status == 0, "\(run.errors)")
      simulator.terminate()
      simulator.waitUntilExit()
    }
    let names = ["NBIOT_PRODUCT_KEY": "k", "NBIOT_DEVICE_NAME": "dddd"]
    let unproved = try await nbiot(["simulate", "--port", "0"], environment: names)
    #expect(unproved.status == 2)
    #expect(unproved.errors.contains("no secret for the device dddd: set NBIOT_DEVICE_SECRET"))
    let none = try await nbiot(["simulate", "--port", "0"])
    #expect(none.status == 2)
    #expect(none.errors.contains("or give --config FILE with product-key and device-name"))
  }

  @Test func `over DTLS the configuration names the authorities, and an option outranks it`()
    async throws
  {
    let certificates = try DTLSCommandTests.Folder()
    let simulator = try Simulator(
      ["--security", "dtls", "--certificates", certificates.path("certificates")]
    )
    let folder = try Self.folder([
      Self.topic, "endpoint = coaps://127.0.0.1:\(simulator.port)",
      "ca-file = \(certificates.path("certificates/ca.pem"))",
    ])
    let publish = ["publish", "--payload", "1", "--config", folder.path("agent.conf")]
    let run = try await nbiot(publish)
    #expect(run.status == 0, "\(run.errors)")
    let other = try await nbiot(publish + ["--ca-file", folder.path("none.pem")])
    #expect(other.status == 2)
    #expect(other.errors.contains("--ca-file: the file \(folder.path("none.pem"))"))
    let psk = try await nbiot(publish + ["--psk"])
    #expect(psk.status == 0, "\(psk.errors)")
    let log = try simulator.stop().log
    #expect(log.contains("PSK"), "\(log)")
  }

  @Test func `registration puts the secret where the configuration has it`() async throws {
    let folder = try Self.folder(["endpoint = 127.0.0.1:1"])
    let register = [
      "register", "--over", "coap", "--config", folder.path("agent.conf"), "--product-secret-file",
      folder.path("secret.txt"),
    ]
    // The configuration's endpoint is that of another mode, and its file must not be lost.
    let mode = try await nbiot(register)
    #expect(mode.status == 2)
    #expect(mode.errors.contains(":7: endpoint is not for DTLS"), "\(mode.errors)")
    let there = try await nbiot(
      register.map { $0 == "coap" ? "https" : $0 } + ["--url", "https://127.0.0.1:1/"]
    )
    #expect(there.status == 2)
    #expect(there.errors.contains("--secret-file is the product secret's own file"))
  }

  // MARK: - Precedence

  @Test func `an option outranks a variable, and a variable the configuration`() async throws {
    let simulator = try Simulator()
    // Everything in the file is wrong but the topic.
    let folder = try Self.folder(
      [
        Self.topic.replacing("update", with: "wrong"), "endpoint = 127.0.0.1:1", "format = cbor",
      ],
      device: "wrongdevice"
    )
    let good = [
      "NBIOT_PRODUCT_KEY": "a1B2c3D4e5F", "NBIOT_DEVICE_NAME": "device1",
      "NBIOT_ENDPOINT": "127.0.0.1:\(simulator.port)", "NBIOT_DEVICE_SECRET": Self.secret,
    ]
    let bad = [
      "NBIOT_PRODUCT_KEY": "wrong", "NBIOT_DEVICE_NAME": "other", "NBIOT_ENDPOINT": "127.0.0.1:1",
      "NBIOT_DEVICE_SECRET": "wrong",
    ]
    let publish = [
      "publish", "--config", folder.path("agent.conf"), "--topic",
      "/a1B2c3D4e5F/device1/user/update", "--payload", #"{"a":1}"#, "--format", "json",
    ]
    let variables = try await nbiot(publish, environment: good)
    #expect(variables.status == 0, "\(variables.errors)")
    let options = try await nbiot(
      publish + [
        "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--endpoint",
        "127.0.0.1:\(simulator.port)", "--device-secret-file", simulator.secretFile,
      ],
      environment: bad
    )
    #expect(options.status == 0, "\(options.errors)")
    // An empty variable is none.
    let none = try await nbiot(
      publish,
      environment: good.merging(["NBIOT_DEVICE_NAME": ""]) { $1 }
    )
    #expect(none.status == 3, "\(none.output)\(none.errors)")
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: #"{"a":1} -> 2.05"#).count == 3, "\(log)")
  }

  @Test(arguments: [
    ("--security symmetric", ["security = dtls"], "", "symmetric"),
    ("--security dtls", ["security = symmetric"], "", "dtls"),
    ("", ["security = dtls", "endpoint = 127.0.0.1:1"], "", "dtls"),
    ("", ["security = dtls"], "coap://127.0.0.1:1", "symmetric"),
    ("", ["security = dtls"], "127.0.0.1:1", "dtls"),
    ("", ["endpoint = coaps://127.0.0.1:1"], "", "dtls"),
    ("", ["endpoint = coaps://127.0.0.1:1"], "127.0.0.1:1", "dtls"),
    ("", ["endpoint = coaps://127.0.0.1:1"], "coap://127.0.0.1:1", "symmetric"),
    ("--endpoint 127.0.0.1:1", ["endpoint = coaps://127.0.0.1:1"], "", "dtls"),
    ("--endpoint coap://127.0.0.1:1", ["endpoint = coaps://127.0.0.1:1"], "", "symmetric"),
  ])
  func `of the option and an endpoint's scheme the one closer at hand says the mode`(
    option: String,
    lines: [String],
    variable: String,
    mode: String
  ) async throws {
    var lines = [Self.topic] + lines
    if variable.isEmpty, !lines.contains(where: { $0.hasPrefix("endpoint") }) {
      lines.append("endpoint = 127.0.0.1:1")
    }
    let folder = try Self.folder(lines)
    let run = try await nbiot(
      ["publish", "--payload", "1", "--config", folder.path("agent.conf")]
        + option.split(separator: " ").map(String.init),
      environment: variable.isEmpty ? [:] : ["NBIOT_ENDPOINT": variable]
    )
    // Over DTLS a CA file is wanted before anything is sent.
    #expect(run.errors.contains("DTLS verifies the server") == (mode == "dtls"), "\(run.errors)")
    #expect(run.status == (mode == "dtls" ? 2 : 4))
  }

  // MARK: - What is wrong, and where

  @Test(arguments: [
    (["NBIOT_PRODUCT_KEY": "a b"], [], "NBIOT_PRODUCT_KEY: the product key must be"),
    (["NBIOT_DEVICE_NAME": "x"], [], "NBIOT_DEVICE_NAME: the device name has 1 character;"),
    (["NBIOT_ENDPOINT": "host:99999"], [], "NBIOT_ENDPOINT host:99999: "),
    ([:], ["topic = no-slash"], "agent.conf:7: topic: the topic must start with a slash"),
    (
      [:], ["client-id = \(String(repeating: "c", count: 65))"],
      "agent.conf:7: client-id: the client id"
    ),
    ([:], ["endpoint = host:99999"], "agent.conf:7: endpoint: a port is 1 to 65535"),
    ([:], ["accept = xml"], "agent.conf:7: accept takes json|cbor|none"),
    ([:], ["colour = red"], "agent.conf:7: unknown key colour: the keys are those of"),
    ([:], ["socket-mod = 600"], "unknown key socket-mod: did you mean socket-mode?"),
    ([:], ["product-key = twice"], "agent.conf:7: given twice: product-key"),
    ([:], ["nonsense"], "agent.conf:7: no `key = value`"),
    (
      [:], ["security = dtls", "endpoint = coap://h"],
      "agent.conf:8: endpoint: the scheme is not that of"
    ),
    (
      [:], ["security = dtls", "ca-file = /nonexistent"],
      "agent.conf:8: ca-file: the file /nonexistent"
    ),
  ])
  func `a wrong value is said with where it was given`(
    variables: [String: String],
    lines: [String],
    reason: String
  ) async throws {
    let folder = try Self.folder(lines)
    let topic = lines.contains { $0.hasPrefix("topic") } ? [] : ["--topic", "/k/d/user/update"]
    for command in [["publish", "--payload", "1"] + topic, ["doctor"]] {
      if command[0] == "doctor", reason.contains("ca-file") { continue }
      let run = try await nbiot(
        command + ["--config", folder.path("agent.conf")],
        environment: variables
      )
      #expect(run.status == 2, "\(run.output)\(run.errors)")
      #expect((run.output + run.errors).contains(reason), "\(run.output)\(run.errors)")
    }
  }

  @Test func `what nothing says is asked for by all its names`() async throws {
    let folder = try DTLSCommandTests.Folder()
    try Data("topic = /k/d\n".utf8).write(to: folder.url.appending(path: "agent.conf"))
    let config = ["--config", folder.path("agent.conf")]
    for command in [["publish", "--payload", "1"], ["pull"], ["sign", "coap"], ["register"]] {
      let run = try await nbiot(command + config)
      #expect(run.status == 2)
      for name in [
        "--product-key KEY", "NBIOT_PRODUCT_KEY", "--device-name NAME", "NBIOT_DEVICE_NAME",
        "--config FILE",
      ] {
        #expect(run.errors.contains(name), "\(run.errors)")
      }
    }
    let names = ["--product-key", "k", "--device-name", "dddd"]
    let secret = try await nbiot(["pull"] + names + config)
    #expect(secret.errors.contains("no device secret: give --device-secret-file FILE"))
    let topic = try await nbiot(["publish", "--payload", "1"] + names)
    #expect(topic.errors.contains("no topic: give --topic TOPIC"))
    let missing = try await nbiot(["pull", "--config", folder.path("none.conf")] + names)
    #expect(missing.status == 2)
    #expect(missing.errors.contains("none.conf"))
  }

  @Test func `a configuration that cannot be read is told as any other file`() async throws {
    let folder = try Self.folder(["colour = red"])
    let path = folder.path("agent.conf")
    for (path, reason) in [
      (folder.url.path, "is no file, but a directory: give a regular one"),
      (
        folder.path("none"),
        "the configuration file \(folder.path("none")) cannot be opened: No such"
      ),
      (path, "\(path):7: unknown key colour"),
    ] {
      let run = try await nbiot(["pull", "--config", path])
      #expect(run.status == 2)
      #expect(run.errors.hasPrefix("nbiot: "), "\(run.errors)")
      #expect(run.errors.contains(reason), "\(run.errors)")
    }
    try (Data("device-name = ".utf8) + [0xFF, 0x0A]).write(to: URL(filePath: path))
    #expect(unsafe chmod(path, 0o622) == 0)
    let run = try await nbiot(["pull", "--config", path])
    #expect(run.status == 2)
    #expect(
      run.errors.contains("nbiot: \(path):1: device-name is not UTF-8: check the file's encoding\n")
    )
    #expect(run.errors.hasPrefix("warning: others can change \(path); run: chmod go-w \(path)\n"))
  }
}
