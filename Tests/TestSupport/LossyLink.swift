// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import Glibc

/// A link between two ends on a virtual clock: it loses, doubles and delays datagrams by a seed;
/// different delays reorder them.
package struct LossyLink {
  /// Which way a datagram goes.
  package enum Direction: Sendable {
    case up, down
  }

  /// How long a datagram is on its way.
  package enum Delay: Sendable {
    /// Anything between two times in milliseconds, each as likely.
    case uniform(ClosedRange<Int64>)
    /// Log-normal: half of the datagrams take no longer than `median` milliseconds, 95 % no longer
    /// than `high`, and none longer than `longest`.
    case logNormal(median: Double, high: Double, longest: Int64)
  }

  /// A datagram at the end of its way.
  package struct Arrival {
    package let time: Instant
    package let direction: Direction
    package let bytes: [UInt8]
    fileprivate let number: Int
  }

  private let loss: Double
  private let duplication: Double
  private let delay: Delay
  private var random: SeededRandom
  private var underway: [Arrival] = []
  private var sent = 0

  /// `loss` and `duplication` are probabilities for each datagram, `delay` milliseconds one way.
  package init(loss: Double, duplication: Double, delay: ClosedRange<Int64>, seed: UInt64) {
    self.init(loss: loss, duplication: duplication, delay: .uniform(delay), seed: seed)
  }

  /// `loss` and `duplication` are probabilities for each datagram, `delay` is one way.
  package init(loss: Double, duplication: Double, delay: Delay, seed: UInt64) {
    self.loss = loss
    self.duplication = duplication
    self.delay = delay
    random = SeededRandom(seed: seed)
  }

  /// Puts a datagram on its way, or loses it.
  package mutating func send(_ bytes: [UInt8], _ direction: Direction, at now: Instant) {
    if Double.random(in: 0..<1, using: &random) < loss { return }
    let copies = Double.random(in: 0..<1, using: &random) < duplication ? 2 : 1
    for _ in 0..<copies {
      let arrival = now + Milliseconds(nextDelay())
      sent += 1
      underway.append(Arrival(time: arrival, direction: direction, bytes: bytes, number: sent))
    }
  }

  private mutating func nextDelay() -> Int64 {
    switch delay {
    case .uniform(let range): return .random(in: range, using: &random)
    case .logNormal(let median, let high, let longest):
      // Box and Muller's normal number; 95 % of them lie below 1.645.
      let radius = (-2 * log(Double.random(in: 0.000_000_1..<1, using: &random))).squareRoot()
      let normal = radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &random))
      return min(longest, Int64(median * exp(log(high / median) / 1.645 * normal)))
    }
  }

  /// When the next datagram arrives.
  package var nextArrival: Instant? { underway.map(\.time).min() }

  /// Takes the next datagram that has arrived by `now`.
  package mutating func receive(by now: Instant) -> Arrival? {
    guard
      let index = underway.indices.filter({ underway[$0].time <= now }).min(by: {
        (underway[$0].time, underway[$0].number) < (underway[$1].time, underway[$1].number)
      })
    else { return nil }
    return underway.remove(at: index)
  }
}
