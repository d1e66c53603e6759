// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "A gateway's agent that is killed amid logins and reports",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(30))
)
final class SubDeviceKillTests: SubDeviceBench {
  @Test func `killed amid logins and reports, nothing is lost and nobody stays offline`() throws {
    let names = (1...8).map { "meter\($0)" }
    // 200 with KILLS=200, as `make torture` may have it.
    let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 8
    // The folder has a file with its secret for each of them.
    let world = try world(names, ["sub-devices = \(files.path)", "in-flight = 8"])
    var random = SeededRandom(seed: 7)
    var accepted: Set<String> = []
    for kill in 0..<kills {
      let agent = try world.agent()
      let lines = (0..<6).map { index in
        "\(Self.product)/\(names[Int(random.next() % 8)])\t{\"n\":\"\(kill)-\(index)\"}"
      }
      agent.write(lines.map { $0 + "\n" }.joined())
      usleep(UInt32(random.next() % 600_000))
      agent.signal(SIGKILL)
      agent.wait()
      let count = agent.lines.count { $0.hasPrefix("accepted ") }
      for line in lines.prefix(count) { accepted.insert(String(line.split(separator: "\t")[1])) }
    }
    let last = try world.agent()
    // After many logins within a minute the platform has a gateway wait.
    #expect(
      last.waitLong { $0.log.contains("info sub-devices online=8 of=8\n") },
      "\(last.log)"
    )
    let hasAll = world.simulator.waitLong { simulator in
      let arrived = simulator.lines.compactMap {
        $0.firstMatch(of: /user\/update qos 1 (\{.*\}) -> PUBACK/).map { String($0.1) }
      }
      return accepted.isSubset(of: arrived)
    }
    #expect(hasAll, "\(accepted.sorted()): \(world.simulator.output)")
    end(last)
    world.stop()
    #expect(accepted.count > kills)
  }

  /// 1,500 with NBIOT_SUB_DEVICES=1500, as `make torture` has it.
  @Test func `many sub-devices of the program report twice over a connection that is cut`() throws {
    let count = ProcessInfo.processInfo.environment["NBIOT_SUB_DEVICES"].flatMap(Int.init) ?? 40
    let names = (1...count).map { "meter\($0)" }
    let options = try names.flatMap { ["--sub-device", "\(Self.product),\($0),\(try secret($0))"] }
    let world = try World("mqtts", hasHTTPS: false, options)
    try addAll(names, in: world)
    try world.configure([
      "retry = 1", "retry-limit = 1", "sub-devices = \(files.path)", "in-flight = 16",
      "outbox-bytes = 2000000",
    ])
    let start = Date()
    let agent = try world.agent()
    for round in 1...2 {
      let lines = names.map { "\(Self.product)/\($0)\t{\"n\":\"\(round)-\($0)\"}\n" }
      agent.write(lines.joined())
      #expect(
        agent.waitLong { $0.lines.count { $0.hasPrefix("delivered ") } == round * count },
        "\(agent.log)"
      )
      if round == 1 { #expect(try world.broker("restart").status == 0) }
    }
    #expect(
      agent.waitLong {
        $0.log.components(separatedBy: "info sub-devices online=\(count) of=\(count)\n").count > 1
      },
      "\(agent.log)"
    )
    let (memory, time) = agent.resources()
    Swift.print(
      "\(count) sub-devices, \(2 * count) reports, one cut: \(Int(-start.timeIntervalSinceNow)) s,",
      "\(memory) KiB resident, \(time) s of processor time"
    )
    // Each once: the platform acknowledges, and the cut comes between the rounds.
    let arrived = world.simulator.lines.compactMap {
      $0.firstMatch(of: /user\/update qos 1 (\{.*\}) -> PUBACK/).map { String($0.1) }
    }
    #expect(arrived.count == 2 * count && Set(arrived).count == 2 * count)
    end(agent)
    #expect(agent.status == 0)
    world.stop()
  }

  /// Puts them into the gateway's topology by the shell's command.
  private func addAll(_ names: [String], in world: World) throws {
    let list = try names.map { "\(Self.product),\($0),\(try secret($0))" }
    let add = try Program(
      "nbiot",
      ["gateway", "add", "--config", world.configuration.path, "--sub-sign-method", "hmacsha256"]
        + list
    )
    add.wait()
    #expect(add.status == 0, "\(add.output.suffix(500))\(add.log.suffix(500))")
  }
}

extension ChildProgram {
  /// Waits for three minutes at most.
  fileprivate func waitLong(until isThere: (ChildProgram) -> Bool) -> Bool {
    (0..<3).contains { _ in wait(until: isThere) }
  }

  /// The memory that it takes in KiB, and its processor time so far in seconds.
  fileprivate func resources() -> (memory: Int, time: Double) {
    let status =
      (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8))
      ?? ""
    let memory = status.firstMatch(of: /VmRSS:\s+([0-9]+)/).flatMap { Int($0.1) } ?? 0
    let stat =
      (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8))
      ?? ""
    let fields = stat.split(separator: ")").last?.split(separator: " ").compactMap { Int($0) } ?? []
    // utime and stime; the state before them is a letter.
    let ticks = fields.count > 11 ? fields[10] + fields[11] : 0
    return (memory, Double(ticks) / 100)
  }
}
