// SPDX-License-Identifier: Apache-2.0
import Foundation
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing

/// The agent that is tried: the one beside the tests, or NBIOT_AGENT, for example the one built for a
/// module.
let agentProgram =
  ProcessInfo.processInfo.environment["NBIOT_AGENT"].map { URL(filePath: $0) }
  ?? Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "nbiot-agent")

/// A folder with an agent's configuration, secret and state.
struct AgentFolder {
  static let secret = "0123456789abcdef0123456789abcdef"

  let url: URL
  var configuration: URL { url.appending(path: "agent.conf") }
  var state: URL { url.appending(path: "state") }

  /// Makes it for a platform on `port`; `lines` are added to the configuration.
  ///
  /// A test that counts what is sent is patient: on a busy machine the platform may be late, and its agent would send
  /// again after two seconds, as it should.
  init(port: UInt16, _ lines: [String] = [], isPatient: Bool = false) throws {
    url = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let file = url.appending(path: "secret.txt")
    try writeSecret(Self.secret + "\n", to: file)
    try configure(
      [
        "product-key = a1B2c3D4e5F", "device-name = device1",
        "device-secret-file = \(file.path)",
        "state-directory = \(state.path)", "endpoint = 127.0.0.1:\(port)",
        "timing = \(isPatient ? "nbIoTDeep" : "standard")",
        "topic = /a1B2c3D4e5F/device1/user/update",
      ] + lines
    )
  }

  /// One whose configuration names a socket as well, and the socket's path.
  static func withSocket(port: UInt16, _ lines: [String] = []) throws -> (AgentFolder, String) {
    let folder = try AgentFolder(port: port)
    let path = folder.url.appending(path: "lines").path
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    try folder.configure([String(text.dropLast()), "socket = \(path)"] + lines)
    return (folder, path)
  }

  /// Writes the configuration anew.
  func configure(_ lines: [String]) throws {
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: configuration)
  }

  func remove() { try? FileManager.default.removeItem(at: url) }

  /// An agent that is not started yet.
  func agent(_ arguments: [String] = [], environment: [String: String] = [:]) -> AgentProcess {
    AgentProcess(["--config", configuration.path] + arguments, environment: environment)
  }

  /// Runs an agent over `input` to its end.
  func run(
    _ arguments: [String] = ["--once"],
    input: String = "",
    environment: [String: String] = [:]
  ) throws -> AgentProcess {
    let agent = agent(arguments, environment: environment)
    try agent.start()
    agent.write(input)
    agent.endInput()
    agent.wait()
    return agent
  }
}

/// One run of the agent.
typealias AgentProcess = ChildProgram

extension ChildProgram {
  /// A run of the agent that is not started yet.
  convenience init(_ arguments: [String], environment: [String: String] = [:]) {
    self.init(agentProgram, arguments, environment: environment)
  }

  /// How many of its children run, those apart that have ended and are in the table of processes all the same.
  var runningChildren: Int {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return folders.count { name in
      guard Int(name) != nil,
        let line = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
        let end = line.lastIndex(of: ")")
      else { return false }
      let fields = line[line.index(after: end)...].split(separator: " ")
      return fields.count > 1 && fields[0] != "Z" && Int32(fields[1]) == process.processIdentifier
    }
  }
}

/// A simulated platform with the device of `AgentFolder`, and what came to it.
final class Platform: Sendable {
  private let recorded: Records
  private let server: SimulatorServer
  var port: UInt16 { UInt16(server.port) }

  private final class Records: Sendable {
    let all = Mutex<[RequestRecord]>([])
  }

  /// What an agent's configuration needs for it.
  let lines: [String]

  convenience init(_ protection: Protection) async throws {
    let issued = try IssuedCertificate(names: ["127.0.0.1"])
    try await self.init(lines: protection == .dtls ? ["security = dtls", "dtls-key = psk"] : []) {
      guard protection == .dtls else { return }
      $0.protection = .dtls
      $0.dtls.certificate = issued.certificate
      $0.dtls.key = issued.key
    }
  }

  init(
    lines: [String] = [],
    adjusting adjust: (inout SimulatorConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        secret: Array(AgentFolder.secret.utf8)
      )
    ]
    configuration.topicClasses += [TopicClass("user/other"), TopicClass("user/never")]
    adjust(&configuration)
    self.lines = lines
    let recorded = Records()
    self.recorded = recorded
    server = try await .start(configuration) { record in
      recorded.all.withLock { $0.append(record) }
    }
  }

  /// All that has come so far.
  var records: [RequestRecord] { recorded.all.withLock { $0 } }

  func close() async throws { try await server.close() }
}

/// A port that nobody listens at: discard's, which the system gives to no other test.
let closedPort: UInt16 = 9

/// How a platform protects messages.
enum Protection { case symmetric, dtls }
