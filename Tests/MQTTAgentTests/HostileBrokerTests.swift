// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "nbiot-agent-mqtt and nbiot listen with a broker that breaks MQTT 3.1.1 or the platform's rules",
  .serialized,
  .timeLimit(.minutes(10))
)
struct HostileBrokerTests {
  /// What a broker sends, whether it is a drop that is told of, and whether it ends the connection.
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    var reason: String?
    var isEnd = false
    var testDescription: String { name }
  }

  private static func alink(_ text: String) -> [UInt8] {
    publishPacket(Array(FakeBroker.topic.utf8), Array(text.utf8))
  }

  static let rows = [
    Row(
      name: "quality 2",
      bytes: publishPacket(Array("two".utf8), [1], quality: 2) + [0x62, 2, 0, 7],
      reason: "quality-2"
    ),
    Row(name: "wildcards", bytes: publishPacket(Array("/sys/#".utf8), [1]), reason: "bad-topic"),
    Row(
      name: "256 KB",
      bytes: publishPacket(Array("a".utf8), [UInt8](repeating: 1, count: 262_144)),
      reason: "too-long"
    ),
    Row(name: "no UTF-8", bytes: publishPacket([0x61, 0xFF, 0xFE], [1]), reason: "bad-topic"),
    Row(
      name: "an unsolicited PUBACK",
      bytes: [0x40, 2, 0x12, 0x34],
      reason: "unsolicited-puback"
    ),
    // The library passes over these without a word.
    Row(name: "an unsolicited SUBACK", bytes: [0x90, 3, 0x77, 0x77, 1]),
    Row(name: "an unsolicited PINGRESP", bytes: [0xD0, 0]),
    Row(
      name: "another topic",
      bytes: publishPacket(Array("/sys/other/device/thing/service/property/set".utf8), [1]),
      reason: "other-device"
    ),
    Row(name: "no JSON", bytes: alink("{"), reason: "unreadable"),
    Row(name: "no payload", bytes: alink(""), reason: "unreadable"),
    Row(
      name: "deep JSON",
      bytes: alink(String(repeating: "[", count: 30_000)),
      reason: "unreadable"
    ),
    Row(
      name: "an id that is no number",
      bytes: alink(
        #"{"id":"a\nb","version":"1.0","params":{},"method":"thing.service.property.set"}"#
      ),
      reason: "bad-id"
    ),
    Row(
      name: "another method",
      bytes: alink(#"{"id":"1","version":"1.0","params":{},"method":"thing.service.reboot"}"#),
      reason: "bad-method"
    ),
    Row(
      name: "a reply",
      bytes: publishPacket(Array((FakeBroker.topic + "_reply").utf8), [0x7B, 0x7D])
    ),
    Row(name: "a second CONNACK", bytes: [0x20, 2, 0, 5], reason: "malformed", isEnd: true),
    Row(
      name: "a topic beyond the packet",
      bytes: [0x30, 5, 0xFF, 0xFF, 1, 2, 3],
      reason: "malformed",
      isEnd: true
    ),
    Row(
      name: "a length of five bytes",
      bytes: [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
      reason: "malformed",
      isEnd: true
    ),
    Row(
      name: "a length of 268,435,455",
      bytes: publishPacket(Array("a".utf8), [1], length: 268_435_455),
      reason: "oversized",
      isEnd: true
    ),
    Row(
      name: "32 MB of a length of 268,435,455",
      bytes: publishPacket(
        Array("a".utf8),
        [UInt8](repeating: 1, count: 33_554_432),
        length: 268_435_455
      ),
      reason: "oversized",
      isEnd: true
    ),
  ]

  /// What the process has held at most, in KB.
  private func memory(of program: Program) -> Int {
    let path = "/proc/\(program.process.processIdentifier)/status"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.firstMatch(of: /VmHWM:\s+([0-9]+)/).flatMap { Int($0.1) } ?? 0
  }

  @Test(arguments: rows)
  func `the agent tells it or drops it, and is spoken to afterwards`(row: Row) throws {
    let broker = try FakeBroker(greeting: row.bytes)
    let device = try LonelyDevice(broker)
    let agent = try device.agent()
    // Where the connection ends, the next one brings the same: the agent rests and does not spin.
    if row.isEnd {
      let line = "warning disconnected reason=\(row.reason ?? "")"
      #expect(agent.wait { $0.log.contains(line) }, "\(agent.log)")
      #expect(agent.wait { _ in broker.connects > 2 })
      // It backs off: there is no other device.
      #expect(!agent.log.contains("kicked"), "\(agent.log)")
    } else {
      #expect(agent.wait { _ in broker.greetings == 1 })
      broker.send(FakeBroker.request(5))
      #expect(agent.wait { $0.output.contains("\"id\":\"5\"") }, "\(agent.log)")
      if let reason = row.reason {
        #expect(agent.wait { $0.log.contains("reason=\(reason)") }, "\(agent.log)")
      }
      #expect(broker.connects == 1)
    }
    #expect(memory(of: agent) < 40_000)
    // Reports go on.
    if !row.isEnd {
      agent.write("{\"after\":1}\n")
      #expect(agent.wait { $0.output.contains("delivered 1") }, "\(agent.log)")
    }
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0, "\(agent.log)")
  }

  @Test(arguments: rows)
  func `nbiot listen tells it or drops it, and goes on`(row: Row) throws {
    let broker = try FakeBroker(greeting: row.bytes)
    let device = try LonelyDevice(broker)
    let listener = try device.listener(broker, ["--reply", "200"])
    if row.isEnd {
      #expect(listener.wait { _ in broker.connects > 1 }, "\(listener.log)")
    } else {
      #expect(listener.wait { _ in broker.greetings == 1 })
      broker.send(FakeBroker.request(5))
      #expect(listener.wait { $0.output.contains("property/set") }, "\(listener.log)")
      if row.reason != nil {
        #expect(listener.wait { $0.log.contains("warning: ") }, "\(listener.log)")
      }
      #expect(listener.wait { _ in broker.published.contains { $0.contains("\"id\":\"5\"") } })
    }
    listener.signal(SIGINT)
    listener.wait()
  }

  @Test func `refused subscriptions are told, each of them, and that nothing will come`() throws {
    let broker = try FakeBroker(grants: false)
    let device = try LonelyDevice(broker)
    let listener = try device.listener(broker, ["--max-wait", "2", "--subscribe", "/a/b"])
    listener.wait()
    #expect(listener.status == 3, "\(listener.log)")
    #expect(listener.log.contains("nbiot: the platform refuses every subscription"))
    let warnings = listener.log.split(separator: "\n").filter {
      $0.hasPrefix("warning: the platform refuses the subscription to /")
    }
    #expect(Set(warnings).count == 16 && warnings.count == 16, "\(listener.log)")
    #expect(warnings.contains { $0.hasSuffix(" /a/b") })
    let agent = try device.agent()
    #expect(agent.wait { $0.log.matches(of: /refused filter=/).count == 15 }, "\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
  }

  @Test func `half a packet and silence: a dead connection is found, and made anew`() throws {
    let whole = FakeBroker.request(6)
    // No PINGRESP either: the library waits for the rest of the packet.
    let broker = try FakeBroker(greeting: Array(whole.prefix(whole.count - 5)))
    let device = try LonelyDevice(broker, ["keep-alive = 30"])
    let agent = try device.agent()
    #expect(agent.wait { $0.log.contains("info connected") })
    agent.write("{\"a\":1}\n")
    // The report's PUBACK is taken for the rest of the packet, which is then no message; where it comes too early for
    // that, the report is given a minute.
    #expect(
      agent.wait { _ in broker.connects > 1 } || agent.wait { _ in broker.connects > 1 },
      "\(agent.log)"
    )
    #expect(agent.wait { $0.output.contains("delivered 1") }, "\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
  }

  /// The owner tries again after a second: that is sooner than the connection is made anew.
  @Test(arguments: [false, true])
  func `a topic at whose reports the broker closes waits, and the others go on`(
    breaks: Bool
  ) throws {
    let broker = try FakeBroker(poison: "/user/bad", breaks: breaks)
    let device = try LonelyDevice(broker)
    let agent = try device.agent()
    #expect(agent.wait { $0.log.contains("info connected") })
    let bad = "/\(World.device)/user/bad"
    agent.write("\(bad)\t{\"a\":1}\n")
    for number in 1...3 { agent.write("{\"good\":\(number)}\n") }
    for id in 2...4 {
      #expect(agent.wait { $0.output.contains("delivered \(id)\n") }, "\(agent.log)")
    }
    #expect(!agent.log.contains("kicked"), "\(agent.log)")
    #expect(broker.poisoned > 0 && broker.poisoned <= 3, "\(agent.log)")
    agent.signal(SIGTERM)
    agent.wait()
  }

  @Test(
    arguments: [("/sys/#", "bad-topic"), ("/sys/other/device/thing/service/x", "other-device")]
  )
  func `drops of a burst are told in a line a second, with their number`(
    topic: String,
    reason: String
  ) throws {
    let burst = (0..<1_000).flatMap { _ in publishPacket(Array(topic.utf8), [1]) }
    let broker = try FakeBroker(greeting: burst)
    let device = try LonelyDevice(broker)
    let agent = try device.agent()
    func counts() -> [Int] {
      // The first one of what was looked at has its topic in place of a number.
      agent.log.matches(of: /message-dropped reason=([a-z-]+) (topic|count)=([^\n]+)\n/)
        .filter { $0.1 == reason }
        .map { Int($0.3) ?? 1 }
    }
    #expect(agent.wait { _ in counts().reduce(0, +) == 1_000 }, "\(agent.log)")
    #expect(counts().count < 10)
    agent.signal(SIGTERM)
    agent.wait()
  }

  @Test func `a flood of requests is answered with 429, in bounded memory`() throws {
    let flood = (1...2_000).flatMap { FakeBroker.request($0) }
    let broker = try FakeBroker(greeting: flood)
    let device = try LonelyDevice(broker)
    let agent = try device.agent()
    #expect(agent.wait { _ in broker.published.contains { $0.contains("\"code\":429") } })
    // All have been read once a report is through.
    agent.write("{\"after\":1}\n")
    #expect(agent.wait { $0.output.contains("delivered 1") }, "\(agent.log)")
    #expect(memory(of: agent) < 40_000)
    // 16 wait for their answer; the refusals of the others are told in a line a second.
    func refused() -> [Int] {
      counts(of: /request-refused [a-z0-9= -]*?(topic|count)=([^\n]+)\n/, agent)
    }
    #expect(agent.wait { _ in refused().reduce(0, +) == 1_984 }, "\(agent.log)")
    #expect(refused().count < 10)
    let id = try agent.capture(/request ([0-9]+)\s/)
    agent.write("reply \(id) 200\n")
    #expect(agent.wait { $0.output.contains("replied \(id)\n") }, "\(agent.output.suffix(300))")
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
  }

  /// What lines say of how many: 1 where there is a topic.
  private func counts(
    of line: Regex<(Substring, Substring, Substring)>,
    _ program: Program
  ) -> [Int] {
    program.log.matches(of: line).map { Int($0.2) ?? 1 }
  }

  @Test func `nbiot listen tells of a flood in a few lines`() throws {
    let flood = (1...2_000).flatMap { FakeBroker.request($0) }
    let broker = try FakeBroker(greeting: flood)
    let device = try LonelyDevice(broker)
    let listener = try device.listener(broker, ["--exec", "sleep 30"])
    #expect(listener.wait { $0.log.contains(" more messages were refused or dropped; ") })
    broker.send(FakeBroker.request(5_000))
    #expect(listener.wait { _ in broker.published.contains { $0.contains("\"id\":\"5000\"") } })
    let lines = listener.log.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    #expect(lines.count < 40, "\(listener.log)")
    listener.signal(SIGINT)
    listener.wait()
  }

  @Test func `a WebSocket that is closed at our DISCONNECT has ended in order`() throws {
    let lines = ["tls = no", "websocket = yes"]
    let broker = try FakeBroker(isWebSocket: true)
    let device = try LonelyDevice(port: broker.port, lines)
    let once = try device.agent()
    once.write("{\"a\":1}\n")
    #expect(once.wait { $0.output.contains("delivered 1\n") }, "\(once.log)")
    once.signal(SIGTERM)
    once.wait()
    #expect(once.status == 0 && !once.log.contains("disconnected"), "\(once.log)")
    let publish = try device.command(
      [
        "publish", "--transport", "mqtt", "--websocket", "--topic", "/\(World.device)/user/update",
        "--payload", "{}",
      ],
      broker
    )
    publish.wait()
    #expect(publish.status == 0 && !publish.log.contains("closed"), "\(publish.log)")
    #expect(broker.connects == 2)
  }
}
