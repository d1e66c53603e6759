// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite("Replies to nbiot-agent-mqtt among reports that wait", .serialized, .timeLimit(.minutes(15)))
struct WaitingAnswerTests {
  /// A line of a report so long that four fill the smallest outbox.
  private static let long = #"{"n":"\#(String(repeating: "x", count: 900))"}"# + "\n"

  /// An agent whose outbox is full and stays so, with a request that waits for its reply; its number.
  private func fullAgent(
    _ broker: FakeBroker,
    _ device: LonelyDevice
  ) throws -> (agent: Program, request: String) {
    let agent = try device.agent()
    for _ in 0..<10 { agent.write(Self.long) }
    // As many are accepted as there is room for; the others wait in the input.
    #expect(agent.wait { $0.output.contains("accepted 2\n") }, "\(agent.log)")
    #expect(agent.wait { _ in broker.greetings > 0 })
    broker.send(FakeBroker.request(5))
    let request = try agent.capture(/request ([0-9]+)\s/)
    #expect(!agent.output.contains("accepted 10\n"))
    return (agent, request)
  }

  @Test func `a reply on standard input does not wait for the reports before it`() throws {
    let broker = try FakeBroker(acknowledges: false)
    let device = try LonelyDevice(broker, ["outbox-bytes = 4096"])
    let agent = try device.agent()
    for _ in 0..<5 { agent.write(Self.long) }
    #expect(agent.wait { $0.output.contains("accepted 2\n") }, "\(agent.log)")
    #expect(agent.wait { _ in broker.greetings > 0 })
    broker.send(FakeBroker.request(5))
    let request = try agent.capture(/request ([0-9]+)\s/)
    #expect(!agent.output.contains("accepted 5\n"))
    agent.write("reply \(request) 201\nfirmware done\nreply \(request) 200\n")
    #expect(agent.wait { $0.output.contains("replied \(request)\n") }, "\(agent.output)")
    // The numbers are those of the lines, and later lines keep theirs.
    #expect(agent.output.contains("refused 6 bad-code\nrefused 7 no-firmware\n"), "\(agent.output)")
    #expect(agent.wait { _ in broker.published.contains { $0.contains("\"code\":200") } })
    #expect(!agent.output.contains("accepted 5\n"))
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
  }

  @Test func `lines behind a reply that was taken early keep their numbers, and none is lost`()
    throws
  {
    let broker = try FakeBroker(acknowledges: false)
    let device = try LonelyDevice(broker, ["outbox-bytes = 4096"])
    let agent = try device.agent()
    for _ in 0..<4 { agent.write(Self.long) }
    #expect(agent.wait { $0.output.contains("accepted 2\n") }, "\(agent.log)")
    agent.write("reply 7 200\npriority=9\t{}\n{\"last\":1}\n")
    #expect(agent.wait { $0.output.contains("refused 5 no-request\n") }, "\(agent.output)")
    #expect(!agent.output.contains("refused 6"))
    broker.acknowledgeAll()
    #expect(agent.wait { $0.output.contains("accepted 5\n") }, "\(agent.output)\(agent.log)")
    #expect(agent.output.contains("refused 6 "), "\(agent.output)")
    agent.signal(SIGTERM)
    agent.wait()
  }

  @Test func `a mistyped answer is refused with its reason, and is no report`() throws {
    let broker = try FakeBroker()
    let device = try LonelyDevice(broker)
    let agent = try device.agent(["--once"])
    agent.write(
      "reply\nreply \nreply 5\nreply five 200\nfirmware\nfirmware finished\nfirmware done now\nfirmware  done\n"
        + "reply\t5 200\nreply: ok\n"
    )
    agent.endInput()
    agent.wait()
    for number in 1...4 { #expect(agent.lines.contains("refused \(number) bad-reply")) }
    for number in 5...8 { #expect(agent.lines.contains("refused \(number) bad-firmware")) }
    #expect(agent.lines.contains("refused 9 bad-option"))
    // Text that only looks like it is a report.
    #expect(broker.published == ["reply: ok"], "\(agent.output)")
    #expect(agent.lines.contains("delivered 1"))
    #expect(agent.status == 1, "\(agent.output)\(agent.log)")
  }

  @Test func `a report that was not sent is not said to lack an acknowledgement`() throws {
    let device = try LonelyDevice(port: 1, ["tls = no"])
    let agent = try device.agent(["--once"])
    agent.write("{}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.log.contains("warning postponed reason=not-sent id=1"), "\(agent.log)")
    #expect(agent.status == 4)
  }

  @Test func `a refused reply is no lost report, and changes no exit status`() throws {
    let broker = try FakeBroker()
    let device = try LonelyDevice(broker)
    let agent = try device.agent(["--once"])
    agent.write("reply 7 200\n{}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.lines.contains("refused 1 no-request") && agent.lines.contains("delivered 1"))
    #expect(agent.status == 0, "\(agent.output)\(agent.log)")
  }

  @Test(arguments: [true, false])
  func `with --once a kick counts where something is left`(isLeft: Bool) throws {
    let notice = Array(#"{"title":"kick","content":"Kicked by the same device"}"#.utf8)
    let broker = try FakeBroker(acknowledges: !isLeft)
    let device = try LonelyDevice(broker, ["notices = yes"])
    let agent = try device.agent(["--once"])
    agent.write("{}\n")
    #expect(agent.wait { _ in broker.published.count == 1 }, "\(agent.log)")
    if !isLeft { #expect(agent.wait { $0.output.contains("delivered 1\n") }) }
    broker.kick(notice)
    #expect(agent.wait { $0.log.contains("warning kicked wait=") }, "\(agent.log)")
    agent.endInput()
    agent.wait()
    #expect(agent.status == (isLeft ? 7 : 0), "\(agent.output)\(agent.log)")
  }

  @Test func `a reply by datagram does not wait for room either`() throws {
    let broker = try FakeBroker(acknowledges: false)
    let folder = URL.temporaryDirectory.appending(path: "nbiot-\(UUID().uuidString.prefix(8))").path
    let device = try LonelyDevice(broker, ["outbox-bytes = 4096", "socket = \(folder)"])
    let (agent, request) = try fullAgent(broker, device)
    let send = try device.agent(["--send", "reply \(request) 200"])
    send.wait()
    #expect(send.output == "replied \(request)\n" && send.status == 0, "\(send.output)\(send.log)")
    agent.signal(SIGTERM)
    agent.wait()
  }
}
