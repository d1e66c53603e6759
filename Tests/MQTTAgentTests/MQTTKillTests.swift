import Foundation
import TestSupport
import Testing

/// Power that goes at any instant, and a broker that does: `make torture` runs this with more kills, against the agent
/// of `make agent-mqtt`.
@Suite(.enabled(if: hasBroker), .serialized)
struct MQTTKillTests {
  /// How often the agent is killed.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 100

  @Test(.timeLimit(.minutes(60)))
  func `killed at any instant, it loses no accepted line and keeps the order within a topic`()
    throws
  {
    let seed = UInt64(ProcessInfo.processInfo.environment["NBIOT_SEED"] ?? "") ?? 1
    var random = SeededRandom(seed: seed)
    let world = try World()
    try world.configure([
      "retry = 1", "retry-limit = 1", "id-placeholder = @ID@", "outbox-bytes = 1000000",
    ])
    let topics = ["user/update", "user/update/error"]
    var line = 0
    var accepted: [String] = []
    for number in 1...Self.kills {
      if number % 10 == 0 { #expect(try world.broker("restart").status == 0) }
      let agent = try world.agent()
      var payloads: [String] = []
      for _ in 0..<(random.next() % 6) {
        line += 1
        payloads.append(#"{"line":\#(line),"id":"@ID@"}"#)
      }
      let first = line - payloads.count + 1
      agent.write(
        payloads.enumerated().map {
          "/\(World.device)/\(topics[(first + $0.offset) % 2])\t\($0.element)\n"
        }.joined()
      )
      usleep(UInt32(random.next() % 200_000))
      agent.signal(SIGKILL)
      agent.wait()
      let ids = agent.lines.compactMap { $0.wholeMatch(of: /accepted ([0-9]+)/).map { $0.1 } }
      for (id, payload) in zip(ids, payloads) {
        accepted.append(payload.replacing("@ID@", with: id))
      }
    }
    // All that is left goes.
    var pending = "1"
    for _ in 0..<100 where pending != "0" {
      let agent = try world.agent(["--once"])
      agent.endInput()
      agent.wait()
      if agent.status == 0 { pending = "0" }
    }
    #expect(pending == "0", "seed \(seed)")
    world.stop()
    var arrivals: [String: Int] = [:]
    var copies = 0
    for (index, record) in world.simulator.lines.enumerated() {
      guard let match = record.firstMatch(of: /PUBLISH .* qos 1 (\{"line":.*\}) -> PUBACK/) else {
        continue
      }
      if arrivals[String(match.1)] == nil { arrivals[String(match.1)] = index } else { copies += 1 }
    }
    let lost = accepted.filter { arrivals[$0] == nil }
    #expect(lost.isEmpty, "accepted and lost, seed \(seed): \(lost)")
    for topic in topics.indices {
      let own = accepted.filter {
        let number = $0.firstMatch(of: /"line":([0-9]+)/).flatMap { Int($0.1) } ?? 0
        return number % 2 == topic
      }
      let order = own.compactMap { arrivals[$0] }
      #expect(order == order.sorted(), "order of \(topics[topic]), seed \(seed)")
    }
    #expect(accepted.count > Self.kills / 2)
    print(
      "\(Self.kills) kills, \(line) lines, \(accepted.count) accepted, \(copies) came again"
    )
  }
}
