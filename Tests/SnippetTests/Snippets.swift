// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import OpenSSLSupport
import TestSupport
import Testing

/// A piece of code that a page shows.
struct Snippet {
  let language: String
  let text: String
  /// Where it begins in its file.
  let line: Int
  /// What stands between it and the snippet before.
  let prose: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}

extension Snippet {
  /// The fenced blocks of a page of Markdown.
  static func fenced(in page: String) -> [Snippet] {
    var snippets: [Snippet] = []
    var prose: [Substring] = []
    var open: (language: String, line: Int)?
    var lines: [Substring] = []
    for (index, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      guard line.hasPrefix("```") else {
        if open == nil { prose.append(line) } else { lines.append(line) }
        continue
      }
      guard let block = open else {
        open = (String(line.dropFirst(3)), index + 1)
        continue
      }
      snippets.append(
        Snippet(
          language: block.language,
          text: lines.joined(separator: "\n"),
          line: block.line,
          prose: prose.joined(separator: "\n")
        )
      )
      (open, prose, lines) = (nil, [], [])
    }
    return snippets
  }

  /// What is indented by three spaces in the comment that a header begins with.
  static func leading(in header: String) -> String {
    let lines = header.split(separator: "\n", omittingEmptySubsequences: false)
    let comment = lines.prefix { !$0.hasSuffix("*/") }.map { $0.dropFirst(2) }
    guard let start = comment.firstIndex(where: { $0.hasPrefix("  ") }) else { return "" }
    return comment[start...].prefix { $0.isEmpty || $0.hasPrefix("  ") }.joined(separator: "\n")
  }
}

/// Where things are.
enum Place {
  static let repository = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Where the programs, modules and objects of this build are.
  static let build = Bundle.module.bundleURL.deletingLastPathComponent()

  static func contents(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: repository.appending(path: path)), as: UTF8.self)
  }

  static func page(_ path: String) throws -> [Snippet] { Snippet.fenced(in: try contents(path)) }
}

/// A run that is over.
struct Finished {
  let status: Int32
  let output: String
  let errors: String
}

/// A folder of a test's own, removed with it.
final class Scratch {
  static let secret = "0123456789abcdef0123456789abcdef"

  let url: URL
  /// Begins each environment: what is run finds the stand-ins before the programs themselves.
  private let environment: [String: String]

  init() throws {
    url = URL.temporaryDirectory.appending(path: "nbiot-snippets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    var environment = ProcessInfo.processInfo.environment
    let path = environment["PATH"] ?? "/usr/bin:/bin"
    environment["OUTER_PATH"] = path
    environment["REPOSITORY"] = Place.repository.path
    environment["PATH"] =
      "\(Place.build.path):\(Bundle.module.bundleURL.appending(path: "stand-ins").path):\(path)"
    for name in environment.keys where name.hasPrefix("NBIOT_") { environment[name] = nil }
    self.environment = environment
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// Writes a file that only its owner may read.
  func write(_ text: String, to name: String) throws {
    let file = url.appending(path: name)
    try writeSecret(text, to: file)
  }

  func contents(_ name: String) -> Data? { try? Data(contentsOf: url.appending(path: name)) }

  /// A program in the folder that is not started yet.
  func process(_ arguments: [String], environment more: [String: String] = [:]) -> Process {
    let command = arguments.joined(separator: " ")
    if command.choosesPort { Issue.record("a port by number, which may be another's: \(command)") }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = url
    process.environment = environment.merging(more) { $1 }
    process.standardInput = FileHandle.nullDevice
    return process
  }

  /// Runs a program to its end; one that has none is killed after two minutes.
  func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Finished {
    let process = process(arguments, environment: environment)
    // Files, not pipes: nothing is lost however much it prints, and what it leaves behind holds up nobody.
    let names = ["output", "errors"].map { "\($0)-\(UUID().uuidString)" }
    for name in names { try write("", to: name) }
    process.standardOutput = try FileHandle(forWritingTo: url.appending(path: names[0]))
    process.standardError = try FileHandle(forWritingTo: url.appending(path: names[1]))
    try process.start()
    // Not timeout(1): what a test starts has the signals blocked that it waits for.
    let id = process.processIdentifier
    let end = DispatchWorkItem { _ = kill(id, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: end)
    process.waitUntilExit()
    end.cancel()
    return Finished(
      status: process.terminationStatus,
      output: String(decoding: contents(names[0]) ?? Data(), as: UTF8.self),
      errors: String(decoding: contents(names[1]) ?? Data(), as: UTF8.self)
    )
  }
}

/// `nbiot simulate` in the background.
final class RunningSimulator {
  let port: UInt16
  private let process: Process
  private let lines: OutputLines

  /// Starts what ends as the simulator, and waits until it listens.
  init(_ arguments: [String], in scratch: Scratch) throws {
    process = scratch.process(arguments)
    let output = Pipe.ofChild()
    process.standardOutput = output
    lines = OutputLines(output)
    try scratch.write("", to: "simulator-errors")
    let errors = scratch.url.appending(path: "simulator-errors")
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.start()
    // Its first line, which it prints once it listens.
    let line = (try? lines.next { $0.contains("listening") }) ?? ""
    port = try #require(
      Self.port(line),
      "\(line)\((try? String(contentsOf: errors, encoding: .utf8)) ?? "")"
    )
  }

  deinit {
    if process.isRunning { process.terminate() }
  }

  private static func port(_ line: String) -> UInt16? {
    line.firstMatch(of: /port"?:? ?([0-9]+)/).flatMap { UInt16($0.1) }
  }

  /// The port of `mqtt`, `mqtts`, `ws`, `wss`, `control` or `https`, which it prints in this order.
  func port(of name: String) throws -> UInt16 {
    let line = try lines.wait { $0.hasSuffix(", \(name)") }
    return try #require(Self.port(line), "\(line)")
  }

  /// Waits for a line of its log.
  func wait(for text: String) throws -> String { try lines.wait { $0.contains(text) } }

  /// Connects a device over MQTT that answers each request of the platform with 200.
  func answeringDevice(in scratch: Scratch) throws -> MQTTClient {
    let secret = String(decoding: scratch.contents("secret.txt") ?? Data(), as: UTF8.self)
    let key = Array(secret.trimmingCharacters(in: .whitespacesAndNewlines).utf8)
    let content = Array("clientIdcdeviceNamedevice1productKeya1B2c3D4e5F".utf8)
    let mac = try Hash.sha256.hmac(key: key.span, content: content.span)
    let sign = (0..<mac.count).map { index in
      let digits = String(mac.bytes[index], radix: 16)
      return digits.count < 2 ? "0" + digits : digits
    }
    let client = try MQTTClient([
      "port": Int(try port(of: "mqtt")), "id": "c|securemode=3,signmethod=hmacsha256|",
      "user": "device1&a1B2c3D4e5F", "password": sign.joined(), "answers": true,
    ])
    for filter in [
      "/sys/a1B2c3D4e5F/device1/#", "/a1B2c3D4e5F/device1/user/get",
      "/ota/device/upgrade/a1B2c3D4e5F/device1",
    ] {
      try client.subscribe(filter)
    }
    return client
  }

  /// Ends it, and gives its log.
  func stop() throws -> String {
    process.terminate()
    process.waitUntilExit()
    return try lines.rest()
  }
}

extension String {
  /// The text with the pages to watch on any free port.
  var withFreeConsole: String {
    replacing(/--console 127\.0\.0\.1:[0-9]+/, with: "--console 127.0.0.1:0")
  }

  /// Whether a simulator or a fleet in it would listen on a port by number.
  fileprivate var choosesPort: Bool {
    contains(/nbiot (simulate|fleet)/)
      && contains(/--(port |mqtts? |wss? |https |control |console [0-9.]+:)[1-9]/)
  }

  /// The text with `old`, which must be there, replaced everywhere.
  func replacingAll(_ old: String, by new: String) throws -> String {
    try #require(contains(old), "the snippet has no \(old) any more: change the test with it")
    return replacing(old, with: new)
  }
}
