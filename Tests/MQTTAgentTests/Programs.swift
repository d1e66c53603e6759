// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A program beside the tests, with what it prints.
typealias Program = ChildProgram

extension ChildProgram {
  /// Starts one.
  convenience init(
    _ name: String,
    _ arguments: [String],
    environment: [String: String] = [:]
  ) throws {
    let program = name == agentName ? agentProgram : beside(name)
    self.init(program, arguments, environment: environment)
    try start()
  }

  /// Waits for a line of output that matches and gives its first capture; throws after a minute.
  func capture(_ pattern: Regex<(Substring, Substring)>) throws -> String {
    var found: String?
    _ = wait {
      found = $0.output.firstMatch(of: pattern).map { String($0.1) }
      return found != nil
    }
    guard let found else { throw Complaint("no \(pattern) in \(output), \(log)") }
    return found
  }
}

struct Complaint: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

#if GATEWAY
/// The agent that is tried.
let agentName = "nbiot-gateway"
private let agentVariable = "NBIOT_GATEWAY"
#else
/// The agent that is tried.
let agentName = "nbiot-agent-mqtt"
private let agentVariable = "NBIOT_AGENT_MQTT"
#endif

/// The agent that is tried: the one beside the tests, or the one that the variable names, as `make agent-mqtt` or
/// `make agent-gateway` builds it.
private let agentProgram =
  ProcessInfo.processInfo.environment[agentVariable].map { URL(filePath: $0) } ?? beside(agentName)

private func beside(_ name: String) -> URL {
  Bundle.module.bundleURL.deletingLastPathComponent().appending(path: name)
}

/// Whether the simulator's broker can run; where the peers are required, the tests run and fail.
let hasBroker =
  ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] != nil
  || FileManager.default.isExecutableFile(atPath: "/usr/sbin/mosquitto")

/// `nbiot simulate` with MQTT over one transport, TLS unless another is given, and a control socket, and the folder of
/// an agent of its device.
final class World {
  static let device = "a1B2c3D4e5F/device1"

  let folder: URL
  let simulator: Program
  let control: String
  private let port: String
  /// The port of the HTTPS side; empty without one.
  let httpsPort: String
  private let transport: String

  /// `hasHTTPS` says whether it has an HTTPS side, too; `options` are more of the simulator's.
  init(_ transport: String = "mqtts", hasHTTPS: Bool = false, _ options: [String] = []) throws {
    self.transport = transport
    folder = URL.temporaryDirectory.appending(path: "\(agentName)-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let secret = folder.appending(path: "secret.txt").path
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: URL(filePath: secret))
    simulator = try Program(
      "nbiot",
      [
        "simulate", "--port", "0", "--control", "0", "--\(transport)", "0", "--device",
        "a1B2c3D4e5F,device1,\(secret)",
      ]
        + (transport.hasSuffix("s") && transport != "ws"
          ? ["--certificates", folder.appending(path: "certificates").path] : [])
        + (hasHTTPS ? ["--https", "0"] : []) + options
    )
    port = try simulator.capture(
      try Regex("port ([0-9]+).*, \(transport)\n", as: (Substring, Substring).self)
    )
    httpsPort = hasHTTPS ? try simulator.capture(/port ([0-9]+).*, https\n/) : ""
    control = "127.0.0.1:" + (try simulator.capture(/port ([0-9]+).*, control/))
    try configure()
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  var configuration: URL { folder.appending(path: "agent.conf") }

  /// Writes the configuration, with these lines at its end.
  func configure(_ lines: [String] = []) throws {
    let text =
      [
        "product-key = a1B2c3D4e5F", "device-name = device1",
        "device-secret-file = \(folder.appending(path: "secret.txt").path)",
        "state-directory = \(folder.appending(path: "state").path)", "transport = mqtt",
        "endpoint = 127.0.0.1:\(port)",
        "topic = /\(Self.device)/user/update",
      ]
      + (transport.hasSuffix("s") && transport != "ws"
        ? ["ca-file = \(folder.appending(path: "certificates/ca.pem").path)"] : ["tls = no"])
      + (transport.hasPrefix("ws") ? ["websocket = yes"] : [])
    try Data((text + lines + [""]).joined(separator: "\n").utf8).write(to: configuration)
  }

  /// Writes a command.
  func command(_ text: String) throws -> String {
    let file = folder.appending(path: "command.sh")
    try Data("#!/bin/sh\n\(text)\n".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file.path)
    return file.path
  }

  func agent(_ arguments: [String] = []) throws -> Program {
    try Program(agentName, ["--config", configuration.path] + arguments)
  }

  /// Another agent with the same identity, and a state of its own.
  func twin() throws -> Program {
    let text = try String(contentsOf: configuration, encoding: .utf8)
    let state = folder.appending(path: "state").path
    let file = folder.appending(path: "twin.conf")
    try Data(text.replacing(state, with: state + "-twin").utf8).write(to: file)
    return try Program(agentName, ["--config", file.path])
  }

  /// An agent that is connected, and has been granted what it wants.
  func connectedAgent() throws -> Program {
    let last = "SUBSCRIBE /sys/\(Self.device)/thing/property/desired/get_reply"
    let before = simulator.output.components(separatedBy: last).count
    let agent = try agent()
    guard simulator.wait(until: { $0.output.components(separatedBy: last).count > before }) else {
      throw Complaint("not connected: \(agent.log)")
    }
    return agent
  }

  /// `nbiot push`, under way.
  func push(_ kind: String, _ options: [String] = []) throws -> Program {
    try Program(
      "nbiot",
      [
        "push", kind, "--at", control, "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
        "--output", "json",
      ] + options
    )
  }

  func broker(_ action: String) throws -> Program {
    let names =
      action == "kick" ? ["--product-key", "a1B2c3D4e5F", "--device-name", "device1"] : []
    let program = try Program("nbiot", ["broker", action, "--at", control] + names)
    program.wait()
    return program
  }

  func stop() {
    simulator.signal(SIGTERM)
    simulator.wait()
  }
}

/// Expects that a command, a shell that wrote the links of its folder of descriptors into that file, had 0, 1 and 2
/// alone; what the shell itself opens for its script is from 10 on.
func expectStandardOnly(_ file: String) throws {
  let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
  let numbers = lines.compactMap { line in
    line.split(separator: " ").first?.split(separator: "/").last.flatMap { Int($0) }
  }
  #expect(numbers.filter { $0 < 10 }.sorted() == [0, 1, 2], "\(lines)")
  #expect(!lines.contains { $0.contains("socket:") && !$0.contains("/fd/2 ") }, "\(lines)")
}
