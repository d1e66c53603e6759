// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import OpenSSLSupport
import TestSupport
import Testing

/// `nbiot simulate` with all four transports of MQTT, or others, and a control socket, in a process of its own.
final class BrokerSimulator {
  static let secret = "0123456789abcdef0123456789abcdef"
  static let productKey = "a1B2c3D4e5F"

  let folder: DTLSCommandTests.Folder
  let process: Process
  /// What it prints from the last port on.
  let log: OutputLines
  /// The port of each transport, and of `control` and `coap`.
  private(set) var ports: [String: Int] = [:]

  init(
    _ options: [String] = [],
    transports: [String] = ["mqtt", "mqtts", "ws", "wss"],
    devices: [String] = ["device1"],
    environment: [String: String] = [:]
  ) throws {
    let folder = try DTLSCommandTests.Folder()
    self.folder = folder
    let secret = folder.path("secret.txt")
    try writeSecret("\(Self.secret)\n", to: URL(filePath: secret))
    let tls = transports.contains { ["mqtts", "wss", "https"].contains($0) }
    process = nbiotTests.process(
      ["simulate", "--port", "0", "--control", "0"] + transports.flatMap { ["--\($0)", "0"] }
        + (tls ? ["--certificates", folder.path("certificates")] : [])
        + devices.flatMap { ["--device", "\(Self.productKey),\($0),\(secret)"] } + options,
      environment: environment
    )
    let output = Pipe.ofChild()
    process.standardOutput = output
    log = OutputLines(output)
    try process.start()
    let first = try log.next { $0.contains("listening") }
    ports["coap"] = Self.port(first)
    for name in transports.filter({ $0 != "https" }) + ["control"]
      + transports.filter({ $0 == "https" })
    {
      ports[name] = Self.port(try log.next { $0.hasSuffix(", \(name)") })
    }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  private static func port(_ line: String) -> Int? {
    line.firstMatch(of: /port ([0-9]+)/).flatMap { Int($0.1) }
  }

  /// Where the control socket is.
  var control: String { "127.0.0.1:\(ports["control"] ?? 0)" }

  var authority: String { folder.path("certificates/ca.pem") }

  /// A device's own settings for `MQTTClient`.
  func settings(
    _ transport: String = "mqtt",
    device: String = "device1",
    clientID: String = "client1",
    fields: String = "",
    method: String = "hmacsha256"
  ) throws -> [String: Any] {
    let isSecure = transport == "mqtts" || transport == "wss"
    let id = "\(clientID)|securemode=\(isSecure ? 2 : 3),signmethod=\(method)\(fields)|"
    var settings: [String: Any] = [
      "port": try #require(ports[transport]), "id": id,
      "user": "\(device)&\(Self.productKey)",
      "password": try Self.sign(
        "clientId\(clientID)deviceName\(device)productKey\(Self.productKey)",
        method
      ),
    ]
    if transport == "ws" || transport == "wss" { settings["transport"] = "websockets" }
    if isSecure { settings["ca"] = authority }
    return settings
  }

  /// The HMAC of a text in hexadecimal digits.
  static func sign(
    _ content: String,
    _ method: String,
    secret: String = BrokerSimulator.secret
  ) throws -> String {
    let hash: Hash = method == "hmacmd5" ? .md5 : method == "hmacsha1" ? .sha1 : .sha256
    let key = Array(secret.utf8)
    let text = Array(content.utf8)
    let mac = try hash.hmac(key: key.span, content: text.span)
    return (0..<mac.count).map { index in
      let byte = mac.bytes[index]
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  /// A client that has been accepted.
  func client(_ settings: [String: Any]) throws -> MQTTClient {
    let client = try MQTTClient(settings)
    let code = try client.next("connected").code
    #expect(code == 0)
    return client
  }

  /// Connects a client, and says the CONNACK's code.
  func code(_ settings: [String: Any]) throws -> Int? {
    let client = try MQTTClient(settings)
    defer { client.kill() }
    return try client.next("connected").code
  }

  /// A topic of a device's thing model.
  static func thing(_ name: String, device: String = "device1") -> String {
    "/sys/\(productKey)/\(device)/thing/\(name)"
  }

  /// Runs `nbiot push` with its answer as an object.
  func push(_ kind: String, _ options: [String], device: String = "device1") async throws -> Run {
    try await nbiot(pushArguments(kind, options, device: device))
  }

  /// The arguments of `nbiot push`, for a run beside something else.
  func pushArguments(
    _ kind: String,
    _ options: [String],
    device: String = "device1"
  ) -> [String] {
    [
      "push", kind, "--at", control, "--product-key", Self.productKey, "--device-name", device,
      "--output", "json",
    ] + options
  }

  /// The numbers of the processes that it has started.
  func children() throws -> [Int32] {
    let path = "/proc/\(process.processIdentifier)/task"
    return try FileManager.default.contentsOfDirectory(atPath: path).flatMap { thread in
      let text = try? String(contentsOfFile: "\(path)/\(thread)/children", encoding: .utf8)
      return (text ?? "").split(separator: " ").compactMap { Int32($0) }
    }
  }

  /// Ends it and gives the rest of what it printed.
  @discardableResult
  func stop() throws -> String {
    process.terminate()
    process.waitUntilExit()
    return try log.rest()
  }
}

/// mosquitto's own clients.
enum Mosquitto {
  /// Whether there are mosquitto and the clients, which `make test` installs; where the peers are required, the
  /// tests run and fail.
  static let isInstalled =
    ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] != nil
    || ["/usr/sbin/mosquitto", "/usr/bin/mosquitto_pub", "/usr/bin/python3"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: $0)
    }

  /// Runs `mosquitto_pub` or `mosquitto_sub` to its end.
  static func run(_ program: String, _ arguments: [String]) throws -> Run {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/\(program)")
    process.arguments = arguments
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    process.standardOutput = output
    process.standardError = errors
    try process.start()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaints = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Run(
      status: process.terminationStatus,
      output: String(decoding: text, as: UTF8.self),
      errors: String(decoding: complaints, as: UTF8.self)
    )
  }

  /// The options of a device.
  static func options(_ settings: [String: Any]) throws -> [String] {
    var options = [
      "-h", "127.0.0.1", "-p", "\(try #require(settings["port"] as? Int))",
      "-i", try #require(settings["id"] as? String), "-u",
      try #require(settings["user"] as? String),
      "-P", try #require(settings["password"] as? String),
    ]
    if let authority = settings["ca"] as? String { options += ["--cafile", authority] }
    return options
  }
}
