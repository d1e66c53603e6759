// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Power that goes at any instant, and a broker that does: `make torture` runs this with more kills, against the agent
/// of `make agent-mqtt`.
@Suite(.enabled(if: hasBroker), .serialized)
struct MQTTKillTests {
  /// How often the agent is killed, and ten times as often as the broker.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 100

  @Test(.timeLimit(.minutes(60)), arguments: [1, 16])
  func `killed at any instant, it loses no accepted line and keeps the order within a topic`(
    inFlight: Int
  ) throws {
    let seed = UInt64(ProcessInfo.processInfo.environment["NBIOT_SEED"] ?? "") ?? 1
    var random = SeededRandom(seed: seed)
    let world = try World()
    try world.configure([
      "retry = 1", "retry-limit = 1", "id-placeholder = @ID@", "outbox-bytes = 1000000",
      "in-flight = \(inFlight)",
    ])
    let topics = ["user/update", "user/update/error"]
    var line = 0
    var accepted: [String] = []
    for number in 1...Self.kills {
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
      if number % 10 == 0 {
        // The broker dies while the agent is at it, which then lives on for a random time.
        usleep(UInt32(random.next() % 150_000))
        #expect(try world.broker("restart").status == 0)
        usleep(UInt32(random.next() % 1_500_000))
      } else {
        usleep(UInt32(random.next() % 200_000))
      }
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
    // What each line has come as.
    var texts: [String: Set<String>] = [:]
    var copies = 0
    for (index, record) in world.simulator.lines.enumerated() {
      guard let match = record.firstMatch(of: /PUBLISH .* qos 1 (\{"line":.*\}) -> PUBACK/) else {
        continue
      }
      if let number = match.1.firstMatch(of: /"line":([0-9]+)/) {
        texts[String(number.1), default: []].insert(String(match.1))
      }
      if arrivals[String(match.1)] == nil { arrivals[String(match.1)] = index } else { copies += 1 }
    }
    let lost = accepted.filter { arrivals[$0] == nil }
    #expect(lost.isEmpty, "accepted and lost, seed \(seed): \(lost)")
    let changed = texts.values.filter { $0.count > 1 }
    #expect(changed.isEmpty, "came again with another id, seed \(seed): \(changed)")
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
      "\(Self.kills) kills, \(Self.kills / 10) of the broker, \(inFlight) under way, \(line) lines, \(accepted.count) accepted, \(copies) came again"
    )
  }
}
