// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import HTTPSPeers
import OpenSSLSupport
import Synchronization
import TestSupport
import Testing

/// A program beside the tests, with what it prints.
final class Program {
  let process = Process()
  private let input = Pipe.ofChild()
  private let printed = Text()
  private let logged = Text()
  private let readers = DispatchGroup()

  private final class Text: Sendable {
    let all = Mutex("")
  }

  init(_ program: URL, _ arguments: [String], environment: [String: String] = [:]) throws {
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    try process.start()
    collect(output, printed)
    collect(errors, logged)
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  private func collect(_ pipe: Pipe, _ text: Text) {
    readers.enter()
    Thread.detachNewThread { [readers] in
      let handle = pipe.fileHandleForReading
      while case let data = handle.availableData, !data.isEmpty {
        text.all.withLock { $0 += String(decoding: data, as: UTF8.self) }
      }
      readers.leave()
    }
  }

  var output: String { printed.all.withLock { $0 } }
  var lines: [String] { output.split(separator: "\n").map(String.init) }
  var log: String { logged.all.withLock { $0 } }
  var status: Int32 { process.terminationStatus }

  /// Writes without waiting for a reader: the lines may be more than a pipe takes.
  func write(_ text: String) {
    let handle = input.fileHandleForWriting
    Thread.detachNewThread { Self.write(text, to: handle) }
  }

  /// Writes on a thread of its own, whose SIGPIPE ends nothing: the reader may have been killed.
  private static func write(_ text: String, to handle: FileHandle) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    try? handle.write(contentsOf: Data(text.utf8))
  }

  /// Writes all, then ends the input.
  func finish(_ text: String = "") {
    let handle = input.fileHandleForWriting
    Thread.detachNewThread {
      Self.write(text, to: handle)
      try? handle.close()
    }
  }

  func signal(_ number: Int32) { _ = kill(process.processIdentifier, number) }

  /// Waits for its end, and for all that it printed.
  func wait() {
    process.waitUntilExit()
    readers.wait()
  }

  /// Waits until something is true of it; `false` after a minute.
  func wait(until isThere: (Program) -> Bool) -> Bool {
    for _ in 0..<6_000 {
      if isThere(self) { return true }
      usleep(10_000)
    }
    return false
  }
}

/// The agent that is tried: the one beside the tests, or NBIOT_AGENT_HTTPS, as `make agent-https` builds it.
let agentProgram =
  ProcessInfo.processInfo.environment["NBIOT_AGENT_HTTPS"].map { URL(filePath: $0) }
  ?? Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "nbiot-agent-https")

/// A folder with the configuration, secret and state of an agent over HTTPS.
final class AgentFolder {
  static let topic = "/a1B2c3D4e5F/device1/user/"

  let url: URL
  private let lines: [String]

  /// One for a server; `lines` are added to the configuration.
  init(_ peer: HTTPSPeer, _ lines: [String] = []) throws {
    url = URL.temporaryDirectory.appending(path: "agent-https-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let secret = url.appending(path: "secret.txt")
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: secret)
    self.lines = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "client-id = good",
      "device-secret-file = \(secret.path)",
      "state-directory = \(url.appending(path: "state").path)", "transport = https",
      "endpoint = 127.0.0.1:\(peer.port)", "ca-file = \(peer.authorityFile)",
      "topic = \(Self.topic)update",
    ]
    try configure(lines)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  var configuration: URL { url.appending(path: "agent.conf") }

  /// Writes the configuration anew, with these lines in place of those with the same keys.
  func configure(_ more: [String]) throws {
    let keys = more.map { $0.prefix { $0 != "=" } }
    let kept = lines.filter { line in !keys.contains { line.hasPrefix($0 + "=") } }
    try Data((kept + more + [""]).joined(separator: "\n").utf8).write(to: configuration)
  }

  func agent(_ arguments: [String] = []) throws -> Program {
    try Program(agentProgram, ["--config", configuration.path] + arguments)
  }

  /// Runs an agent over `input` to its end.
  func run(_ input: String = "", _ arguments: [String] = ["--once"]) throws -> Program {
    let agent = try agent(arguments)
    agent.finish(input)
    agent.wait()
    return agent
  }
}

/// SHA-256 of a text in hexadecimal digits.
func digest(of text: String) -> String {
  let bytes = Array(text.utf8)
  guard let digest = try? Hash.sha256.digest(of: bytes.span) else { return "" }
  return digest.bytes.indices.map {
    let digits = String(digest.bytes[$0], radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}

/// So many bytes of visible text, which depend on the number.
func text(_ count: Int, _ number: Int) -> String {
  let start = "\(number):"
  let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
  var random = SeededRandom(seed: UInt64(number))
  let rest = (0..<max(0, count - start.utf8.count)).map { _ in
    letters[Int(random.next() % UInt64(letters.count))]
  }
  return start + String(decoding: rest, as: UTF8.self)
}
