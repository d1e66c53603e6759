// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite(.serialized)
struct PutOffTests {
  private static let never = "/a1B2c3D4e5F/device1/user/never\t"

  @Test func `once, what is put off steps aside, and the end says that it is left`() async throws {
    let platform = try await Platform()
    let relay = try Weather(refusing: ["never"]).relay(to: platform.port)
    let folder = try AgentFolder(port: relay.port)
    defer { folder.remove() }
    let input = (1...6).map { ($0 % 2 == 1 ? Self.never : "") + "{\"value\":\($0)}\n" }.joined()
    let agent = try folder.run(input: input)
    let delivered = agent.lines.filter { $0.hasPrefix("delivered ") }
      .map { $0.split(separator: " ")[1] }
    #expect(delivered == ["2", "4", "6"])
    #expect(agent.status == 4)
    #expect(relay.refused == 1)
    relay.stop()
    try await platform.close()
  }

  @Test func `what is given up has a line of its own, and ends with 1`()
    async throws
  {
    let platform = try await Platform()
    let relay = try Weather(refusing: ["never"]).relay(to: platform.port)
    let folder = try AgentFolder(port: relay.port, ["max-attempts = 1"])
    defer { folder.remove() }
    let agent = try folder.run(input: Self.never + "{\"value\":1}\n{\"value\":2}\n")
    #expect(agent.lines.contains { $0.hasPrefix("delivered 2 ") }, "\(agent.output)")
    #expect(agent.lines.contains("given-up 1 max-attempts"))
    #expect(agent.status == 1)
    relay.stop()
    try await platform.close()
  }

  @Test func `what is superseded alone is no failure`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: 9, ["coalesce = topic"])
    defer { folder.remove() }
    let first = try folder.run(input: "{\"value\":1}\n{\"value\":2}\n{\"value\":3}\n")
    #expect(
      first.lines == ["accepted 1", "accepted 2", "accepted 3", "superseded 1", "superseded 2"]
    )
    #expect(first.status == 4)
    let good = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data(good.replacing("127.0.0.1:9", with: "127.0.0.1:\(platform.port)").utf8)
      .write(to: folder.configuration)
    let second = try folder.run(input: "{\"value\":4}\n{\"value\":5}\n")
    #expect(second.lines.contains("superseded 4"))
    #expect(second.status == 0)
    try await platform.close()
  }

  @Test func `what is dropped has its line, and ends with 1 when all else is delivered`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(
      port: platform.port,
      ["outbox-bytes = 4096", "when-full = drop-oldest"]
    )
    defer { folder.remove() }
    let agent = try folder.run(input: (1...300).map { "{\"value\":\($0)}\n" }.joined())
    let ended = agent.lines.filter { $0.hasPrefix("delivered ") || $0.hasPrefix("dropped ") }
      .compactMap { Int($0.split(separator: " ")[1]) }
    #expect(ended.sorted() == Array(1...300))
    #expect(agent.lines.contains { $0.hasPrefix("dropped ") } == (agent.status == 1))
    try await platform.close()
  }

  @Test func `setting the clock ends no report; the time that passes does`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: 9, ["ttl = 86400"])
    defer { folder.remove() }
    let faults = try Faults(in: folder)
    let clock = folder.url.appending(path: "clock")
    // A year behind when it was accepted, then right, then a year ahead.
    for (seconds, line) in [(-31_536_000, "{\"value\":1}\n"), (0, ""), (31_536_000, "")] {
      try Data("\(seconds)\n".utf8).write(to: clock)
      let agent = try folder.run(
        input: line,
        environment: faults.environment(["FAULT_CLOCK": clock.path])
      )
      #expect(agent.status == 4 && !agent.output.contains("expired"), "\(agent.output)")
    }
    // And while it runs.
    let good = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data(
      good.replacing("127.0.0.1:9", with: "127.0.0.1:\(platform.port)").utf8
    ).write(to: folder.configuration)
    let agent = folder.agent(environment: faults.environment(["FAULT_CLOCK": clock.path]))
    try Data("-31536000\n".utf8).write(to: clock)
    try agent.start()
    #expect(agent.wait { $0.output.contains("delivered 1 ") }, "\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
    try await platform.close()
    // A second is over: by the machine's own clock.
    try Data(good.replacing("ttl = 86400", with: "ttl = 1").utf8).write(to: folder.configuration)
    let last = folder.agent()
    try last.start()
    last.write("{\"value\":2}\n")
    #expect(last.wait { $0.output.contains("expired 2\n") }, "\(last.output)")
    last.signal(SIGUSR1)
    #expect(last.wait { $0.log.contains(" expired=1 ") })
    last.signal(SIGTERM)
    last.wait()
    #expect(last.status == 0)
  }
}
