// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Texts that people copy, and texts of others, at the command line")
struct PastedTextTests {
  static let secret = "0123456789abcdef0123456789abcdef"

  private func arguments(_ simulator: Simulator, _ options: [String] = []) -> [String] {
    simulator.device(["--payload", "1"] + options)
  }

  // MARK: - Secrets

  @Test(arguments: [
    ("\(secret)\n", false), ("\(secret)\r\n", false), ("\(secret) ", true), ("\t\(secret)", true),
    ("\u{FEFF}\(secret)\n", true), ("\n\(secret)\n", true), ("\(secret)\u{A0}\n", true),
  ])
  func `a secret's ends are taken off in files and variables alike, with a warning`(
    text: String,
    warns: Bool
  ) async throws {
    let simulator = try Simulator()
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("secret.txt")
    try Data(text.utf8).write(to: URL(filePath: file))
    #expect(unsafe chmod(file, 0o600) == 0)
    let runs = [
      try await nbiot(arguments(simulator, ["--device-secret-file", file])),
      try await nbiot(arguments(simulator), environment: ["NBIOT_DEVICE_SECRET": text]),
    ]
    for run in runs {
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.errors.contains("which was taken off") == warns, "\(run.errors)")
    }
    _ = try simulator.stop()
  }

  @Test(arguments: ["\n", " \u{FEFF} ", String(repeating: "s", count: 129)])
  func `a secret that is empty without its ends, or too long, is an error`(
    text: String
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("secret.txt")
    try Data(text.utf8).write(to: URL(filePath: file))
    let sign = ["sign", "coap", "--product-key", "k", "--device-name", "dddd"]
    for run in [
      try await nbiot(sign + ["--device-secret-file", file]),
      try await nbiot(sign, environment: ["NBIOT_DEVICE_SECRET": text]),
    ] {
      #expect(run.status == 2)
      #expect(run.errors.contains("must hold the secret in its first line, 1 to 128 bytes"))
    }
  }

  @Test(arguments: ["pipe", "device", "folder", "UTF-16", "zero byte"])
  func `what is no text file is refused at once and by name`(kind: String) async throws {
    let folder = try DTLSCommandTests.Folder()
    let path = folder.path("strange")
    switch kind {
    case "pipe": #expect(unsafe mkfifo(path, 0o600) == 0)
    case "device": #expect(unsafe symlink("/dev/zero", path) == 0)
    case "folder": #expect(unsafe mkdir(path, 0o700) == 0)
    case "UTF-16": try Data([0xFF, 0xFE, 0x61, 0]).write(to: URL(filePath: path))
    default: try Data([0x61, 0, 0x62, 0x0A]).write(to: URL(filePath: path))
    }
    let reason =
      switch kind {
      case "pipe": "is no file, but a pipe: give a regular one"
      case "device": "is no file, but a device: give a regular one"
      case "folder": "is no file, but a directory: give a regular one"
      case "UTF-16": "is UTF-16: save it as UTF-8"
      default: "has a zero byte in it"
      }
    let names = ["--product-key", "k", "--device-name", "dddd"]
    let publish = ["publish", "--topic", "/k/dddd/user/x", "--payload", "1"] + names
    let dtls = publish + ["--security", "dtls", "--ca-file"]
    let variable = ["NBIOT_DEVICE_SECRET": "s", "NBIOT_PRODUCT_SECRET": "s"]
    let download = ["ota", "download", "--url", "https://127.0.0.1:1/", "--size", "1", "--to", "x"]
    for run in [
      try await nbiot(publish + ["--device-secret-file", path]),
      try await nbiot(dtls + [path], environment: variable),
      try await nbiot(["simulate", "--device", "k,dddd,\(path)"]),
      try await nbiot(
        download + ["--md5", "93230c3bde425a9d7984a594ac55ea1e", "--https-ca-file", path]
      ),
      try await nbiot(
        ["register", "--over", "coap", "--secret-file", folder.path("new"), "--ca-file", path]
          + names,
        environment: variable
      ),
    ] {
      #expect(run.status == 2)
      #expect(run.errors.contains(reason), "\(run.errors)")
    }
  }

  @Test func `authorities that others can change are warned of`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator(
      ["--security", "dtls", "--certificates", folder.path("certificates")]
    )
    let file = folder.path("ca.pem")
    let text = try String(contentsOfFile: folder.path("certificates/ca.pem"), encoding: .utf8)
    try Data(("\u{FEFF}" + text).utf8).write(to: URL(filePath: file))
    #expect(unsafe chmod(file, 0o666) == 0)
    // By its scheme the endpoint says that it is DTLS.
    let endpoint = ["--endpoint", "coaps://127.0.0.1:\(simulator.port)/"]
    let run = try await nbiot(
      ["publish", "--topic", " /a1B2c3D4e5F/device1/user/update\n", "--payload", "1"] + endpoint
        + ["--product-key", " a1B2c3D4e5F\r\n", "--device-name", "\u{FEFF}device1\u{A0}"]
        + ["--device-secret-file", simulator.secretFile, "--ca-file", file]
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("warning: others can change \(file); run: chmod go-w \(file)"))
    _ = try simulator.stop()
  }

  // MARK: - Endpoints

  @Test(arguments: ["coap://127.0.0.1:PORT", "COAP://127.0.0.1:PORT/", " 127.0.0.1:PORT\n"])
  func `an endpoint is understood as a URI, too`(endpoint: String) async throws {
    let simulator = try Simulator()
    var arguments = arguments(simulator, ["--device-secret-file", simulator.secretFile])
    arguments[2] = endpoint.replacing("PORT", with: "\(simulator.port)")
    let run = try await nbiot(arguments)
    #expect(run.status == 0, "\(run.errors)")
    _ = try simulator.stop()
  }

  @Test(arguments: [
    ("host name:1", "neither a name nor an address"), ("[::1:1", "brackets"), ("h:0", "1 to 65535"),
    ("http://h", "none of coap and coaps"), ("h/x", "a path"), (":1", "no host"), ("", "no host"),
  ])
  func `an endpoint that is none is a usage error with its reason, in every command`(
    endpoint: String,
    reason: String
  ) async throws {
    let names = ["--product-key", "k", "--device-name", "dddd", "--endpoint", endpoint]
    for command in [
      ["publish", "--topic", "/k/dddd/user/x", "--payload", "1"], ["doctor"], ["pull"],
      ["call", "thing.config.get"], ["ota", "inform", "--firmware", "1"],
      ["register", "--over", "coap", "--secret-file", "x"],
    ] {
      let run = try await nbiot(command + names, environment: ["NBIOT_DEVICE_SECRET": "s"])
      #expect(run.status == 2)
      #expect(run.errors.contains(reason), "\(run.errors)")
    }
  }

  @Test func `a scheme and a security that differ are a usage error`() async throws {
    let names = ["--product-key", "k", "--device-name", "dddd", "--topic", "/x", "--payload", "1"]
    for (endpoint, security) in [("coap://h", "dtls"), ("coaps://h", "symmetric")] {
      let run = try await nbiot(
        ["publish", "--endpoint", endpoint, "--security", security] + names
      )
      #expect(run.status == 2)
      #expect(run.errors.contains("by its scheme"))
    }
  }

  // MARK: - Texts of others

  @Test(arguments: ["text", "json"])
  func `what a device writes steers no terminal in the simulator's log, and JSON stays exact`(
    log: String
  ) async throws {
    let simulator = try Simulator(["--log", log])
    let payload = "{\"a\":\"\u{9B}31m\u{202E}\u{2028}\u{7F}é\"}"
    let options = ["--device-secret-file", simulator.secretFile, "--output", log]
    let run = try await nbiot(simulator.device(options), input: payload + "\n")
    #expect(run.status == 0)
    let all = run.output + run.errors + (try simulator.stop().log)
    let harmful: [Unicode.Scalar] = ["\u{9B}", "\u{202E}", "\u{2028}", "\u{7F}"]
    #expect(!all.unicodeScalars.contains { harmful.contains($0) })
    #expect(all.contains("0x7b"))
  }

  @Test func `a topic, a name and a complaint are shown escaped, on one line`() async throws {
    let run = try await nbiot(
      [
        "publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/k/dddd/user/x",
        "--payload", "1", "--device-secret-file", "/nowhere/a\nnbiot: all is well\u{9B}\u{202E}b",
      ]
    )
    #expect(run.status == 2)
    #expect(run.errors.split(separator: "\n").count == 1)
    #expect(run.errors.contains(#"/nowhere/a\nnbiot: all is well\u009b\u202eb"#), "\(run.errors)")
  }

  @Test func `a message that waited is shown escaped`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("downlink.json")
    let message =
      "[{\"topic\":\"/sys/a1B2c3D4e5F/device1/x\",\"payload\":{\"a\":\"\u{202E}\u{9B}\"}}]"
    try Data(("\u{FEFF}" + message).utf8).write(to: URL(filePath: file))
    let simulator = try Simulator(["--downlink", file])
    let run = try await nbiot([
      "pull", "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--device-secret-file", simulator.secretFile,
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(!run.output.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{9B}" })
    #expect(run.output.hasPrefix("0x"))
    _ = try simulator.stop()
  }

  // MARK: - Core files

  @Test func `a command that holds a secret leaves it in no core file`() throws {
    let simulator = try Simulator()
    let limits = try String(contentsOfFile: "/proc/\(simulator.identifier)/limits", encoding: .utf8)
    let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file") })
    #expect(line.split(separator: " ").suffix(3) == ["0", "0", "bytes"])
    _ = try simulator.stop()
  }
}
