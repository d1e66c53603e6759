// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite(.serialized)
struct DiskTests {
  /// An agent whose files have at most so many blocks of 512 bytes.
  private func limit(_ agent: AgentProcess, blocks: Int) throws {
    let program = try #require(agent.process.executableURL).path
    agent.process.arguments =
      ["-c", "ulimit -f \(blocks); exec \"$@\"", "sh", program] + (agent.process.arguments ?? [])
    agent.process.executableURL = URL(filePath: "/bin/sh")
  }

  @Test(arguments: [Protection.symmetric, .dtls])
  func `once, lines that the disk refused end with 6, whatever is delivered after`(
    _ protection: Protection
  ) async throws {
    let platform = try await Platform(protection)
    let folder = try AgentFolder(port: platform.port, platform.lines)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    try limit(agent, blocks: 40)
    try agent.start()
    agent.write((1...2_000).map { "{\"value\":\($0)}\n" }.joined())
    agent.endInput()
    agent.wait()
    let accepted = agent.lines.count { $0.hasPrefix("accepted ") }
    let refused = agent.lines.count { $0.hasPrefix("refused ") && $0.hasSuffix(" disk") }
    #expect(accepted + refused == 2_000 && refused > 0)
    #expect(agent.lines.contains { $0.hasPrefix("delivered ") })
    #expect(agent.status == 6)
    // What was accepted is there.
    for _ in 0..<5 where try folder.run().status != 0 {}
    #expect(platform.records.count(where: \.isAcceptedReport) >= accepted)
    try await platform.close()
  }

  @Test(arguments: [Protection.symmetric, .dtls])
  func `on a full disk a new token is kept, and what waits is sent`(
    _ protection: Protection
  ) async throws {
    let platform = try await Platform(protection)
    let folder = try AgentFolder(port: platform.port, platform.lines)
    defer { folder.remove() }
    let faults = try Faults(in: folder)
    // The first life reports to nobody, so that it gets no token.
    let good = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data(good.replacing("127.0.0.1:\(platform.port)", with: "127.0.0.1:9").utf8)
      .write(to: folder.configuration)
    let first = try folder.run(input: (1...50).map { "{\"value\":\($0)}\n" }.joined())
    #expect(first.status == 4)
    try Data(good.utf8).write(to: folder.configuration)
    let second = try folder.run(environment: faults.environment(["FAULT_MODE": "full"]))
    #expect(second.lines.count { $0.hasPrefix("delivered ") } == 50)
    #expect(second.status == 0, "\(second.log)")
    // The token is used again; so is it when another one takes its place.
    let before = platform.records.count { $0.kind == .authentication }
    let third = try folder.run(input: "{\"value\":51}\n")
    #expect(third.status == 0)
    #expect(platform.records.count { $0.kind == .authentication } == before)
    try await platform.close()
  }

  @Test func `an outbox longer than any is refused at once`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    #expect(try folder.run(input: "{\"value\":1}\n").status == 4)
    let outbox = folder.state.appending(path: "outbox").path
    #expect(unsafe truncate(outbox, 3 << 30) == 0)
    let agent = try folder.run([])
    #expect(agent.status == 6)
    #expect(agent.log == "error state-directory reason=too-large: \(folder.state.path)\n")
    var status = stat()
    #expect(unsafe stat(outbox, &status) == 0 && status.st_size == 3 << 30)
  }

  @Test func `an outbox of an earlier version is refused and stays`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    #expect(try folder.run().status == 0)
    let outbox = folder.state.appending(path: "outbox")
    let bytes = Data([0x4E, 0x42, 0x4F, 0x01] + [UInt8](repeating: 0, count: 60))
    try bytes.write(to: outbox)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: outbox.path)
    let agent = try folder.run([])
    #expect(agent.status == 6)
    #expect(agent.log.contains("error state-directory reason=earlier-version: "))
    #expect(try Data(contentsOf: outbox) == bytes)
  }

  @Test func `SIGTERM ends it with 0 while it starts over and over on a disk that refuses`() throws
  {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    #expect(try folder.run().status == 0)
    let session = folder.state.appending(path: "session").path
    try? FileManager.default.removeItem(atPath: session)
    let faults = try Faults(in: folder)
    try writeSecret("x", to: URL(filePath: session))
    let agent = folder.agent(environment: faults.environment(["FAULT_MODE": "read-only"]))
    try agent.start()
    #expect(agent.wait { $0.log.contains("error state-directory errno=EROFS ") })
    agent.signal(SIGUSR1)
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.process.terminationReason == .exit && agent.status == 0)
  }

  @Test func `a backlog takes turns with the socket and the network`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let faults = try Faults(in: folder)
    let path = folder.url.appending(path: "reports").path
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "socket = \(path)\noutbox-bytes = 2000000\n").utf8)
      .write(to: folder.configuration)
    let agent = folder.agent(environment: faults.environment(["FAULT_SLOW": "100"]))
    // Ten of them are read together, so that all would take 20 seconds.
    let filler = String(repeating: "x", count: 375)
    let backlog = folder.url.appending(path: "backlog")
    try Data(
      (1_001...3_000).map { "{\"value\":\($0),\"x\":\"\(filler)\"}\n" }.joined().utf8
    ).write(to: backlog)
    let program = try #require(agent.process.executableURL).path
    agent.process.arguments =
      ["-c", "exec \"$@\" < \(backlog.path)", "sh", program] + (agent.process.arguments ?? [])
    agent.process.executableURL = URL(filePath: "/bin/sh")
    try agent.start()
    #expect(agent.wait { $0.output.contains("accepted 5\n") })
    let sender = UnixSender(named: folder.url.appending(path: "sender").path)
    let answer = sender.ask("priority=7\t{\"alarm\":1}", at: path)
    let id = try #require(Int(answer.split(separator: " ").last ?? ""))
    #expect(agent.wait { $0.output.contains("delivered \(id) ") })
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
    // In order of events, not of the clock: long before the backlog had been taken, which leaves a busy machine some
    // seconds.
    let events = agent.lines
    let accepted = try #require(events.firstIndex(of: "accepted \(id)"))
    let delivered = try #require(events.firstIndex { $0.hasPrefix("delivered \(id) ") })
    let first = try #require(events.firstIndex { $0.hasPrefix("delivered ") })
    #expect(first < 1_000 && accepted < 1_000 && delivered - accepted < 600)
    #expect(events.count { $0.hasPrefix("accepted ") } < 2_000)
    try await platform.close()
  }
}
