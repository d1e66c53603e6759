import CoAPMessage
import Foundation
import PlatformSimulator
import TestSupport
import Testing

/// Power that goes at any instant, and disks that fail: `make torture` runs this with more kills, against
/// the agent of `make agent`.
@Suite(.serialized)
struct KillTests {
  /// How often the agent is killed.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 60

  @Test(.timeLimit(.minutes(60)))
  func `killed at any instant, it uses no number twice and loses no accepted line`() async throws {
    let seed = UInt64(ProcessInfo.processInfo.environment["NBIOT_SEED"] ?? "") ?? 1
    let platform = try await Platform()
    let relay = LossyRelay(to: platform.port, lossPercent: 15, seed: seed)
    let folder = try AgentFolder(port: relay.port, ["retry = 1", "id-placeholder = @ID@"])
    let faults = try Faults(in: folder)
    var life = Lives(random: SeededRandom(seed: seed))
    for number in 1...Self.kills {
      try life.live(number, folder, faults, platform)
      if Self.kills > 100, number % 100 == 0 { print("\(number) kills, \(life.summary)") }
    }
    // The radio and the disk are well again: all that is left goes.
    relay.lose(0)
    for _ in 0..<20 where try folder.run().status != 0 {}
    #expect(try folder.run().log.contains("pending=0"))
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
    let lost = life.accepted.filter { arrivals[$0.value] == nil }
    #expect(lost.isEmpty, "accepted and lost: \(lost)")
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
        + "\(again) after they were acknowledged"
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
  /// How many requests the platform had seen when an id had been printed as delivered.
  var delivered: [Int: Int] = [:]
  var failedStarts: [String] = []
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
    for _ in 0..<(random.next() % 6) {
      line += 1
      payloads.append(#"{"line":\#(line),"id":"@ID@"}"#)
    }
    lines += payloads.count
    agent.write(payloads.map { $0 + "\n" }.joined())
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
      } else if words[0] == "delivered" {
        delivered[id] = platform.records.count
      }
    }
  }
}

/// What makes writes of the agent fail: `faults.c`, loaded into it.
private struct Faults {
  let library: String
  let directory: String

  init(in folder: AgentFolder) throws {
    let library = folder.url.appending(path: "faults.so")
    let source = try #require(Bundle.module.url(forResource: "faults", withExtension: "c"))
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-O1", "-o", library.path, source.path, "-ldl",
    ]
    try compiler.start()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0, "clang comes with Swift")
    self.library = library.path
    directory = folder.state.path
  }

  /// What happens to one life: nothing, or one of the ways in which a disk fails.
  func environment(_ random: inout SeededRandom) -> [String: String] {
    var environment = [
      "LD_PRELOAD": library, "FAULT_DIRECTORY": directory, "FAULT_SEED": "\(random.next() >> 32)",
    ]
    switch random.next() % 10 {
    case 0, 1, 2: return [:]
    case 3, 4: environment["FAULT_RATE"] = "\(20 + random.next() % 300)"
    case 5: environment["FAULT_MODE"] = "full"
    case 6: environment["FAULT_MODE"] = "read-only"
    default: environment["FAULT_KILL_AT"] = "\(1 + random.next() % 40)"
    }
    return environment
  }
}
