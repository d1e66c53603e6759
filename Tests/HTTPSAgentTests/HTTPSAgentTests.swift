// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSAgent
import HTTPSPeers
import TestSupport
import Testing

@Suite("The agent over HTTPS")
struct HTTPSAgentTests {
  @Test func `lines go out under one token, in order, each once`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["id-placeholder = @ID@"])
    let agent = try folder.run(
      #"{"n":1,"id":"@ID@"}"# + "\n\(AgentFolder.topic)other\t{\"n\":2}\n[3]\n"
    )
    #expect(agent.status == 0, "\(agent.log)")
    #expect(
      agent.lines.map { $0.replacing(/id=[0-9]+/, with: "id=N") } == [
        "accepted 1", "accepted 2", "accepted 3", "delivered 1 id=N", "delivered 2 id=N",
        "delivered 3 id=N",
      ]
    )
    let requests = try peer.requests()
    #expect(
      requests.map(\.path) == ["/auth"]
        + ["update", "other", "update"].map {
          "/topic\(AgentFolder.topic)\($0)"
        }
    )
    #expect(requests.dropFirst().map(\.text) == [#"{"n":1,"id":"1"}"#, #"{"n":2}"#, "[3]"])
    #expect(requests.dropFirst().allSatisfy { $0.fields["password"] == "token-1" })
    // The token is kept for the next run, and in no line.
    let next = try folder.run("[4]\n")
    #expect(next.status == 0)
    #expect(try peer.requests().map(\.path).count { $0 == "/auth" } == 1)
    #expect(!(agent.log + agent.output + next.log).contains("token-1"))
  }

  @Test func `a report of 131,072 bytes arrives whole, one byte more is refused`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let longest = text(131_072, 1)
    let agent = try folder.run([longest, longest + "x", text(10, 2), ""].joined(separator: "\n"))
    #expect(agent.status == 1, "\(agent.log)")
    #expect(agent.lines.filter { $0.hasPrefix("refused") } == ["refused 2 too-long"])
    let reports = try peer.requests().filter { $0.path != "/auth" }
    #expect(reports.map(\.size) == [131_072, 10])
    #expect(reports[0].digest == digest(of: longest))
  }

  @Test func `payload-limit bounds lines, and longer ones that wait still go`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["endpoint = 127.0.0.1:1"])
    #expect(try folder.run(text(50_000, 1) + "\n").lines == ["accepted 1"])
    try folder.configure(["payload-limit = 2000", "endpoint = 127.0.0.1:\(peer.port)"])
    let agent = try folder.run([text(2_000, 2), text(2_001, 3), ""].joined(separator: "\n"))
    #expect(agent.lines.contains("refused 2 too-long"))
    #expect(try peer.requests().filter { $0.path != "/auth" }.map(\.size) == [50_000, 2_000])
  }

  @Test func `a file with long reports is refused where they are not taken, and kept`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["endpoint = 127.0.0.1:1"])
    #expect(try folder.run(text(50_000, 1) + "\n").lines == ["accepted 1"])
    try folder.configure(["payload-limit = 1024", "endpoint = 127.0.0.1:\(peer.port)"])
    let agent = try folder.run()
    #expect(agent.status == 6)
    #expect(agent.log.contains("error state-directory reason=later-version"), "\(agent.log)")
    try folder.configure([])
    #expect(try folder.run().status == 0)
    #expect(try peer.requests().last?.digest == digest(of: text(50_000, 1)))
  }

  @Test func `a reload takes along what was read of a long line`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let agent = try folder.agent()
    let (first, second) = (text(100_000, 1), text(120_000, 2))
    agent.write("[0]\n" + first)
    #expect(agent.wait { $0.lines.contains { $0.hasPrefix("delivered 1") } })
    usleep(300_000)
    agent.signal(SIGHUP)
    #expect(agent.wait { $0.log.components(separatedBy: "info started").count == 3 })
    agent.finish("\n" + second + "\n")
    agent.wait()
    #expect(agent.status == 0, "\(agent.log)")
    let digests = try peer.requests().map(\.digest)
    #expect(digests.suffix(2) == [digest(of: first), digest(of: second)])
  }

  @Test func `a long report comes through the socket, by --send as well`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let socket = folder.url.appending(path: "lines").path
    try folder.configure(["socket = \(socket)"])
    let agent = try folder.agent()
    agent.finish()
    #expect(agent.wait { $0.log.contains("info started") })
    let long = text(100_000, 1)
    var sent = try folder.agent(["--send", long])
    sent.wait()
    for _ in 0..<100 where sent.status == 4 {
      usleep(50_000)
      sent = try folder.agent(["--send", long])
      sent.wait()
    }
    #expect(sent.lines == ["accepted 1"], "\(sent.log)")
    #expect(agent.wait { $0.lines.contains { $0.hasPrefix("delivered 1") } })
    agent.signal(SIGTERM)
    agent.wait()
    #expect(try peer.requests().last?.digest == digest(of: long))
  }

  @Test(arguments: [
    ("code-20000", 3, "reason=refused code=20000 message=no"),
    ("code-10000", 4, "reason=refused code=10000"),
    ("no-token", 4, "reason=unusable-answer"),
    ("long-token", 4, "reason=token-too-long"),
    ("text", 4, "reason=unusable-answer"),
    ("redirect", 4, "reason=foreign-answer status=302"),
    ("long-body", 4, "reason=answer-too-long"),
    ("interim", 4, "reason=answer-too-long"),
    ("garbage", 4, "reason="),
  ])
  func `an authentication that fails is told, and by the exit status`(
    kind: String,
    status: Int32,
    words: String
  ) throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["client-id = \(kind)"])
    let agent = try folder.run("[1]\n")
    #expect(agent.status == status, "\(agent.log)")
    #expect(agent.log.contains("warning authentication-failed \(words)"), "\(agent.log)")
    #expect(agent.lines == ["accepted 1"])
  }

  @Test func `each answer to a report has its consequence`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let kinds = ["code-10001", "code-20001-once", "status-404", "good"]
    let agent = try folder.run(kinds.map { "\(AgentFolder.topic)\($0)\t[1]\n" }.joined())
    #expect(agent.status == 4, "\(agent.log)")
    let results = agent.lines.filter { !$0.hasPrefix("accepted") }
    #expect(results.count == 3)
    #expect(results[0].hasPrefix("rejected 1 reason=refused code=10001"))
    #expect(results[1].hasPrefix("delivered 2"))
    #expect(results[2].hasPrefix("delivered 4"))
    // A front end said that, not the platform: the report stays.
    #expect(agent.log.contains("warning postponed reason=foreign-answer status=404 id=3"))
    #expect(try peer.requests().count { $0.path == "/auth" } == 2)
    #expect(try folder.run().log.contains("id=3"))
  }

  @Test func `the keys of TLS are in no file, and a token that the server repeats is in no line`()
    throws
  {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["client-id = real-token"])
    let keys = folder.url.appending(path: "keys.log").path
    let agent = try Program(
      agentProgram,
      ["--config", folder.configuration.path, "--once"],
      environment: ["SSLKEYLOGFILE": keys]
    )
    agent.finish("\(AgentFolder.topic)repeats\t[1]\n")
    agent.wait()
    #expect(agent.lines.last == "rejected 1 reason=refused code=10001 message=bad token …")
    #expect(!(agent.log + agent.output).contains("-token-1"), "\(agent.log)\(agent.output)")
    #expect(!FileManager.default.fileExists(atPath: keys))
  }

  @Test func `a wait that the platform asks for holds the topic, and is kept`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["retry = 1"])
    let agent = try folder.agent()
    agent.write("\(AgentFolder.topic)status-503-once\t[1]\n")
    #expect(agent.wait { $0.log.contains("warning postponed") })
    let start = ContinuousClock.now
    #expect(agent.wait { $0.lines.contains { $0.hasPrefix("delivered 1") } })
    // Retry-After: 7.
    #expect(ContinuousClock.now - start > .seconds(6))
    agent.finish()
    agent.wait()
    #expect(agent.status == 0)
  }

  @Test func `a server that cannot prove itself is told, and ends --once with 3`() throws {
    let peer = try HTTPSPeer(certificate: "expired")
    let folder = try AgentFolder(peer)
    let agent = try folder.run("[1]\n")
    #expect(agent.status == 3, "\(agent.log)")
    #expect(agent.log.contains("reason=expired (or the clock is wrong)"), "\(agent.log)")
    #expect(try peer.requests().isEmpty)
  }

  @Test func `a clock that is wrong by the server's Date is told once`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let agent = try folder.run((0..<3).map { _ in "\(AgentFolder.topic)late\t[1]\n" }.joined())
    #expect(agent.status == 0, "\(agent.log)")
    // Whether the kernel calls it synchronised or not.
    #expect(agent.log.components(separatedBy: "warning wrong-clock ahead=").count == 2)
  }

  @Test(arguments: [
    (["transport = mqtt"], ": transport takes https"),
    (["sign-method = hmacsha256"], ": sign-method takes hmacsha1|hmacmd5"),
    (["payload-limit = 131073"], ": payload-limit takes 1 to 131072 bytes"),
    (["outbox-bytes = 65536"], ": outbox-bytes is less than payload-limit and 1024 more"),
    (["on-request = /bin/true"], ": on-request is about messages of the platform"),
    (["keep-alive = 300"], ": keep-alive belongs to nbiot-agent-mqtt"),
    (["hint-command = /bin/true"], ": hint-command belongs to nbiot-agent,"),
    (["bananas = 1"], ": unknown key bananas"),
    (["endpoint = http://127.0.0.1"], ": endpoint"),
    (["endpoint = coaps://127.0.0.1"], ": endpoint: the scheme is not https"),
    (["endpoint = https://"], ": endpoint: no host"),
    (["ca-file = /dev/null"], "not a regular file: /dev/null"),
  ])
  func `a configuration with an error is refused with a word that says where`(
    lines: [String],
    words: String
  ) throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    try folder.configure(lines)
    let agent = try folder.run("", ["--check"])
    #expect(agent.status == 2)
    #expect(agent.log.contains(words), "\(agent.log)")
    try folder.configure(["endpoint = HTTPS://localhost:\(peer.port)/", "outbox-bytes = 132096"])
    #expect(try folder.run("", ["--check"]).status == 0)
  }

  @Test func `the example has each key once, and is good with every key uncommented`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let example = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../packaging/nbiot-agent-https.conf")
    var text = try String(contentsOf: example, encoding: .utf8)
    text = text.replacing(/(?m)^#(?=[a-z-]+ = )/, with: "")
    for (path, own) in [
      ("/etc/nbiot-agent/secret", folder.url.appending(path: "secret.txt").path),
      ("/etc/nbiot-agent/root.pem", peer.authorityFile),
      ("/run/nbiot-agent-https/reports", folder.url.appending(path: "reports").path),
      ("socket-group = nbiot", "socket-group = \(getegid())"),
    ] {
      text = text.replacing(path, with: own)
    }
    try Data(text.utf8).write(to: folder.configuration)
    let agent = try folder.run("", ["--check"])
    #expect(agent.status == 0 && agent.log == "", "\(agent.log)")
    let keys = text.matches(of: #/(?m)^([a-z-]+) = /#).map { String($0.1) }
    #expect(Set(keys) == Set(ConfigurationKey.allNames) && keys.count == Set(keys).count)
  }

  @Test func `a proxy that is not there is named, and so is what an empty command line lacks`()
    throws
  {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer, ["proxy = yes"])
    let agent = try Program(
      agentProgram,
      ["--config", folder.configuration.path, "--once"],
      environment: ["https_proxy": "http://127.0.0.1:1"]
    )
    agent.finish("[1]\n")
    agent.wait()
    #expect(agent.log.contains("reason=unreachable (or https_proxy)"), "\(agent.log)")
    let empty = try Program(agentProgram, [])
    empty.finish()
    empty.wait()
    #expect(empty.status == 2)
    #expect(empty.log.contains("out of place: --config FILE"), "\(empty.log)")
  }

  @Test func `counters are printed on SIGUSR1`() throws {
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(peer)
    let agent = try folder.agent()
    agent.write("[1]\n[2]\n")
    #expect(agent.wait { $0.lines.contains { $0.hasPrefix("delivered 2") } })
    agent.signal(SIGUSR1)
    #expect(agent.wait { $0.log.contains("info counters") })
    #expect(
      agent.log.contains(
        "info counters pending=0 accepted=2 delivered=2 rejected=0 given-up=0 expired=0 dropped=0"
          + " superseded=0 authentications=1 requests=3 disk-syncs="
      ),
      "\(agent.log)"
    )
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
  }
}
