// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The ledger in the last line of `nbiot publish --ledger --output json`.
func printedLedger(_ output: String) throws -> [String: Any] {
  let last = try #require(output.split(separator: "\n").last)
  let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
  return try #require(object?["ledger"] as? [String: Any])
}

extension StreamRelay {
  /// What it has relayed, once it has taken all bytes of a ledger.
  ///
  /// What was sent last may come to it after the program has ended, on a busy machine by seconds.
  func counted(all ledger: [String: Any]) async throws -> (up: Int, down: Int, connections: Int) {
    func bytes(_ direction: String) -> Int {
      let side = ledger[direction] as? [String: [String: Int]] ?? [:]
      return side.reduce(0) { sum, entry in
        ["headers", "retransmission"].contains(entry.key) ? sum : sum + (entry.value["bytes"] ?? 0)
      }
    }
    let (up, down) = (bytes("up"), bytes("down"))
    for _ in 0..<1_000 where counted.up < up || counted.down < down {
      try await Task.sleep(for: .milliseconds(10))
    }
    return counted
  }
}
