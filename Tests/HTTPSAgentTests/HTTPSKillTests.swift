// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSPeers
import TestSupport
import Testing

/// Power that goes at any instant, and a server that fails a tenth of all reports in seventeen ways: `make torture` runs
/// this with more kills, against the agent of `make agent-https`.
@Suite(.serialized)
struct HTTPSKillTests {
  /// How often the agent is killed.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 40

  /// How a request is answered whose report is taken: the last two close the connection without a word.
  private static let taken: Set = ["good", "close-unsaid", "http10-bare"]

  @Test(.timeLimit(.minutes(60)))
  func `killed at any instant, it loses no accepted line, short or long`() throws {
    let seed = UInt64(ProcessInfo.processInfo.environment["NBIOT_SEED"] ?? "") ?? 1
    var random = SeededRandom(seed: seed)
    let peer = try HTTPSPeer()
    let folder = try AgentFolder(
      peer,
      [
        "retry = 1", "retry-limit = 1", "outbox-bytes = 4000000",
        "topic = \(AgentFolder.topic)tenth-quick",
      ]
    )
    var line = 0
    /// The digest of each id that was printed as accepted, and the requests seen when it had been printed as delivered.
    var accepted: [Int: String] = [:]
    var delivered: [Int: Int] = [:]
    var bytes = 0
    for _ in 1...Self.kills {
      let agent = try folder.agent()
      var payloads: [String] = []
      for _ in 0..<(random.next() % 5) {
        line += 1
        // 10 bytes to 128 KB, as many short ones as long ones.
        let most = 10 << Int(random.next() % 14)
        payloads.append(text(min(131_072, 10 + Int(random.next() % UInt64(most * 2))), line))
      }
      agent.write(payloads.map { $0 + "\n" }.joined())
      usleep(UInt32(random.next() % 250_000))
      agent.signal(SIGKILL)
      agent.wait()
      #expect(agent.process.terminationReason == .uncaughtSignal, "seed \(seed): \(agent.log)")
      let seen = try peer.requests().count
      for result in agent.lines {
        let words = result.split(separator: " ")
        guard words.count > 1, let id = Int(words[1]) else { continue }
        if words[0] == "accepted" {
          let payload = payloads.removeFirst()
          bytes += payload.utf8.count
          accepted[id] = digest(of: payload)
        } else if words[0] == "delivered" {
          delivered[id] = seen
        } else {
          Issue.record("seed \(seed): \(result)")
        }
      }
    }
    // All that is left goes.
    var last = try folder.run()
    for _ in 0..<60 where last.status != 0 {
      usleep(300_000)
      last = try folder.run()
    }
    #expect(last.status == 0, "seed \(seed): \(last.log)")
    let requests = try peer.requests()
    var arrivals: [String: [Int]] = [:]
    for (index, request) in requests.enumerated() where request.path != "/auth" {
      // With these a whole answer says that the server has taken the report.
      if Self.taken.contains(request.kind) { arrivals[request.digest, default: []].append(index) }
    }
    let lost = accepted.filter { arrivals[$0.value] == nil }
    #expect(lost.isEmpty, "accepted and lost, seed \(seed): \(lost.keys.sorted())")
    // Of an earlier life a mark may be undone by no kill: it is in the system's memory.
    let again = delivered.filter { id, seen in
      accepted[id].map { (arrivals[$0] ?? []).contains { $0 >= seen } } ?? false
    }
    #expect(again.isEmpty, "sent again after `delivered`, seed \(seed): \(again.keys.sorted())")
    #expect(accepted.count > Self.kills / 2)
    let failed = requests.count { $0.path != "/auth" && !Self.taken.contains($0.kind) }
    print(
      "\(Self.kills) kills, \(line) lines, \(accepted.count) accepted with \(bytes) bytes, "
        + "\(requests.count) requests, \(failed) failed, "
        + "\(arrivals.values.count { $0.count > 1 }) reports came more than once"
    )
  }
}
