// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The agent and a platform that does not take everything")
struct StubbornAgentTests {
  @Test func `a topic that is not UTF-8 is refused, and the next line goes out`() throws {
    let platform = try StubPlatform { _ in .init(0x45) }
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    try agent.start()
    let line = Array("/a1B2c3D4e5F/device1/user/".utf8) + [0xFF] + Array("\t{\"value\":1}\n".utf8)
    agent.write(bytes: line + Array("{\"value\":2}\n".utf8))
    agent.endInput()
    agent.wait()
    #expect(agent.lines.first == "refused 1 bad-topic")
    #expect(agent.lines.contains("accepted 1"))
    #expect(agent.lines.contains { $0.hasPrefix("delivered 1 2.05") })
    #expect(agent.status == 1)
    #expect(platform.requests().map(\.path) == ["/auth", "/topic/a1B2c3D4e5F/device1/user/update"])
    platform.stop()
  }

  @Test(arguments: [0x80, 0x82] as [UInt8])
  func `what is always refused is rejected in the first run, with two tokens and two reports`(
    code: UInt8
  ) throws {
    let platform = try StubPlatform { _ in .init(code) }
    let folder = try AgentFolder(port: platform.port, ["retry = 1"])
    defer { folder.remove() }
    var lines: [String] = []
    for run in 0..<6 {
      lines += try folder.run(input: run == 0 ? "{\"value\":1}\n" : "").lines
    }
    #expect(lines.count { $0.hasPrefix("rejected 1 4.0") } == 1)
    #expect(platform.requests(to: "/auth").count == 2)
    #expect(platform.requests(to: "/update").count == 2)
    platform.stop()
  }

  @Test(arguments: [(1_600, "answer-cut"), (33, "answer-unreadable")])
  func `a report whose answer is too long or does not open is delivered`(
    count: Int,
    mark: String
  ) throws {
    let platform = try StubPlatform { _ in .content(count) }
    let folder = try AgentFolder(port: platform.port, ["retry = 1"])
    defer { folder.remove() }
    let agent = try folder.run(input: "{\"value\":1}\n{\"value\":2}\n")
    #expect(agent.status == 0)
    let delivered = agent.lines.filter { $0.hasPrefix("delivered ") }
    #expect(delivered.count == 2)
    #expect(delivered.allSatisfy { $0.hasSuffix(mark) })
    #expect(platform.requests(to: "/update").count <= 3)
    #expect(platform.requests(to: "/auth").count <= 2)
    platform.stop()
  }

  @Test func `a reply that refuses a report rejects it, with its words`() async throws {
    let server = try await Platform()
    let folder = try AgentFolder(port: server.port)
    defer { folder.remove() }
    let topic = "/sys/a1B2c3D4e5F/device1/thing/event/property/post"
    let agent = try folder.run(
      input: topic + "\t" + #"{"id":"abc","version":"1.0","params":{},"method":"x"}"# + "\n"
    )
    #expect(agent.status == 1)
    let rejected = try #require(agent.lines.first { $0.hasPrefix("rejected 1 2.05 ") })
    #expect(rejected.contains(" reply=460 message="))
    try await server.close()
  }

  @Test func `a token that is too long is said to be`() throws {
    let platform = try StubPlatform(answersAuth: true) { _ in
      let token = String(repeating: "t", count: 250)
      return .init(0x45, [0xFF] + Array(#"{"random":"r","seqOffset":1,"token":"\#(token)"}"#.utf8))
    }
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let agent = try folder.run(input: "{\"value\":1}\n")
    #expect(agent.log.contains("authentication-failed reason=token-too-long"))
    platform.stop()
  }
}
