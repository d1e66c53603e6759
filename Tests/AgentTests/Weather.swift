// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import TestSupport

/// What a radio does to the datagrams of an agent that is started again and again: each is lost with the same
/// probability, and requests with one of the words in their path are answered with 5.00 or 4.29 on the way.
final class Weather: Sendable {
  private let random: Mutex<SeededRandom>
  private let lossPercent: Mutex<UInt64>
  private let words: [String]

  init(lossPercent: UInt64 = 0, seed: UInt64 = 1, refusing words: [String] = []) {
    random = Mutex(SeededRandom(seed: seed))
    self.lossPercent = Mutex(lossPercent)
    self.words = words
  }

  /// How many of a hundred datagrams are lost from now on.
  func lose(_ percent: UInt64) { lossPercent.withLock { $0 = percent } }

  /// A relay to a port of 127.0.0.1 in this weather.
  func relay(to server: UInt16) throws -> DatagramRelay {
    try DatagramRelay(to: server, ports: .shared) { [self] datagram, _ in
      let loss = lossPercent.withLock { $0 }
      return random.withLock { random in
        if random.next() % 100 < loss { return .isLost }
        guard datagram.direction == .up,
          let answer = refusal(of: datagram.bytes, isServerError: random.next() % 2 == 0)
        else { return .passes }
        return .isAnswered(answer)
      }
    }
  }

  private func refusal(of request: [UInt8], isServerError: Bool) -> [UInt8]? {
    let text = String(decoding: request, as: UTF8.self)
    guard words.contains(where: { text.contains($0) }) else { return nil }
    let code: UInt8 = isServerError ? 0xA0 : 0x9D
    return [0x60 | request[0] & 0x0F, code] + request[2..<4 + Int(request[0] & 0x0F)]
  }
}

extension DatagramRelay {
  /// How many requests were refused on the way.
  var refused: Int {
    passages.count { if case .isAnswered = $0.fate { true } else { false } }
  }
}
