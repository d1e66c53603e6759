// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The gateway's agent authenticates over HTTPS (device guide 3.2)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(15))
)
struct TokenAuthenticationTests {
  private func world(_ lines: [String] = []) throws -> World {
    let world = try World(hasHTTPS: true)
    try world.configure(
      ["authentication = https", "auth-endpoint = 127.0.0.1:\(world.httpsPort)"] + lines
    )
    return world
  }

  private func authentications(_ world: World) -> Int {
    world.simulator.output.components(separatedBy: "/auth/devicename").count - 1
  }

  private func mode(_ file: URL) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
  }

  @Test func `reports and requests go over a connection with a token, which a restart keeps`()
    throws
  {
    let world = try world(["retry = 1", "retry-limit = 1"])
    let first = try world.connectedAgent()
    first.write("{\"value\":1}\n")
    #expect(first.wait { $0.output.contains("delivered 1\n") }, "\(first.output)\(first.log)")
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try first.capture(#/request ([0-9]+) /#)
    first.write("reply \(id) 200\n")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    first.signal(SIGKILL)
    first.wait()
    #expect(authentications(world) == 1, "\(world.simulator.output)")
    #expect(try mode(world.folder.appending(path: "state/session")) == 0o600)
    let second = try world.connectedAgent()
    second.write("{\"value\":2}\n")
    #expect(second.wait { $0.output.contains("delivered 2\n") }, "\(second.output)\(second.log)")
    second.signal(SIGTERM)
    second.wait()
    #expect(authentications(world) == 1, "\(world.simulator.output)")
    // The token stands in no line.
    let session = try Data(contentsOf: world.folder.appending(path: "state/session"))
    let texts = session.split { $0 < 0x21 || $0 > 0x7E }.map { String(decoding: $0, as: UTF8.self) }
    let token = try #require(texts.max { $0.count < $1.count })
    #expect(token.count >= 16)
    for text in [first.log, first.output, second.log, second.output] {
      #expect(!text.contains(token))
    }
    world.stop()
  }

  @Test func `a token that the platform forgot is refused with CONNACK 3, and replaced once`()
    throws
  {
    let world = try world(["retry = 1", "retry-limit = 1"])
    let first = try world.connectedAgent()
    first.signal(SIGTERM)
    first.wait()
    #expect(authentications(world) == 1)
    let forget = try Program("nbiot", ["fault", "add", "forget", "--at", world.control])
    forget.wait()
    #expect(forget.status == 0, "\(forget.output)\(forget.log)")
    let second = try world.connectedAgent()
    second.write("{\"value\":2}\n")
    #expect(second.wait { $0.output.contains("delivered 1\n") }, "\(second.output)\(second.log)")
    #expect(!second.log.contains("connection-refused"), "\(second.log)")
    let refusals = world.simulator.output.components(separatedBy: "-> CONNACK 3").count - 1
    #expect(refusals == 1, "\(world.simulator.output)")
    #expect(authentications(world) == 2, "\(world.simulator.output)")
    second.signal(SIGTERM)
    second.wait()
    world.stop()
  }

  @Test func `a wrong secret ends with the platform's code, and status 3 with --once`() throws {
    let world = try world()
    let secret = world.folder.appending(path: "other.txt")
    try writeSecret("0123456789abcdef0123456789abcdee\n", to: secret)
    let text = try String(contentsOf: world.configuration, encoding: .utf8)
    try Data(text.replacing("secret.txt", with: "other.txt").utf8).write(to: world.configuration)
    let agent = try world.agent(["--once"])
    agent.write("{\"value\":1}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 3, "\(agent.output)\(agent.log)")
    #expect(agent.log.contains("warning no-link reason=authentication code="), "\(agent.log)")
    world.stop()
  }

  @Test func `nobody at the other end is told as that, and kept is what was accepted`() throws {
    let world = try World(hasHTTPS: true)
    try world.configure(["authentication = https", "auth-endpoint = 127.0.0.1:1"])
    let agent = try world.agent(["--once"])
    agent.write("{\"value\":1}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 4, "\(agent.output)\(agent.log)")
    #expect(
      agent.log.contains("warning no-link reason=authentication unreachable"),
      "\(agent.log)"
    )
    world.stop()
  }
}
