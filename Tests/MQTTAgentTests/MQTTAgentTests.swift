// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The agent over MQTT, with the simulator over TLS (device guide 4 to 6)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(10))
)
struct MQTTAgentTests {
  /// A row of what the platform sends.
  struct Row: Sendable, CustomTestStringConvertible {
    let kind: String
    var options: [String] = []
    /// What the line begins with, and how its topic ends.
    let word: String
    let topic: String
    /// What is replied; nothing where no reply is due.
    var reply: String?
    var testDescription: String { "\(kind) \(options.joined(separator: " "))" }
  }

  static let rows = [
    Row(
      kind: "property-set",
      options: ["--params", #"{"power":"on"}"#],
      word: "request",
      topic: "thing/service/property/set",
      reply: "200"
    ),
    Row(
      kind: "desired",
      options: ["--params", #"{"power":"off"}"#],
      word: "request",
      topic: "thing/service/property/set",
      reply: "200"
    ),
    Row(
      kind: "property-get",
      options: ["--params", #"["power"]"#],
      word: "request",
      topic: "thing/service/property/get",
      reply: #"200 {"power":"on"}"#
    ),
    Row(
      kind: "service",
      options: ["--service", "reboot", "--params", #"{"delay":5}"#],
      word: "request",
      topic: "thing/service/reboot",
      reply: #"200 {"done":true}"#
    ),
    Row(
      kind: "service",
      options: ["--service", "reboot", "--params", #"{"delay":5}"#, "--synchronous"],
      word: "request",
      topic: "rrpc/request/[0-9]+",
      reply: "200 {}"
    ),
    Row(
      kind: "rrpc",
      options: ["--payload", "ping"],
      word: "request",
      topic: "rrpc/request/[0-9]+",
      reply: "hex=706f6e67"
    ),
    Row(
      kind: "rrpc",
      options: ["--payload", "ping", "--topic", "/a1B2c3D4e5F/device1/user/get"],
      word: "request",
      topic: "/ext/rrpc/[0-9]+/a1B2c3D4e5F/device1/user/get",
      reply: "hex=706f6e67"
    ),
    Row(
      kind: "raw",
      options: ["--hex", "0200ff"],
      word: "request",
      topic: "thing/model/down_raw",
      reply: "hex=00ff"
    ),
    Row(
      kind: "firmware",
      options: [
        "--firmware-version", "2.0.0", "--size", "5", "--url", "https://example.com/a", "--md5",
        "93230c3bde425a9d7984a594ac55ea1e",
      ],
      word: "firmware start",
      topic: "/ota/device/upgrade/a1B2c3D4e5F/device1"
    ),
    Row(
      kind: "config",
      options: [
        "--url", "https://example.com/c", "--size", "5", "--sha256",
        String(repeating: "a", count: 64),
      ],
      word: "notice",
      topic: "thing/config/push"
    ),
    Row(
      kind: "sub-config",
      options: [
        "--params",
        #"{"digest":"\#(String(repeating: "a", count: 64))","url":"https://example.com/s"}"#,
      ],
      word: "notice",
      topic: "thing/model/config/push"
    ),
    Row(
      kind: "topo-notify",
      options: ["--params", #"[{"deviceName":"sub1","productKey":"a1B2c3D4e5F"}]"#],
      word: "notice",
      topic: "thing/topo/add/notify"
    ),
    Row(kind: "disable", word: "notice", topic: "thing/disable"),
    Row(kind: "enable", word: "notice", topic: "thing/enable"),
    Row(kind: "delete", word: "notice", topic: "thing/delete"),
    Row(
      kind: "error",
      options: ["--code", "520"],
      word: "notice",
      topic: "/ext/error/a1B2c3D4e5F/device1"
    ),
  ]

  @Test(arguments: rows)
  func `each row is told, and answered by a line`(row: Row) throws {
    let world = try World()
    let agent = try world.connectedAgent()
    let push = try world.push(row.kind, row.options)
    let topic = row.topic.hasPrefix("/") ? row.topic : "/sys/\(World.device)/\(row.topic)"
    if let reply = row.reply {
      let pattern = try Regex("\(row.word) ([0-9]+) \(topic) ", as: (Substring, Substring).self)
      let id = try agent.capture(pattern)
      agent.write("reply \(id) \(reply)\nreply \(id) \(reply)\n")
      #expect(agent.wait { $0.output.contains("replied \(id)\nrefused 2 answered\n") })
    } else {
      #expect(agent.wait { $0.output.contains("\(row.word) \(topic) {") }, "\(agent.output)")
    }
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
    world.stop()
  }

  @Test func `what nobody answers in time is answered with 400, and a late reply is refused`()
    throws
  {
    let world = try World()
    try world.configure(["answer-time = 1"])
    let agent = try world.connectedAgent()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try agent.capture(/request ([0-9]+)/)
    push.wait()
    #expect(push.status == 1 && push.output.contains("400"), "\(push.output)")
    agent.write("reply \(id) 200\nreply 1 200\nreply\t\nreply \(id)\nreply \(id) 201\n")
    #expect(agent.wait { $0.output.contains("refused 2 no-request\n") })
    #expect(agent.wait { $0.output.contains("refused 1 late\n") }, "\(agent.output)")
    #expect(agent.wait { $0.output.contains("refused 4 bad-reply\nrefused 5 bad-code\n") })
    #expect(agent.log.contains("warning request-unanswered id=\(id)"))
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test(arguments: [
    ("cat > /dev/null; echo '{\"power\":1}'", "200"), ("exit 1", "400"), ("exit 65", "460"),
    ("exit 75", "429"), ("exit 128", "400"), ("echo no-object", "400"), ("kill -9 $$", "400"),
    ("/usr/bin/head -c 9000 /dev/zero", "400"), ("exec /bin/sleep 60", "400"),
  ])
  func `a command answers by what it prints and its exit status`(text: String, code: String) throws
  {
    let world = try World()
    let command = try world.command(text)
    // The time is short for the one that is too slow alone.
    let time = text.contains("sleep") ? 2 : 30
    try world.configure(["answer-time = \(time)", "on-request = \(command)"])
    let agent = try world.connectedAgent()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#, "--wait", "60"])
    push.wait()
    #expect(push.output.contains("\"code\":\(code)"), "\(push.output)\(push.log)\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `a command gets topic and payload, and answers bytes with bytes`() throws {
    let world = try World()
    let file = world.folder.appending(path: "seen").path
    let command = try world.command(
      "{ echo \"$NBIOT_TOPIC $NBIOT_REQUEST\"; /bin/cat; } > \(file); printf pong"
    )
    try world.configure(["on-request = \(command)"])
    let agent = try world.connectedAgent()
    let push = try world.push("rrpc", ["--payload", "ping"])
    push.wait()
    #expect(push.status == 0 && push.output.contains("pong"), "\(push.output)\(agent.log)")
    let id = try agent.capture(/request ([0-9]+)/)
    let seen = try String(contentsOfFile: file, encoding: .utf8)
    #expect(seen.hasPrefix("/sys/\(World.device)/rrpc/request/"))
    #expect(seen.hasSuffix(" \(id)\nping"), "\(seen)")
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `a command gets no descriptor but the standard ones`() throws {
    let world = try World()
    let file = world.folder.appending(path: "seen").path
    let command = try world.command(
      "for file in /proc/$$/fd/*; do test -e $file && echo $file $(/bin/readlink $file); done > \(file); echo {}"
    )
    try world.configure(["on-request = \(command)"])
    let agent = try world.connectedAgent()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    push.wait()
    #expect(push.status == 0, "\(push.output)\(agent.log)")
    try expectStandardOnly(file)
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `SIGHUP leaves no connection behind`() throws {
    let world = try World()
    let agent = try world.connectedAgent()
    let folder = "/proc/\(agent.process.processIdentifier)/fd"
    func sockets() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
        let file = "\(folder)/\(name)"
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: file)
        return target?.hasPrefix("socket:") ?? false
      }
    }
    let before = try sockets()
    for count in 2...4 {
      agent.signal(SIGHUP)
      #expect(
        agent.wait { $0.log.components(separatedBy: "info connected").count > count },
        "\(agent.log)"
      )
    }
    #expect(try sockets() <= before)
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `after each connect it tells what it was asked to`() throws {
    let world = try World()
    try world.configure(["firmware-version = 1.0.0", "desired = power,level"])
    let agent = try world.connectedAgent()
    let wanted = [
      #"PUBLISH /ota/device/inform/\#(World.device) qos 1"#, #""version":"1.0.0""#,
      #""params":["power","level"]"#,
    ]
    #expect(world.simulator.wait { program in wanted.allSatisfy { program.output.contains($0) } })
    #expect(agent.wait { $0.output.contains("notice /sys/\(World.device)/thing/property/desired") })
    // The version that runs is none to fetch, and one is not started twice.
    func firmware(_ version: String) throws {
      let push = try world.push(
        "firmware",
        [
          "--firmware-version", version, "--size", "5", "--url", "https://example.com/a", "--md5",
          "93230c3bde425a9d7984a594ac55ea1e",
        ]
      )
      push.wait()
    }
    try firmware("1.0.0")
    #expect(agent.wait { $0.output.contains("firmware already-installed ") })
    try firmware("2.0.0")
    #expect(agent.wait { $0.output.contains("firmware start ") })
    try firmware("2.0.0")
    #expect(agent.wait { $0.output.contains("firmware already-running ") })
    agent.write("firmware done\n")
    #expect(agent.wait { $0.output.contains("replied firmware\n") })
    try firmware("2.0.0")
    #expect(agent.wait { $0.output.contains("firmware waits-for-restart ") })
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `a kick is told, and not answered by coming straight back`() throws {
    let world = try World()
    try world.configure(["notices = yes"])
    let agent = try world.connectedAgent()
    #expect(try world.broker("kick").status == 0)
    #expect(agent.wait { $0.log.contains(/warning kicked wait=[0-9]{4}\n/) }, "\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.log.components(separatedBy: "info connected").count == 2)
    world.stop()
  }

  @Test(arguments: [true, false])
  func `two agents with one identity connect four times at most, and the loser says why`(
    hearsNotices: Bool
  ) throws {
    let world = try World()
    try world.configure(["notices = \(hearsNotices ? "yes" : "no")"])
    let first = try world.agent()
    #expect(first.wait { $0.log.contains("info connected") })
    let twin = try world.twin()
    let agents = [first, twin]
    // By the platform's word, or because a second connection within the hour was closed.
    let words =
      hearsNotices ? "warning kicked wait=" : "warning kicked reason=closed-twice wait="
    func connections() -> Int {
      agents.reduce(0) { $0 + $1.log.components(separatedBy: "info connected").count - 1 }
    }
    #expect(first.wait { _ in agents.contains { $0.log.contains(words) } }, "\(first.log)")
    let loser = try #require(agents.first { $0.log.contains(words) })
    let pattern = try Regex("\(words)([0-9]+)\n", as: (Substring, Substring).self)
    let wait = try #require(loser.log.firstMatch(of: pattern).flatMap { Int($0.1) })
    #expect(wait >= (hearsNotices ? 1_800 : 3_500), "\(loser.log)")
    // The other one stays, and is spoken to.
    let winner = try #require(agents.first { $0 !== loser })
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try winner.capture(/request ([0-9]+)/)
    winner.write("reply \(id) 200\n")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    #expect(connections() <= (hearsNotices ? 2 : 4), "\(first.log)\(twin.log)")
    for agent in agents {
      agent.signal(SIGTERM)
      agent.wait()
    }
    world.stop()
  }

  @Test func `a refusal is told with its number and both readings, and ends with 3`() throws {
    let world = try World()
    let secret = world.folder.appending(path: "secret.txt")
    try Data("another\n".utf8).write(to: secret)
    let agent = try world.agent(["--once"])
    agent.write("{}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 3, "\(agent.log)")
    #expect(
      agent.log.contains(
        "warning connection-refused connack=4 standard=user-or-password sdk=server-unavailable\n"
      )
    )
    world.stop()
  }

  @Test(arguments: ["yes", "no"])
  func `a report that its reply refuses is rejected`(replies: String) throws {
    let world = try World()
    try world.configure(["replies = \(replies)"])
    let agent = try world.agent(["--once"])
    let topic = "/sys/\(World.device)/thing/event/property/post"
    let method = #""version":"1.0","method":"thing.event.property.post""#
    agent.write("\(topic)\t{\"id\":\"7\",\(method),\"params\":5}\n")
    agent.write("\(topic)\t{\"id\":\"8\",\(method),\"params\":{\"power\":{\"value\":\"on\"}}}\n")
    agent.endInput()
    agent.wait()
    let first = replies == "yes" ? "rejected 1 reply=460" : "delivered 1"
    #expect(
      Set(agent.lines) == ["accepted 1", "accepted 2", first, "delivered 2"],
      "\(agent.output)\(agent.log)"
    )
    #expect(agent.status == (replies == "yes" ? 1 : 0))
    world.stop()
  }

  @Test func `each line is delivered by a run with --once`() throws {
    let world = try World()
    let agent = try world.agent(["--once"])
    agent.write("{\"a\":1}\n/\(World.device)/user/update\t{\"a\":2}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0, "\(agent.log)")
    #expect(Set(agent.lines) == ["accepted 1", "accepted 2", "delivered 1", "delivered 2"])
    world.stop()
    #expect(world.simulator.output.contains("/user/update qos 1 {\"a\":2} -> PUBACK"))
  }
}
