// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Reports that other programs hand to the agent with its own --send", .serialized)
struct SendTests {
  private func running(_ folder: AgentFolder, _ path: String) throws -> AgentProcess {
    let agent = folder.agent()
    try agent.start()
    agent.endInput()
    #expect(agent.wait { $0.log.contains("info started") })
    #expect(FileManager.default.fileExists(atPath: path))
    return agent
  }

  private func end(_ agent: AgentProcess) {
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
  }

  @Test func `a line is answered as a program's datagram is, and the exit status says how`()
    async throws
  {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = try running(folder, path)
    for (words, answer, status): ([String], String, Int32) in [
      ([#"{"value":1}"#], "accepted 1", 0),
      (["/a1B2c3D4e5F/device1/user/other", "2"], "accepted 2", 0),
      (["/a1B2c3D4e5F/device1/user/other priority=7 ttl=60", "3"], "accepted 3", 0),
      (["", "x\ty"], "accepted 4", 0),
      (["nowhere", "{}"], "refused 0 bad-option", 1),
      (["/\u{1}", "{}"], "refused 0 bad-topic", 1),
      ([String(repeating: "x", count: 4_097)], "refused 0 too-long", 1),
      ([String(repeating: "x", count: 9_000)], "refused 0 too-long", 1),
      ([""], "refused 0 no-payload", 1), (["\n"], "refused 0 no-payload", 1),
      (["accepted 5"], "refused 0 bad-option", 1), (["refused x", "y"], "refused 0 bad-option", 1),
    ] {
      let sent = try folder.run(["--send"] + words)
      #expect(sent.output == answer + "\n")
      #expect(sent.status == status)
    }
    #expect(agent.wait { agent in agent.lines.count { $0.hasPrefix("delivered ") } == 4 })
    end(agent)
    #expect(platform.records.count { $0.path.hasSuffix("/user/other") } == 2)
    try await platform.close()
  }

  @Test func `without an agent, a socket or a line it says what is missing`() throws {
    let (folder, path) = try AgentFolder.withSocket(port: 1)
    defer { folder.remove() }
    let alone = try folder.run(["--send", "1"])
    #expect(alone.status == 4)
    #expect(alone.log.hasPrefix("error no agent answers at the socket: \(path) errno=ENOENT ("))
    #expect(alone.output.isEmpty)
    // One that has gone.
    UnixSender(named: path).close()
    let left = try folder.run(["--send", "1"])
    #expect(left.status == 4)
    #expect(left.log.contains("errno=ECONNREFUSED ("))
    #expect(try folder.run(["--send"]).status == 2)
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data(text.replacing("socket = ", with: "#socket = ").utf8).write(to: folder.configuration)
    let none = try folder.run(["--send", "1"])
    #expect(none.status == 2)
    #expect(none.log.hasSuffix(": missing: socket\n"))
  }

  @Test(arguments: [
    (["--send", "@reading.json"], "@reading.json"), (["--send", "-"], "-"),
    (["--send", "/a/b", "-"], "-"), (["--send", "--help"], "--help"),
    (["--send", "1", "--once"], "--once"), (["--once", "--send", "1"], "--send"),
    (["--check", "--send", "1"], "--send"), (["--format", "json", "--send", "1"], "--send"),
    (["--sned", "1"], "--sned"), (["--format", "xml"], "--format"), (["--config=x"], "--config=x"),
    (["--send"], ""),
  ])
  func `what does not go together is refused at once, by the argument`(
    arguments: [String],
    culprit: String
  ) throws {
    let (folder, _) = try AgentFolder.withSocket(port: 1)
    defer { folder.remove() }
    let agent = try folder.run(arguments)
    #expect(agent.status == 2)
    #expect(agent.output.isEmpty)
    #expect(
      agent.log.hasPrefix(
        "error an argument is unknown, missing or out of place: \(culprit)\nusage:"
      )
    )
    #expect(agent.log.contains("--send [TOPIC] PAYLOAD"))
  }

  @Test func `an agent that is late may still take the line, and is said to`() async throws {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = try running(folder, path)
    agent.signal(SIGSTOP)
    let sent = try folder.run(["--send", "1"])
    #expect(sent.status == 4)
    #expect(sent.log.contains("no answer, but the agent may still take the report: \(path)"))
    agent.signal(SIGCONT)
    #expect(agent.wait { $0.lines.contains("accepted 1") })
    end(agent)
    try await platform.close()
  }

  @Test func `a socket that may not be written is told from one without an agent`() async throws {
    // The superuser may write everywhere, and becomes somebody else for it.
    let drop = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    guard geteuid() == 0, FileManager.default.isExecutableFile(atPath: drop[0]),
      FileManager.default.isReadableFile(atPath: agentProgram.path)
    else { return }
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = try running(folder, path)
    #expect(unsafe chmod(folder.url.path, 0o755) == 0)
    let sender = folder.agent(["--send", "1"])
    sender.process.arguments =
      drop.dropFirst() + [agentProgram.path] + (sender.process.arguments ?? [])
    sender.process.executableURL = URL(filePath: drop[0])
    try sender.start()
    sender.wait()
    #expect(sender.status == 4)
    #expect(
      sender.log.hasPrefix(
        "error the socket may not be written, see socket-mode and socket-group: \(path) errno=EACCES"
      ),
      "\(sender.log)"
    )
    end(agent)
    try await platform.close()
  }

  @Test func `an answer that cannot be printed is no success`() async throws {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = try running(folder, path)
    let sender = folder.agent(["--send", "1"])
    sender.process.arguments =
      ["-c", #"exec "$@" >&-"#, "sh", agentProgram.path] + (sender.process.arguments ?? [])
    sender.process.executableURL = URL(filePath: "/bin/sh")
    try sender.start()
    sender.wait()
    #expect(sender.status == 5)
    #expect(agent.wait { $0.lines.contains("accepted 1") })
    end(agent)
    try await platform.close()
  }

  @Test(arguments: ["660", "600", "0622", "666"])
  func `the socket has the mode and the group of the configuration`(mode: String) async throws {
    // Who may change a group at all may choose any.
    let group = geteuid() == 0 ? 1 : getegid()
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(
      port: platform.port,
      ["socket-mode = \(mode)", "socket-group = \(group)"]
    )
    defer { folder.remove() }
    let agent = try running(folder, path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == Int(mode, radix: 8))
    #expect(attributes[.groupOwnerAccountID] as? UInt32 == group)
    end(agent)
    try await platform.close()
  }

  @Test func `a group's name is looked up, and the default is the process's own`() async throws {
    let platform = try await Platform()
    let entry = unsafe getgrgid(getegid())
    guard let name = unsafe entry?.pointee.gr_name else { return }
    for lines in [[], ["socket-group = \(unsafe String(cString: name))"]] {
      let (folder, path) = try AgentFolder.withSocket(port: platform.port, lines)
      defer { folder.remove() }
      let agent = try running(folder, path)
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.groupOwnerAccountID] as? UInt32 == getegid())
      #expect(attributes[.posixPermissions] as? Int == 0o660)
      end(agent)
    }
    try await platform.close()
  }

  @Test(arguments: [
    ("socket-mode = 660x", "socket-mode takes three octal digits, 600 to 777"),
    ("socket-mode = 888", "socket-mode takes three octal digits"),
    ("socket-mode = 066", "socket-mode takes three octal digits"),
    ("socket-mode = 477", "socket-mode takes three octal digits"),
    ("socket-mode = 4660", "socket-mode takes three octal digits"),
    ("socket-mode = 6600", "socket-mode takes three octal digits"),
    ("socket-group = no-such-group-here", "socket-group: there is no such group"),
    ("socket-group = -1", "socket-group: there is no such group"),
    ("socket-group = 99999999999", "socket-group: there is no such group"),
  ])
  func `a mode and a group that are none are refused by the check`(
    line: String,
    complaint: String
  ) throws {
    let (folder, _) = try AgentFolder.withSocket(port: 1, [line])
    defer { folder.remove() }
    let agent = try folder.run(["--check"])
    #expect(agent.status == 2)
    #expect(agent.log.contains(complaint), "\(agent.log)")
  }
}
