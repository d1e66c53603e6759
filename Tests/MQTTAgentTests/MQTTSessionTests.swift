// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The agent over each transport, over restarts, and beside other programs (device guide 3.1, 3.3, 4, 6.5)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(10))
)
struct MQTTSessionTests {
  private let firmware = [
    "--firmware-version", "2.0.0", "--size", "5", "--url", "https://example.com/a", "--md5",
    "93230c3bde425a9d7984a594ac55ea1e",
  ]

  @Test(arguments: ["mqtt", "ws", "wss"])
  func `reports and requests go over each transport`(transport: String) throws {
    let world = try World(transport)
    try world.configure(["in-flight = 16"])
    let agent = try world.connectedAgent()
    agent.write((1...40).map { "{\"value\":\($0)}\n" }.joined())
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try agent.capture(#/request ([0-9]+) /#)
    agent.write("reply \(id) 200\n")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    #expect(agent.wait { $0.output.contains("delivered 40\n") }, "\(agent.output)\(agent.log)")
    let isPlain = transport == "mqtt" || transport == "ws"
    #expect(agent.log.contains("warning not-encrypted tls=no") == isPlain)
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
    // Those of one topic in their order, however many are under way.
    let values = world.simulator.output.matches(of: /user\/update qos 1 \{"value":([0-9]+)\}/)
    #expect(values.map { Int($0.1) } == Array(1...40))
  }

  @Test func `with clean-session = no what is sent meanwhile comes after a restart`() throws {
    let world = try World()
    try world.configure(["clean-session = no"])
    let first = try world.connectedAgent()
    first.signal(SIGTERM)
    first.wait()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#, "--wait", "60"])
    #expect(world.simulator.wait { $0.output.contains("thing/service/property/set") })
    let second = try world.agent()
    let id = try second.capture(#/request ([0-9]+) /#)
    second.write("reply \(id) 200\n")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(second.log)")
    second.signal(SIGTERM)
    second.wait()
    world.stop()
  }

  @Test func `a program replies by datagram, once`() throws {
    let world = try World()
    try world.configure(["socket = \(world.folder.appending(path: "socket").path)"])
    let agent = try world.connectedAgent()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try agent.capture(#/request ([0-9]+) /#)
    for (status, words) in [(Int32(0), "replied \(id)"), (1, "refused 0 answered")] {
      let program = try world.agent(["--send", "reply \(id) 200 {}"])
      program.wait()
      #expect(program.status == status && program.lines == [words], "\(program.output)")
    }
    push.wait()
    #expect(push.status == 0, "\(push.output)")
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }

  @Test func `a firmware is not started twice, whenever the agent was killed`() throws {
    let world = try World()
    try world.configure(["firmware-version = 1.0.0"])
    /// Starts an agent, pushes the firmware, and gives what is decided.
    func decision(_ lines: String = "", _ options: [String]? = nil) throws -> (String, Program) {
      let agent = try world.connectedAgent()
      agent.write(lines)
      let answers = lines.split(separator: "\n").count
      #expect(agent.wait { $0.output.components(separatedBy: "\n").count > answers })
      let push = try world.push("firmware", options ?? firmware)
      push.wait()
      return (try agent.capture(#/firmware ([a-z-]+) /#), agent)
    }
    func kill(_ agent: Program) {
      agent.signal(SIGKILL)
      agent.wait()
    }
    let (first, started) = try decision()
    kill(started)
    let (second, resumed) = try decision()
    kill(resumed)
    #expect([first, second] == ["start", "resume"])
    // What was started has ended while no agent ran.
    let (third, done) = try decision("firmware done\n")
    #expect(
      third == "waits-for-restart" && done.lines.contains("replied firmware"),
      "\(done.output)"
    )
    kill(done)
    let (fourth, waiting) = try decision()
    kill(waiting)
    #expect(fourth == "waits-for-restart")
    // The device came up with its former version: that is a failure, and the next push another try.
    let (fifth, failed) = try decision("firmware failed\n")
    kill(failed)
    #expect(fifth == "start")
    let damaged = world.folder.appending(path: "state/firmware")
    var bytes = try Data(contentsOf: damaged)
    bytes[5] ^= 1
    try bytes.write(to: damaged)
    let (sixth, last) = try decision()
    kill(last)
    #expect(sixth == "start")
    world.stop()
  }

  @Test func `what the thing model forbids is answered with 460 and not told`() throws {
    let world = try World()
    let model = world.folder.appending(path: "model.json")
    try Data(
      #"{"properties":[{"identifier":"power","accessMode":"rw","dataType":{"type":"text","specs":{"length":"16"}}}]}"#
        .utf8
    ).write(to: model)
    try world.configure(["thing-model = \(model.path)"])
    let agent = try world.connectedAgent()
    let wrong = try world.push("property-set", ["--params", #"{"power":1}"#])
    wrong.wait()
    #expect(wrong.output.contains("460"), "\(wrong.output)")
    #expect(
      agent.wait { $0.log.contains("warning request-refused code=460 reason=not-of-the-model") }
    )
    let right = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try agent.capture(#/request ([0-9]+) /#)
    agent.write("reply \(id) 200\n")
    right.wait()
    #expect(right.status == 0)
    #expect(agent.output.matches(of: #/request /#).count == 1)
    agent.signal(SIGTERM)
    agent.wait()
    world.stop()
  }
}
