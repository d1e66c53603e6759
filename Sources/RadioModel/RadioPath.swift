// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import Glibc

/// What the network does to a datagram on its way, drawn from a `RadioModel`: whether it is lost, and how long it takes.
public struct RadioPath<Random: RandomSource & Sendable>: Sendable {
  private let kind: RadioKind
  private var random: Random

  /// The network of that coverage class.
  public init(_ model: RadioModel, _ habits: RadioHabits, random: Random) {
    self.init(RadioKind(model, habits), random: random)
  }

  /// The network of one of many radios.
  public init(_ kind: RadioKind, random: Random) {
    self.kind = kind
    self.random = random
  }

  /// Whether the next datagram is lost.
  public mutating func isLost() -> Bool { random.fraction() < kind.coverage.loss }

  /// How long the next datagram takes one way, in milliseconds.
  ///
  /// Log-normal, half a round trip: half of them take no longer than half of the median, 95 % no longer than half of
  /// the high one.
  public mutating func delay() -> Double {
    // Box and Muller's normal number; 95 % of them lie below 1.645.
    let radius = (-2 * log(max(random.fraction(), 1e-12))).squareRoot()
    let normal = radius * cos(2 * Double.pi * random.fraction())
    let coverage = kind.coverage
    let median = coverage.roundTripMedian / 2
    let high = max(coverage.roundTripHigh, coverage.roundTripMedian) / 2
    return min(kind.network.longestDelay, median * exp(log(high / median) / 1.645 * normal))
  }
}

extension RandomSource {
  /// A number from 0 up to, but not including, 1, of 53 bits: all that a `Double` holds.
  package mutating func fraction() -> Double {
    Double(next() >> 11) / 9_007_199_254_740_992
  }
}
