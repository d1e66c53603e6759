// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformSimulator
import TestSupport
import Testing

@testable import Agent

@Suite(.serialized)
struct AgentSocketTests {
  private let addressInUse = "errno=EADDRINUSE (Address already in use)"

  @Test func `other programs report by a socket, and are answered`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let path = folder.url.appending(path: "reports").path
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "socket = \(path)\n").utf8).write(to: folder.configuration)
    let agent = folder.agent()
    try agent.start()
    agent.endInput()
    #expect(agent.wait { _ in FileManager.default.fileExists(atPath: path) })
    let sender = UnixSender(named: folder.url.appending(path: "sender").path)
    #expect(sender.ask("{\"value\":1}\n", at: path) == "accepted 1")
    #expect(sender.ask("nowhere\t{}", at: path) == "refused 0 bad-option")
    #expect(sender.ask(String(repeating: "x", count: 4_097), at: path) == "refused 0 too-long")
    #expect(agent.wait { $0.output.contains("delivered 1") })
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
    try await platform.close()
  }

  @Test func `a second agent leaves the socket to the first one`() throws {
    let folder = try AgentFolder(port: 5_682)
    defer { folder.remove() }
    let path = folder.url.appending(path: "lines").path
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "socket = \(path)\n").utf8).write(to: folder.configuration)
    func inode() throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    }
    let first = folder.agent()
    try first.start()
    #expect(first.wait { $0.log.contains("info started") && (try? inode()) != nil })
    let before = try inode()
    let second = try folder.run(["--once"])
    #expect(second.status == 6)
    #expect(second.log.contains("error state-directory reason=in-use: \(folder.state.path)\n"))
    // Another device on the same socket.
    let other = folder.url.appending(path: "other")
    try Data(
      (lines.replacing(folder.state.path, with: other.path) + "socket = \(path)\n").utf8
    )
    .write(to: folder.configuration)
    let third = try folder.run(["--once"])
    #expect(third.status == 2)
    #expect(third.log.contains("error the socket cannot be made: \(path) \(addressInUse)\n"))
    #expect(try inode() == before)
    first.signal(SIGTERM)
    first.wait()
    #expect(first.status == 0)
  }

  @Test func `a file in the place of the socket stays`() throws {
    let folder = try AgentFolder(port: 5_682)
    defer { folder.remove() }
    let path = folder.url.appending(path: "lines").path
    try Data("mine".utf8).write(to: URL(filePath: path))
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "socket = \(path)\n").utf8).write(to: folder.configuration)
    let agent = try folder.run(input: "")
    #expect(agent.status == 2)
    #expect(agent.log.contains("error the socket cannot be made: \(path) \(addressInUse)\n"))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
  }
}
