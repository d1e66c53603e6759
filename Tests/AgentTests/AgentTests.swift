// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import Foundation
import PlatformCore
import PlatformSimulator
import ReportLink
import TestSupport
import Testing

@testable import Agent

@Suite(.serialized)
struct AgentTests {
  @Test func `it tells where the configuration is wrong, and what to do`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let good = try String(contentsOf: folder.configuration, encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let wrong: [(line: String, complaint: String)] = [
      ("colour = red", ":8: unknown key colour"), ("topic", ":8: no `key = value`"),
      ("topic = /a/b", ":8: given twice: topic"), ("accept =", ":8: no value for accept"),
      ("accept = xml", ":8: accept takes json|cbor|none"),
      ("priority = 8", ":8: priority takes 0 to 7"),
      ("reserve = 0", ":8: reserve takes 1 to 1000000"),
      ("security = dtls", ": missing: ca-file"),
      ("dtls-key = rsa\nsecurity = dtls", ":8: dtls-key takes certificate|psk"),
    ]
    for (line, complaint) in wrong {
      try folder.configure(good + [line])
      let agent = try folder.run(["--check"])
      #expect(agent.status == 2)
      #expect(agent.log.contains(folder.configuration.path + complaint), "\(agent.log)")
    }
    for missing in ["product-key", "device-name", "device-secret-file", "state-directory"] {
      try folder.configure(good.filter { !$0.hasPrefix(missing) })
      let agent = try folder.run(["--check"])
      #expect(agent.status == 2)
      #expect(agent.log.contains(": missing: \(missing)"))
    }
    try folder.configure(["# a comment", "", "  product-key=a1B2c3D4e5F  "] + good.dropFirst())
    let agent = try folder.run(["--check"])
    #expect(agent.status == 0)
    #expect(agent.output == "the configuration is good\n")
  }

  @Test func `a configuration is read whatever its lines end with, up to its last byte`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let good = try String(contentsOf: folder.configuration, encoding: .utf8)
    func check(_ text: String) throws -> AgentProcess {
      try Data(text.utf8).write(to: folder.configuration)
      return try folder.run(["--check"])
    }
    let last = "ttl = 60"
    let filler = String(repeating: "#", count: 8_192 - good.utf8.count - last.utf8.count - 1)
    for text in [good.replacing("\n", with: "\r\n"), good + last, good + filler + "\n" + last] {
      #expect(try check(text).status == 0)
    }
    let long = try check(good + filler + "\n" + last + "0")
    #expect(long.status == 2)
    #expect(long.log.contains("the file has more than 8192 bytes"))
    // The longest path: it is another thing that is wrong with it.
    let path = "/" + String(repeating: "p", count: 254)
    #expect(try check(good + "hint-command = " + path).log.hasSuffix("no file that can be run\n"))
    let longer = try check(good + "hint-command = " + path + "p")
    #expect(longer.log.hasSuffix("hint-command takes a path\n"))
    // Labels of 63 bytes, which is the most for one.
    let host = repeatElement(String(repeating: "h", count: 63), count: 4).joined(separator: ".")
    let endpoints = [
      ("coap.example:5682", true), ("[::1]:5682", true), ("[fe80::1]:1", true), ("h:65535", true),
      ("h:65536", false), ("h:0", false), ("h", true), (":5682", false), ("h:", false),
      (host + ":1", true), (host + ".:1", false), (host.dropFirst() + ".:1", true),
      (String(repeating: "h", count: 64) + ":1", false),
    ]
    for (endpoint, isGood) in endpoints {
      let agent = try check(good.replacing("127.0.0.1:1", with: endpoint))
      #expect((agent.status == 0) == isGood, "\(endpoint): \(agent.log)")
    }
  }

  @Test func `a line has at most 4,096 bytes, its end not counted`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    var input = ""
    for count in [4_095, 4_096, 4_097, 4_098, 10_000] {
      input += String(repeating: "x", count: count) + "\n"
    }
    input += "\n{\"value\":1}\r\n" + String(repeating: "x", count: 5_000)
    let agent = try folder.run(input: input)
    let refused = agent.lines.filter { $0.hasPrefix("refused") }
    // What fits is no report either: it is no JSON, and too long for one.
    #expect(refused.map { $0.split(separator: " ")[1] } == ["1", "2", "3", "4", "5", "8"])
    #expect(refused.suffix(4).allSatisfy { $0.hasSuffix(" too-long") })
    #expect(agent.lines.contains("accepted 1"))
    #expect(agent.status == 1)
    try await platform.close()
  }

  @Test func `each phrase has its text`() {
    // The last of each kind, and what comes behind the last of all.
    let phrases: [(Phrase, String)] = [
      (.accepted, "accepted "), (.rejected, "rejected "), (.error, "error "), (.answer, " answer="),
      (.errorNumber, "errno="), (.noSession, "reason=no-session"), (.pointAndZero, ".0"),
      (.handshake, "handshake"), (.badHandshake, "handshake openssl="),
      (.sequenceExhausted, "sequence-exhausted"), (.disk, "disk"),
      (.notPrivateFile, "not-private"), (.allBytesDown, " bytes-down="),
      (.diskBytes, " disk-bytes="),
      (.noValue, "no value for "), (.noHash, "error OpenSSL has no SHA-256"),
    ]
    for (phrase, text) in phrases { #expect(phrase.string == text) }
    #expect(Phrase(rawValue: Phrase.noHash.rawValue + 1) == nil)
  }

  @Test func `the example of the package names every key, and is good`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let example = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../packaging/nbiot-agent.conf")
    var text = try String(contentsOf: example, encoding: .utf8)
    // With every key uncommented, the paths those of the test.
    text = text.replacing(/(?m)^#(?=[a-z-]+ = )/, with: "")
    text = text.replacing(
      "/etc/nbiot-agent/secret",
      with: folder.url.appending(path: "secret.txt").path
    )
    text = text.replacing("/run/nbiot-agent/reports", with: folder.url.path + "/reports")
    text = text.replacing("/usr/lib/nbiot-agent/rai", with: "/bin/true")
    text = text.replacing("socket-group = nbiot", with: "socket-group = \(getegid())")
    try Data(text.utf8).write(to: folder.configuration)
    let agent = try folder.run(["--check"])
    #expect(agent.status == 0, "\(agent.log)")
  }

  @Test func `usage, help and version`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    for arguments in [[], ["--config"], ["--config", "x", "--format", "xml"], ["report"]] {
      let agent = AgentProcess(arguments)
      try agent.start()
      agent.wait()
      #expect(agent.status == 2)
      #expect(agent.log.contains("usage: nbiot-agent --config FILE"))
    }
    let help = AgentProcess(["--help"])
    try help.start()
    help.wait()
    #expect(help.status == 0 && help.output.contains("--once"))
  }

  @Test func `lines become reports, and a second start needs one request`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(
      port: platform.port,
      ["id-placeholder = @ID@"],
      isPatient: true
    )
    defer { folder.remove() }
    let input = """
      {"value":1}
      /a1B2c3D4e5F/device1/user/other\t{"value":2,"id":"@ID@"}
      priority=7 ttl=600\t{"value":3}

      no/topic\t{"value":4}
      /a1B2c3D4e5F/device1/user/other\t

      """
    let first = try folder.run(input: input)
    #expect(first.status == 1)
    #expect(
      first.lines.filter { $0.hasPrefix("accepted") } == ["accepted 1", "accepted 2", "accepted 3"]
    )
    #expect(
      first.lines.filter { $0.hasPrefix("refused") } == [
        "refused 5 bad-option", "refused 6 no-payload",
      ]
    )
    let delivered = first.lines.filter { $0.hasPrefix("delivered") }
    // The first had begun when the one of the highest priority came.
    #expect(
      delivered.map { $0.split(separator: " ")[1] } == ["1", "3", "2"] || delivered.count == 3
    )
    #expect(delivered.allSatisfy { $0.contains(" 2.05 seq=") && $0.contains(" up=") })
    let payloads = platform.records.filter(\.isAcceptedReport).map {
      String(decoding: $0.payload, as: UTF8.self)
    }
    #expect(payloads.contains(#"{"value":2,"id":"2"}"#))
    let before = platform.records.count
    let second = try folder.run(input: "{\"value\":1}\n")
    #expect(second.status == 0)
    #expect(second.lines.last?.contains(" up=124 down=19 sent=1 ") == true, "\(second.output)")
    #expect(platform.records.count == before + 1)
    #expect(second.log.hasPrefix("info started session=found pending=0 damaged=0 cut=0\n"))
    try await platform.close()
  }

  @Test func `what nobody takes is kept, and goes when somebody does`() async throws {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let first = try folder.run(input: "{\"value\":1}\n{\"value\":2}\n")
    #expect(first.status == 4)
    #expect(first.log.contains("warning no-link reason=port-unreachable"))
    let platform = try await Platform()
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
      .replacing("127.0.0.1:\(closedPort)", with: "127.0.0.1:\(platform.port)")
    try Data(lines.utf8).write(to: folder.configuration)
    let second = try folder.run()
    #expect(second.status == 0)
    #expect(second.log.contains(" pending=2 "))
    #expect(platform.records.count(where: \.isAcceptedReport) == 2)
    try await platform.close()
  }

  @Test func `with --once every line is taken, though nobody listens`() throws {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    try agent.start()
    agent.write("{\"value\":1}\n")
    #expect(agent.wait { $0.log.contains("warning no-link") })
    // More than is read at once.
    agent.write((2...300).map { "{\"value\":\($0)}\n" }.joined())
    agent.endInput()
    agent.wait()
    #expect(agent.status == 4)
    #expect(agent.lines.count { $0.hasPrefix("accepted ") } == 300)
  }

  @Test func `a wrong secret ends with 3 and keeps the report`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    try Data("another secret of the device...\n".utf8)
      .write(to: folder.url.appending(path: "secret.txt"))
    let agent = try folder.run(input: "{\"value\":1}\n")
    #expect(agent.status == 3)
    #expect(agent.log.contains("warning authentication-failed reason=refused 4.01"))
    #expect(!agent.log.contains("another secret") && !agent.output.contains("another secret"))
    try await platform.close()
  }

  @Test func `--format cbor makes CBOR of JSON, and refuses what is none`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let agent = try folder.run(
      ["--once", "--format", "cbor"],
      input: "{\"v\":[1,-2,21.5,\"é\",true,null]}\n{\"v\":\n"
    )
    #expect(agent.status == 1)
    #expect(agent.lines.contains("refused 2 not-json"))
    let record = try #require(platform.records.last)
    #expect(
      record.payload == [
        0xA1, 0x61, 0x76, 0x86, 0x01, 0x21, 0xF9, 0x4D, 0x60, 0x62, 0xC3, 0xA9, 0xF5, 0xF6,
      ]
    )
    try await platform.close()
  }

  @Test func `SIGUSR1 prints counters, SIGTERM ends it`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, isPatient: true)
    defer { folder.remove() }
    let agent = folder.agent()
    try agent.start()
    agent.write("{\"value\":1}\n")
    #expect(agent.wait { $0.output.contains("delivered 1") })
    agent.signal(SIGUSR1)
    #expect(agent.wait { $0.log.contains("info counters pending=0 accepted=1 delivered=1 ") })
    // One request for a token and one report, each with its answer, and 28 bytes of headers for each.
    #expect(agent.wait { $0.log.contains("info ledger headers datagrams-up=0 bytes-up=56 ") })
    #expect(agent.log.contains("info ledger authentication datagrams-up=1 bytes-up="))
    #expect(agent.log.contains("info ledger report datagrams-up=1 bytes-up="))
    #expect(agent.log.contains("info ledger answer datagrams-up=0 bytes-up=0 datagrams-down=1 "))
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0 && agent.process.terminationReason == .exit)
    try await platform.close()
  }

  @Test func `a second agent on the same directory is refused`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let first = folder.agent()
    try first.start()
    #expect(first.wait { $0.log.contains("info started") })
    let second = try folder.run()
    #expect(second.status == 6)
    #expect(second.log.contains("error state-directory reason=in-use: "))
    first.signal(SIGTERM)
    first.wait()
    try await platform.close()
  }

  @Test func `started without standard input, output and error it does not write into its state`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, isPatient: true)
    defer { folder.remove() }
    #expect(try folder.run(input: "1\n").status == 0)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.state.path).sorted()
    let before = try files.map { try Data(contentsOf: folder.state.appending(path: $0)) }
    let closed = folder.agent(["--once"])
    let program = try #require(closed.process.executableURL).path
    closed.process.arguments =
      ["-c", #"exec "$@" <&- >&- 2>&-"#, "sh", program] + (closed.process.arguments ?? [])
    closed.process.executableURL = URL(filePath: "/bin/sh")
    try closed.start()
    closed.wait()
    #expect(closed.status == 0)
    #expect(try files.map { try Data(contentsOf: folder.state.appending(path: $0)) } == before)
    // /auth and the first report, and the second one with the token that was kept.
    #expect(try folder.run(input: "2\n").status == 0)
    #expect(platform.records.count == 3)
    try await platform.close()
  }

  @Test(arguments: [
    (">&-", 5, ""), ("</tmp", 1, "error lines cannot be read: standard input errno=EISDIR"),
    ("0>/dev/null", 1, "error lines cannot be read: standard input errno=EBADF"), ("<&-", 0, ""),
  ])
  func `output that cannot be written and input that cannot be read are no success`(
    redirection: String,
    status: Int32,
    complaint: String
  ) async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    agent.process.arguments =
      ["-c", "exec \"$@\" \(redirection)", "sh", agentProgram.path]
      + (agent.process.arguments ?? [])
    agent.process.executableURL = URL(filePath: "/bin/sh")
    try agent.start()
    agent.write("1\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == status, "\(agent.log)")
    #expect(complaint.isEmpty || agent.log.contains(complaint), "\(agent.log)")
    try await platform.close()
  }

  @Test func `a refusal is printed with the platform's own reason`() async throws {
    let platform = try await Platform { $0.settingNames.leniencies = "--tolerant" }
    let folder = try AgentFolder(port: platform.port, ["token-option = 61"])
    defer { folder.remove() }
    let agent = try folder.run(input: "1\n")
    let line = try #require(agent.lines.last)
    #expect(line.hasPrefix("rejected 1 4.02 "), "\(agent.output)")
    #expect(line.contains(" answer=the token is in option 61, not 2088"), "\(line)")
    try await platform.close()
  }

  @Test func `SIGQUIT ends the agent without a backtrace`() throws {
    let folder = try AgentFolder(port: 1)
    defer { folder.remove() }
    let agent = folder.agent(environment: ["SWIFT_BACKTRACE": "enable=yes"])
    try agent.start()
    #expect(agent.wait { $0.log.contains("info started") })
    agent.signal(SIGQUIT)
    agent.wait()
    #expect(agent.process.terminationReason == .uncaughtSignal)
    #expect(agent.status == SIGQUIT)
    #expect(!agent.log.contains("crash"))
  }

  @Test func `once, every line is accepted or refused, though there is no platform`() throws {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "outbox-bytes = 4096\n").utf8).write(to: folder.configuration)
    let agent = try folder.run(input: (1...100).map { "{\"n\":\($0)}\n" }.joined())
    let accepted = agent.lines.count { $0.hasPrefix("accepted ") }
    #expect(accepted > 10)
    #expect(agent.lines.count { $0.hasSuffix(" full") } == 100 - accepted)
    #expect(agent.lines.last == "refused 100 full")
    #expect(agent.status == 4)
  }

  @Test func `where only what is more important waits, a line is refused and the next one taken`()
    throws
  {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "outbox-bytes = 4096\nwhen-full = drop-oldest\n").utf8)
      .write(to: folder.configuration)
    let important = (1...50).map { "priority=5\t{\"n\":\($0)}\n" }.joined()
    let agent = try folder.run(input: important + "{\"low\":1}\npriority=7\t{\"high\":1}\n")
    #expect(agent.lines.suffix(3).prefix(2) == ["refused 51 full", "accepted 51"])
    #expect(agent.lines.last?.hasPrefix("dropped ") == true)
    #expect(agent.lines.count { $0.hasPrefix("accepted ") } == 51)
    #expect(agent.status == 4)
  }

  @Test func `once, a disk that refuses is told of and not waited for`() throws {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let agent = folder.agent(["--once"])
    let program = try #require(agent.process.executableURL).path
    agent.process.arguments =
      ["-c", #"ulimit -f 0; exec "$@" | cat"#, "sh", program] + (agent.process.arguments ?? [])
    agent.process.executableURL = URL(filePath: "/bin/sh")
    try agent.start()
    agent.write("1\n2\n3\n")
    agent.endInput()
    agent.wait()
    #expect(agent.lines == ["refused 1 disk", "refused 2 disk", "refused 3 disk"])
    // Once for all lines.
    #expect(agent.log.ranges(of: "error disk-refuses errno=EFBIG (File too large)\n").count == 1)
  }

  @Test func `SIGTERM ends it while nobody reads what it prints, and nothing is lost`() throws {
    let folder = try AgentFolder(port: closedPort)
    defer { folder.remove() }
    let input = folder.url.appending(path: "input")
    try Data(String(repeating: "1\n", count: 20_000).utf8).write(to: input)
    let agent = folder.agent()
    let output = Pipe.ofChild()
    agent.process.standardInput = try FileHandle(forReadingFrom: input)
    agent.process.standardOutput = output
    agent.process.standardError = FileHandle.nullDevice
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "outbox-bytes = 1000000\n").utf8).write(to: folder.configuration)
    try agent.process.start()
    // It stands still once the pipe of 64 KB is full: of each of its pages some bytes are left over.
    var (waiting, before) = (CInt(0), CInt(-1))
    while waiting < 57_344 || waiting != before {
      before = waiting
      usleep(100_000)
      try #require(agent.process.isRunning)
      // SAFETY: the call fills in one number.
      let result = unsafe ioctl(
        output.fileHandleForReading.fileDescriptor,
        UInt(FIONREAD),
        &waiting
      )
      try #require(result == 0)
    }
    agent.signal(SIGTERM)
    agent.process.waitUntilExit()
    #expect(agent.process.terminationReason == .exit)
    #expect(agent.status == 0)
    let printed = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(),
      as: UTF8.self
    )
    let accepted = printed.split(separator: "\n").count { $0.hasPrefix("accepted ") }
    #expect(accepted > 1_000)
    let next = try folder.run()
    let pending = try #require(next.log.firstMatch(of: /pending=([0-9]+)/).flatMap { Int($0.1) })
    #expect(pending >= accepted)
  }
}

extension Phrase {
  fileprivate var string: String {
    var bytes: [UInt8] = []
    for index in text.indices { bytes.append(text[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
