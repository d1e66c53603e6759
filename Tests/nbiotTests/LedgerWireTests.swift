// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The ledger over TCP against what a router saw", .timeLimit(.minutes(15)))
struct LedgerWireTests {
  /// What the router saw, and what the program told.
  private struct Outcome {
    var up = 0
    var down = 0
    var resets = 0
    var dropped = 0
    var ledger: [String: Any] = [:]

    /// All bytes that the ledger has one way.
    func bytes(_ direction: String) throws -> Int {
      let side = try #require(ledger[direction] as? [String: [String: Int]])
      return side.values.reduce(0) { $0 + ($1["bytes"] ?? 0) }
    }
  }

  /// Two network namespaces and a router between them, which only root may make.
  private func run(_ transport: String, every down: Int) throws -> Outcome {
    let folder = try DTLSCommandTests.Folder()
    let script = try #require(Bundle.module.url(forResource: "ledger-wire", withExtension: "sh"))
    let run = Process()
    run.executableURL = URL(filePath: "/usr/bin/env")
    run.arguments = ["bash", script.path, program.path, folder.path(""), transport, "\(down)"]
    let output = Pipe.ofChild()
    run.standardOutput = output
    try run.start()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    run.waitUntilExit()
    if run.terminationStatus == 77 {
      print("skipped: \(Test.current?.displayName ?? "a test"): no network namespaces here")
      try Test.cancel("network namespaces are not permitted")
    }
    try #require(run.terminationStatus == 0)
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    let words = try #require(lines.first).split(separator: " ")
    try #require(words.count == 8, "\(lines)")
    var outcome = Outcome()
    outcome.up = try #require(Int(words[1]))
    outcome.down = try #require(Int(words[3]))
    outcome.resets = try #require(Int(words[5]))
    outcome.dropped = try #require(Int(words[7]))
    let last = try #require(lines.last)
    let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
    outcome.ledger = try #require(object?["ledger"] as? [String: Any])
    return outcome
  }

  // Where the machine stands still for longer than a round trip TCP sends again what was not lost, and the kernel does not
  // tell how much came twice: so it is asked for by `make energy-check`, not among all tests.
  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["NBIOT_LEDGER_WIRE"] != nil),
    arguments: ["mqtt", "mqtts", "ws", "wss", "https"],
    [0, 5]
  )
  func `each byte of IP is booked once, over each transport and with loss`(
    transport: String,
    every: Int
  ) throws {
    let outcome = try run(transport, every: every)
    #expect((outcome.dropped > 0) == (every > 0))
    #expect(try outcome.bytes("up") == outcome.up, "\(outcome.ledger)")
    // A platform that closes at a DISCONNECT answers what comes later with a RST of 40 bytes each. The kernel counts those
    // until one ends the socket, without a word of their size; the ledger takes that one for what it is.
    let rest = try outcome.bytes("down") - outcome.down
    let resets = (0...outcome.resets).flatMap { [52 * $0, 52 * max($0 - 1, 0) + 40 * min($0, 1)] }
    #expect(resets.contains(rest), "\(rest) of \(outcome.resets) resets: \(outcome.ledger)")
    let up = try #require(outcome.ledger["up"] as? [String: [String: Int]])
    #expect(up["report"]?["datagrams"] == 4)
    let isPlain = transport == "mqtt"
    #expect(up["handshake"]?["datagrams"] == (isPlain ? 0 : 1))
    #expect((up["handshake"]?["bytes"] ?? 0 > 100) != isPlain)
    #expect((up["overhead"]?["bytes"] ?? 0 > 0) != isPlain)
    #expect((up["authentication"]?["bytes"] ?? 0) > 0)
  }
}
