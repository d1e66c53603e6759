// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The ledger of nbiot publish against what a lossy relay saw")
struct LedgerCommandTests {
  private typealias Side = [String: [String: Int]]

  /// Reports twice, once without an answer to the first datagram up and with the third answer twice: the ledger, and
  /// what came to the relay.
  private func run(
    _ options: [String],
    _ simulator: Simulator,
    fate: @escaping DatagramRelay.Judge
  ) async throws -> (ledger: [String: Any], output: String, relay: DatagramRelay) {
    let relay = try DatagramRelay(to: UInt16(simulator.port), fate: fate)
    let run = try await nbiot(
      simulator.device(
        ["--device-secret-file", simulator.secretFile, "--ledger", "--output", "json"] + options
      ) + ["--endpoint", "127.0.0.1:\(relay.port)"],
      input: "{\"value\":1}\n{\"value\":2}\n"
    )
    #expect(run.status == 0, "\(run.errors)")
    let last = try #require(run.output.split(separator: "\n").last)
    let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
    let ledger = try #require(object?["ledger"] as? [String: Any])
    // What was sent last may not have come to the relay yet.
    let up = try #require(ledger["up"] as? Side)
    let sent = up.values.reduce(0) { $0 + ($1["datagrams"] ?? 0) }
    for _ in 0..<1_000 where relay.count(.up) < sent {
      try await Task.sleep(for: .milliseconds(10))
    }
    relay.stop()
    return (ledger, run.output, relay)
  }

  private func bytes(_ side: Side) -> Int { side.values.reduce(0) { $0 + ($1["bytes"] ?? 0) } }

  @Test(arguments: [false, true])
  func `is equal to the byte, whatever is lost or comes twice`(usesDTLS: Bool) async throws {
    let folder = try DTLSCommandTests.Folder()
    let certificates = folder.path("certificates")
    let simulator = try Simulator(
      usesDTLS ? ["--security", "dtls", "--certificates", certificates] : []
    )
    let (ledger, _, relay) = try await run(
      usesDTLS ? ["--security", "dtls", "--ca-file", "\(certificates)/ca.pem"] : [],
      simulator
    ) { next, _ in
      switch (next.direction, next.number) {
      case (.up, 1): .isLost
      case (.down, 2): .isLost
      case (.down, 1): .comesTwice
      default: .passes
      }
    }
    let up = try #require(ledger["up"] as? Side)
    let down = try #require(ledger["down"] as? Side)
    // Over IPv4 a datagram has 28 bytes of headers.
    let passages = relay.passages
    let sent = passages.filter { $0.direction == .up }
    #expect(sent.contains { $0.isLost })
    #expect(bytes(up) == sent.reduce(0) { $0 + $1.bytes.count + 28 })
    let received = passages.filter { $0.direction == .down && !$0.isLost }
    let expected = received.reduce(0) {
      $0 + ($1.bytes.count + 28) * ($1.fate == .comesTwice ? 2 : 1)
    }
    #expect(bytes(down) == expected)
    #expect(up["headers"]?["bytes"] == sent.count * 28)
    #expect((up["overhead"]?["bytes"] ?? 0 > 0) == usesDTLS)
    #expect((up["handshake"]?["bytes"] ?? 0 > 0) == usesDTLS)
    #expect(up["report"]?["datagrams"] == 2)
    #expect(ledger["reports"] as? Int == 2)
    _ = try simulator.stop()
  }

  @Test func `of the same run a capture has the same under each purpose, and both are priced`()
    async throws
  {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    let (ledger, output, relay) = try await run([], simulator) { next, _ in
      switch (next.direction, next.number) {
      case (.up, 1): .isLost
      default: .passes
      }
    }
    _ = try simulator.stop()
    let capture = folder.path("run.pcap")
    let lines = folder.path("run.jsonl")
    try Data(CaptureBytes.pcap(linkType: 101, relay.packets)).write(to: URL(filePath: capture))
    try Data(output.utf8).write(to: URL(filePath: lines))
    let options = ["--output", "json", "--psm", "--release-assistance"]
    let seen = try #require(
      try await nbiot(["estimate", "--from-capture", capture] + options).object
    )
    let told = try #require(try await nbiot(["estimate", "--from-ledger", lines] + options).object)
    for (side, name) in [("up", "up"), ("down", "down")] {
      let counted = try #require(ledger[name] as? Side)
      let (first, second) = (
        try #require(seen[side] as? Side), try #require(told[side] as? Side)
      )
      for (purpose, radio) in [
        ("authentication", "authentication"), ("report", "report"), ("answer", "answer"),
        ("retransmission", "retransmission"), ("acknowledgement", "control"),
      ] {
        let count = counted[purpose]?["bytes"] ?? 0
        #expect(first[radio]?["bytes"] == count, "capture: \(name) \(purpose)")
        #expect(second[radio]?["bytes"] == count, "ledger: \(name) \(purpose)")
      }
    }
    #expect(seen["reports"] as? Int == 2)
    #expect(told["reports"] as? Int == 2)
  }

  @Test func `as text it is a table on standard error`() async throws {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device([
        "--device-secret-file", simulator.secretFile, "--ledger", "--payload", #"{"value":1}"#,
      ])
    )
    _ = try simulator.stop()
    #expect(run.status == 0)
    #expect(!run.output.contains("headers"))
    let lines = run.errors.split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.hasPrefix("nbiot: ledger ") })
    let report = try #require(lines.first { $0.hasPrefix("nbiot: report ") && !$0.contains("B") })
    #expect(report.split(separator: " ") == ["nbiot:", "report", "1", "124", "0", "0"])
  }
}
