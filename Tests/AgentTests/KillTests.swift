// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// Power that goes at any instant, and disks that fail: `make torture` runs this with more kills, against
/// the agent of `make agent`.
@Suite(.serialized)
struct KillTests {
  /// How often the agent is killed.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 60

  /// Lines go to three topics, one of which the platform never takes.
  @Test(.timeLimit(.minutes(60)))
  func `killed at any instant, it uses no number twice and loses no accepted line`() async throws {
    let seed = UInt64(ProcessInfo.processInfo.environment["NBIOT_SEED"] ?? "") ?? 1
    let platform = try await Platform()
    let weather = Weather(lossPercent: 15, seed: seed, refusing: ["never"])
    let relay = try weather.relay(to: platform.port)
    let folder = try AgentFolder(
      port: relay.port,
      ["retry = 1", "retry-limit = 2", "id-placeholder = @ID@", "outbox-bytes = 1000000"]
    )
    let faults = try Faults(in: folder)
    var life = Lives(random: SeededRandom(seed: seed))
    for number in 1...Self.kills {
      try life.live(number, folder, faults, platform)
      if Self.kills > 100, number % 100 == 0 { print("\(number) kills, \(life.summary)") }
    }
    // The radio and the disk are well again: all that is left goes.
    weather.lose(0)
    let never = life.accepted.filter { life.never.contains($0.key) }
    let others = life.accepted.filter { !life.never.contains($0.key) }
    for _ in 0..<20 { _ = try folder.run() }
    let last = try folder.run()
    let pending = last.log.firstMatch(of: /pending=([0-9]+)/).flatMap { Int($0.1) }
    // So may lines of a batch that was on disk when the agent was killed, before it could say `accepted`.
    #expect(
      pending.map { $0 >= never.count && $0 <= never.count + life.untold } == true,
      "\(last.log)"
    )
    #expect(relay.refused > 0)
    relay.stop()
    let records = platform.records
    try await platform.close()

    let refused = records.filter { $0.kind == .report && $0.code?.isSuccess != true }
    #expect(refused.isEmpty, "refused, as a number that comes twice is: \(refused.map(\.line))")
    #expect(life.failedStarts.isEmpty, "starts that failed: \(life.failedStarts)")
    let taken = records.enumerated().filter { $0.element.isAcceptedReport }
    var arrivals: [String: [Int]] = [:]
    for (index, record) in taken {
      arrivals[String(decoding: record.payload, as: UTF8.self), default: []].append(index)
    }
    let lost = others.filter { arrivals[$0.value] == nil }
    #expect(lost.isEmpty, "accepted and lost: \(lost)")
    #expect(never.allSatisfy { arrivals[$0.value] == nil })
    // What was printed as delivered is never sent again; a number of an earlier life would be.
    var again = 0
    for (id, seen) in life.delivered {
      guard let payload = life.accepted[id] else { continue }
      again = max(again, (arrivals[payload] ?? []).count { $0 >= seen })
    }
    #expect(again <= 1, "sent again \(again) times after it was acknowledged")
    let copies = arrivals.values.map(\.count)
    print(
      "\(Self.kills) kills, \(life.summary); of \(arrivals.count) reports "
        + "\(copies.count { $0 > 1 }) came more than once, \(copies.max() ?? 0) times at most, "
        + "\(again) after they were acknowledged; \(never.count) to a topic that is never taken "
        + "wait, \(relay.refused) times refused"
    )
    #expect(life.accepted.count > Self.kills / 2)
    folder.remove()
  }
}

/// The lives of an agent, each of which ends by SIGKILL.
private struct Lives {
  var random: SeededRandom
  /// The payload of each id that was printed as accepted.
  var accepted: [Int: String] = [:]
  /// Those of them that the platform never takes.
  var never: Set<Int> = []
  /// How many requests the platform had seen when an id had been printed as delivered.
  var delivered: [Int: Int] = [:]
  var failedStarts: [String] = []
  /// How many lines to the topic that is never taken were written to agents that said nothing of them.
  var untold = 0
  private var line = 0
  private var faulty = 0
  private var lines = 0

  init(random: SeededRandom) { self.random = random }

  var summary: String {
    "\(faulty) of them amid or after failing writes; \(lines) lines, \(accepted.count) accepted"
  }

  mutating func live(
    _ number: Int,
    _ folder: AgentFolder,
    _ faults: Faults,
    _ platform: Platform
  ) throws {
    let environment = faults.environment(&random)
    if !environment.isEmpty { faulty += 1 }
    let agent = folder.agent(environment: environment)
    try agent.start()
    var payloads: [String] = []
    // Some of the time a batch that is torn in its middle.
    for _ in 0..<(random.next() % 16 == 0 ? 30 : random.next() % 6) {
      line += 1
      payloads.append(#"{"line":\#(line),"id":"@ID@"}"#)
    }
    lines += payloads.count
    // By turns to the topic of the configuration, to another one and to one that is never taken.
    let topics = ["", "/a1B2c3D4e5F/device1/user/other\t", "/a1B2c3D4e5F/device1/user/never\t"]
    let first = line - payloads.count + 1
    agent.write(
      payloads.enumerated().map { topics[(first + $0.offset) % 3] + $0.element + "\n" }.joined()
    )
    var number = first
    // Three of four lives are counted from what became of the first line: a machine may be so busy that an agent has
    // hardly started by the time it is killed, and then nothing would be tried.
    if !payloads.isEmpty, random.next() % 4 > 0 {
      var turns = 0
      while turns < 10_000, agent.process.isRunning, !Self.hasTold(agent) {
        usleep(1_000)
        turns += 1
      }
    }
    // Long enough for some deliveries, short enough to hit each part of the program's life.
    let patience = random.next() % 120
    for _ in 0..<patience where agent.process.isRunning { usleep(1_000) }
    agent.signal(SIGKILL)
    agent.wait()
    if agent.process.terminationReason == .exit { failedStarts.append("\(number): \(agent.log)") }
    for text in agent.lines {
      let words = text.split(separator: " ")
      guard words.count > 1, let id = Int(words[1]) else { continue }
      if words[0] == "accepted" {
        // In order: refused lines would be printed as such.
        let payload = payloads.removeFirst()
        accepted[id] = payload.replacing("@ID@", with: "\(id)")
        if number % 3 == 2 { never.insert(id) }
        number += 1
      } else if words[0] == "delivered" {
        delivered[id] = platform.records.count
      }
    }
    untold += (number..<number + payloads.count).count { $0 % 3 == 2 }
  }

  /// Whether it has printed an outcome, or said that its disk fails.
  private static func hasTold(_ agent: AgentProcess) -> Bool {
    !agent.output.isEmpty || agent.log.contains("errno=")
  }
}
