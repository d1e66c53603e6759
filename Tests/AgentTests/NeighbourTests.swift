// SPDX-License-Identifier: Apache-2.0
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("What other programs of the machine do to the agent", .serialized)
struct NeighbourTests {
  // MARK: - Answers that are answered

  @Test(arguments: ["own path", "link", "hard link"])
  func `a datagram that seems to come from the agent's own socket is not answered`(
    kind: String
  ) async throws {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    agent.endInput()
    #expect(agent.wait { _ in FileManager.default.fileExists(atPath: path) })
    let name = folder.url.appending(path: "sender").path
    let sender = UnixSender(named: name)
    try FileManager.default.removeItem(atPath: name)
    switch kind {
    case "link":
      try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: path)
    case "hard link": try FileManager.default.linkItem(atPath: path, toPath: name)
    default: try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: "lines")
    }
    sender.send("{\"value\":1}", to: path)
    sender.send("nowhere\t{}", to: path)
    let other = UnixSender(named: folder.url.appending(path: "other").path)
    // Behind whatever the two have brought about.
    #expect(other.ask("{\"value\":2}", at: path) == "accepted 2")
    #expect(agent.wait { $0.output.contains("delivered 2") })
    agent.signal(SIGTERM)
    agent.wait()
    let taken = agent.lines.filter { $0.hasPrefix("accepted") || $0.hasPrefix("refused") }
    #expect(taken == ["accepted 1", "refused 0 bad-option", "accepted 2"])
    try await platform.close()
  }

  @Test func `an answer is no report, and is not answered`() async throws {
    let platform = try await Platform()
    let (folder, path) = try AgentFolder.withSocket(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    agent.endInput()
    #expect(agent.wait { _ in FileManager.default.fileExists(atPath: path) })
    let sender = UnixSender(named: folder.url.appending(path: "sender").path)
    for answer in ["accepted 7\n", "refused 0 bad-option\n", "accepted "] {
      sender.send(answer, to: path)
    }
    #expect(sender.ask("{\"value\":1}", at: path) == "accepted 1")
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.lines.prefix(3).allSatisfy { $0 == "refused 0 bad-option" })
    try await platform.close()
  }

  // MARK: - The socket's place

  @Test(arguments: ["stream", "stream, not listening", "seqpacket", "connected", "datagram"])
  func `a socket that a program has stays, whatever its kind`(kind: String) throws {
    let (folder, path) = try AgentFolder.withSocket(port: 1)
    defer { folder.remove() }
    let type =
      kind.hasPrefix("stream") ? SOCK_STREAM : kind == "seqpacket" ? SOCK_SEQPACKET : SOCK_DGRAM
    let holder = UnixSender(named: path, type: type)
    if kind == "stream" || kind == "seqpacket" { holder.listen() }
    let peer = UnixSender(named: folder.url.appending(path: "peer").path)
    if kind == "connected" { holder.connect(to: folder.url.appending(path: "peer").path) }
    let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    let agent = try folder.run(["--once"])
    #expect(agent.status == 2)
    #expect(agent.log.contains("error the socket cannot be made: \(path) errno=EADDRINUSE ("))
    let after = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    #expect(before == after)
    withExtendedLifetime((holder, peer)) {}
  }

  @Test(arguments: [SOCK_STREAM, SOCK_DGRAM])
  func `a socket whose program has gone is replaced`(type: __socket_type) throws {
    let (folder, path) = try AgentFolder.withSocket(port: 1)
    defer { folder.remove() }
    UnixSender(named: path, type: type).close()
    #expect(try folder.run(["--once"]).status == 0)
  }

  // MARK: - The hint's command

  private func script(_ folder: AgentFolder, _ lines: String) throws -> String {
    let command = folder.url.appending(path: "hint.sh")
    try Data("#!/bin/sh\n\(lines)\n".utf8).write(to: command)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: command.path)
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((text + "hint-command = \(command.path)\n").utf8).write(to: folder.configuration)
    return command.path
  }

  @Test func `the hint's command neither eats lines nor prints results`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let seen = folder.url.appending(path: "seen").path
    _ = try script(
      folder,
      "cat; echo delivered 99; echo error >&2; files=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); echo \"$files\" > \(seen)"
    )
    let agent = try folder.run(input: "1\n2\n3\n")
    #expect(agent.status == 0)
    #expect(agent.lines.count { $0.hasPrefix("accepted") } == 3)
    #expect(!agent.lines.contains("delivered 99"))
    #expect(!agent.log.split(separator: "\n").contains("error"))
    let files = try String(contentsOfFile: seen, encoding: .utf8).split(separator: "\n")
    #expect(files == ["/dev/null", "/dev/null", "/dev/null"])
    try await platform.close()
  }

  @Test func `the hint's command gets no other descriptor, nor one that the agent was given`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let seen = folder.url.appending(path: "seen").path
    _ = try script(
      folder,
      "for file in /proc/$$/fd/*; do test -e $file && echo $file; done > \(seen); true"
    )
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = [
      "-c", "exec 9</dev/null; printf '1\\n' | \"$0\" --config \"$1\"", agentProgram.path,
      folder.configuration.path,
    ]
    shell.standardOutput = FileHandle.nullDevice
    shell.standardError = FileHandle.nullDevice
    try shell.start()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    // What the shell itself opens for its script is from 10 on.
    let files = try String(contentsOfFile: seen, encoding: .utf8).split(separator: "\n")
    let numbers = files.compactMap { $0.split(separator: "/").last.flatMap { Int($0) } }
    #expect(numbers.filter { $0 < 10 }.sorted() == [0, 1, 2])
    try await platform.close()
  }

  /// How many processes run a program of that path.
  private func count(of path: String) -> Int {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return folders.count { name in
      guard Int(name) != nil,
        let line = try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8)
      else { return false }
      return line.contains(path)
    }
  }

  @Test func `one hint's command runs at a time, and none outlives the agent`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let path = try script(folder, "trap '' TERM\nwhile :; do sleep 100; done")
    let agent = folder.agent()
    try agent.start()
    agent.write("1\n2\n3\n")
    #expect(agent.wait { $0.output.contains("delivered 3") })
    #expect(count(of: path) == 1)
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0)
    #expect(agent.log.ranges(of: "warning hint-failed errno=ETIMEDOUT (").count == 1)
    #expect(agent.log.contains("warning hint-skipped"))
    #expect(agent.wait { _ in count(of: path) == 0 })
    try await platform.close()
  }

  @Test
  func `a hint's command that hangs is ended with its group, and the next hint is told again`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let child = folder.url.appending(path: "child.sh").path
    try Data("trap '' TERM\nwhile :; do sleep 100; done\n".utf8).write(to: URL(filePath: child))
    _ = try script(folder, "sh \(child) & wait")
    let agent = folder.agent()
    try agent.start()
    agent.write("1\n")
    #expect(agent.wait { $0.output.contains("delivered 1") })
    // 10 seconds for it to end, and one more for what takes no SIGTERM.
    #expect(agent.wait { _ in count(of: child) == 0 })
    agent.write("2\n")
    #expect(agent.wait { $0.output.contains("delivered 2") })
    #expect(agent.log.ranges(of: "errno=ETIMEDOUT (").count == 2)
    agent.signal(SIGTERM)
    agent.wait()
    // It was killed, and would go on for ever otherwise; on a busy machine it takes a moment.
    #expect(agent.wait { _ in count(of: child) == 0 })
    try await platform.close()
  }

  // MARK: - SIGHUP

  @Test func `SIGHUP reads the configuration anew, and no line is lost or told twice`() async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    // Nobody listens at first, and the outbox is soon full: lines wait in the agent and in the pipe.
    let before = text.replacing("127.0.0.1:\(platform.port)", with: "127.0.0.1:\(closedPort)")
    try Data((before + "outbox-bytes = 4096\n").utf8).write(to: folder.configuration)
    let agent = folder.agent()
    try agent.start()
    let count = 200
    agent.write((1...count).map { "{\"value\":\($0)}\n" }.joined() + "bad option\t{}\n{\"last\":")
    #expect(
      agent.wait { $0.log.contains("warning no-link") && $0.output.contains("accepted 20\n") }
    )
    try Data((text + "outbox-bytes = 1000000\n").utf8).write(to: folder.configuration)
    agent.signal(SIGHUP)
    #expect(agent.wait { $0.log.contains("info reload\n") })
    agent.write("1}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 1)
    #expect(agent.lines.contains("refused \(count + 1) bad-option"))
    let accepted = agent.lines.filter { $0.hasPrefix("accepted") }
    #expect(accepted == (1...count + 1).map { "accepted \($0)" })
    #expect(agent.lines.count { $0.hasPrefix("delivered") } == count + 1)
    let payloads = platform.records.filter(\.isAcceptedReport).map {
      String(decoding: $0.payload, as: UTF8.self)
    }
    #expect(payloads == (1...count).map { "{\"value\":\($0)}" } + ["{\"last\":1}"])
    try await platform.close()
  }

  @Test func `a configuration that is wrong by now leaves the agent as it was`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    let agent = folder.agent()
    try agent.start()
    #expect(agent.wait { $0.log.contains("info started") })
    for _ in 0..<2 {
      let times = agent.log.ranges(of: "warning reload-refused").count
      try Data((text + "colour = red\n").utf8).write(to: folder.configuration)
      agent.signal(SIGHUP)
      #expect(agent.wait { $0.log.ranges(of: "warning reload-refused").count == times + 1 })
    }
    #expect(agent.log.contains("\(folder.configuration.path):8: unknown key colour\n"))
    agent.write("1\n")
    #expect(agent.wait { $0.output.contains("delivered 1") })
    try Data((text + "retry = 20\n").utf8).write(to: folder.configuration)
    for _ in 0..<2 {
      let times = agent.log.ranges(of: "info started").count
      agent.signal(SIGHUP)
      #expect(agent.wait { $0.log.ranges(of: "info started").count == times + 1 })
    }
    agent.write("2\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0)
    #expect(agent.lines.count { $0.hasPrefix("delivered") } == 2)
    // The token and its numbers were there again.
    #expect(platform.records.count { $0.kind == .authentication } == 1)
    try await platform.close()
  }

  @Test func `with --once SIGHUP is told of, and nothing else`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    try agent.start()
    #expect(agent.wait { $0.log.contains("info started") })
    agent.signal(SIGHUP)
    #expect(agent.wait { $0.log.contains("warning reload-ignored") })
    agent.write("1\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0 && agent.lines.count == 2)
    try await platform.close()
  }

  // MARK: - What the platform says

  @Test func `what others have written steers no terminal by the agent`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let text = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((text + "a\u{9B}b\u{202E}c\u{1B}d\u{2028}é = 1\n").utf8).write(
      to: folder.configuration
    )
    let agent = try folder.run(["--check"])
    #expect(agent.log.hasSuffix(":8: unknown key a?b?c?d?é\n"), "\(agent.log)")
  }
}
