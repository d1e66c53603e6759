// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The ledger that is kept over restarts, in the agents that have one.
extension AgentTests {
  /// The numbers of a purpose's line: datagrams up and down.
  private func datagrams(_ purpose: String, in text: String) throws -> (up: Int, down: Int) {
    let line = try #require(
      text.split(separator: "\n").last { $0.hasPrefix("info ledger \(purpose) ") }
    )
    func number(_ name: String) throws -> Int {
      let word = try #require(line.split(separator: " ").first { $0.hasPrefix("\(name)=") })
      return try #require(Int(word.dropFirst(name.count + 1)))
    }
    return (try number("datagrams-up"), try number("datagrams-down"))
  }

  private func text(_ file: URL) throws -> String {
    try String(contentsOf: file, encoding: .utf8)
  }

  /// Adds the key to the agent's configuration.
  private func keepLedger(at path: String, in folder: AgentFolder) throws {
    let lines = try text(folder.configuration)
    try Data((lines + "ledger = \(path)\n").utf8).write(to: folder.configuration)
  }

  @Test func `the ledger goes on after a restart, an end by SIGTERM and SIGHUP`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, isPatient: true)
    defer { folder.remove() }
    let file = folder.url.appending(path: "ledger")
    try keepLedger(at: file.path, in: folder)
    #expect(try folder.run(input: "{\"value\":1}\n").status == 0)
    let first = try text(file)
    #expect(first.hasPrefix("info ledger reports=1\n"))
    #expect(try datagrams("report", in: first) == (1, 0))
    #expect(try datagrams("answer", in: first) == (0, 1))
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    #expect(try folder.run(input: "{\"value\":2}\n{\"value\":3}\n").status == 0)
    #expect(try text(file).hasPrefix("info ledger reports=3\n"))
    let agent = folder.agent()
    try agent.start()
    agent.write("{\"value\":4}\n")
    #expect(agent.wait { $0.output.contains("delivered 4") })
    agent.signal(SIGHUP)
    #expect(agent.wait { $0.log.contains("info reload") })
    agent.write("{\"value\":5}\n")
    #expect(agent.wait { $0.output.contains("delivered 5") })
    agent.signal(SIGUSR1)
    #expect(agent.wait { $0.log.contains("info ledger headers ") })
    #expect(agent.log.contains("info ledger reports=5\n"))
    #expect(try datagrams("report", in: agent.log) == (5, 0))
    // It is on disk when it is told.
    #expect(try text(file).hasPrefix("info ledger reports=5\n"))
    agent.write("{\"value\":6}\n")
    #expect(agent.wait { $0.output.contains("delivered 6") })
    agent.signal(SIGTERM)
    agent.wait()
    let last = try text(file)
    #expect(try datagrams("report", in: last) == (6, 0))
    #expect(try datagrams("answer", in: last) == (0, 6))
    #expect(!FileManager.default.fileExists(atPath: file.path + ".new"))
    try await platform.close()
  }

  @Test(arguments: ["cut", "changed", "empty"])
  func `a ledger that is damaged is told of, and begins anew`(damage: String) async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let file = folder.url.appending(path: "ledger")
    try keepLedger(at: file.path, in: folder)
    #expect(try folder.run(input: "{\"value\":1}\n").status == 0)
    let whole = try text(file)
    let damaged =
      switch damage {
      case "cut": String(whole.dropLast(5))
      case "changed": whole.replacingOccurrences(of: "reports=1", with: "reports=2")
      default: ""
      }
    try Data(damaged.utf8).write(to: file)
    let agent = try folder.run(input: "{\"value\":2}\n")
    #expect(agent.status == 0)
    #expect(agent.log.contains("warning ledger-damaged, it begins anew: \(file.path)\n"))
    #expect(try text(file).hasPrefix("info ledger reports=1\n"))
    try await platform.close()
  }

  @Test func `a file that is no ledger is told of, and stays as it is`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let file = folder.url.appending(path: "another")
    let another = String(repeating: "=", count: 5_000)
    try Data(another.utf8).write(to: file)
    try keepLedger(at: file.path, in: folder)
    let agent = try folder.run(input: "{\"value\":1}\n")
    #expect(agent.status == 0 && agent.output.contains("delivered 1"))
    #expect(agent.log.contains("warning ledger-foreign, it is not replaced: \(file.path)\n"))
    #expect(try text(file) == another)
    try await platform.close()
  }

  @Test func `a ledger that cannot be read or written is told of, and reports go out`() async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let lines = try text(folder.configuration)
    // A folder has the name.
    try keepLedger(at: folder.url.path, in: folder)
    let agent = try folder.run(input: "{\"value\":1}\n")
    #expect(agent.status == 0)
    #expect(
      agent.log.contains("warning ledger-unreadable, it is not replaced: \(folder.url.path) ")
    )
    #expect(!agent.log.contains("ledger-not-written"))
    let nowhere = folder.url.appending(path: "nowhere/ledger").path
    try Data(lines.utf8).write(to: folder.configuration)
    try keepLedger(at: nowhere, in: folder)
    let other = try folder.run(input: "{\"value\":2}\n")
    #expect(other.status == 0)
    #expect(other.log.contains("warning ledger-not-written: \(nowhere) errno=ENOENT "))
    let long = "/" + String(repeating: "d", count: 250)
    try Data(lines.utf8).write(to: folder.configuration)
    try keepLedger(at: long, in: folder)
    let refused = try folder.run(input: "")
    #expect(refused.status == 2)
    #expect(refused.log.contains("ledger takes a path of less than 250 bytes"), "\(refused.log)")
    try await platform.close()
  }
}
