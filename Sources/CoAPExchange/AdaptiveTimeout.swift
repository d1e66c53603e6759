// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A retransmission timeout that follows the measured round-trip times, in the manner of CoCoA
/// (draft-ietf-core-cocoa-03).
///
/// It has two estimators (RFC 6298): the strong one uses requests answered without a
/// retransmission, the weak one those that needed one or two, measured from their first
/// transmission. It differs from the draft in two ways. The timeout is never below 1 second, the
/// minimum for a radio, so the draft's rules for shorter ones do not apply. And it never grows so
/// long that no retransmission fits into MAX_TRANSMIT_SPAN.
struct AdaptiveTimeout {
  private struct Estimator {
    var smoothed: Int64 = 0
    var variation: Int64 = 0
    var isSet = false

    /// Adds a round-trip time; returns the estimator's own timeout.
    mutating func add(_ roundTrip: Int64, variationFactor: Int64) -> Int64 {
      if isSet {
        let difference = smoothed > roundTrip ? smoothed - roundTrip : roundTrip - smoothed
        variation = (3 * variation + difference) / 4
        smoothed = (7 * smoothed + roundTrip) / 8
      } else {
        smoothed = roundTrip
        variation = roundTrip / 2
        isSet = true
      }
      return smoothed + variationFactor * variation
    }
  }

  private let initial: Int64
  private let longest: Int64
  private var overall: Int64
  private var updated: Instant?
  private var strong = Estimator()
  private var weak = Estimator()

  /// Starts with ACK_TIMEOUT.
  init(_ parameters: TransmissionParameters) {
    initial = parameters.acknowledgementTimeout.count
    longest = min(
      60_000,
      parameters.maxTransmitSpan.count * 1_000 / parameters.acknowledgementRandomFactor
    )
    overall = initial
  }

  /// The timeout for a request that starts now.
  mutating func timeout(at now: Instant) -> Milliseconds {
    // Section 4.2.4 of the draft: a timeout above 3 seconds decays if it is not confirmed.
    if let last = updated, overall > 3_000, now - last > Milliseconds(4 * overall) {
      overall = 1_000 + overall / 2
      updated = now
    }
    return Milliseconds(overall)
  }

  /// Adds the time from a request's first transmission to its acknowledgement or answer.
  mutating func measure(_ roundTrip: Milliseconds, transmissions: Int, at now: Instant) {
    switch transmissions {
    case 1: overall = (strong.add(roundTrip.count, variationFactor: 4) + overall) / 2
    case 2, 3: overall = (weak.add(roundTrip.count, variationFactor: 1) + 3 * overall) / 4
    default: return
    }
    overall = min(max(overall, 1_000), max(longest, initial))
    updated = now
  }

  /// Discards all measurements, because after a sleep the network may be another one.
  mutating func reset() {
    overall = initial
    updated = nil
    strong = Estimator()
    weak = Estimator()
  }

  /// The factor, in thousandths, by which each timeout of a request grows (Section 4.2.3 of the
  /// draft): 1.5 for a long one, so that the last retransmission is not minutes away.
  static func growth(of timeout: Milliseconds) -> Int64 {
    timeout.count > 3_000 ? 1_500 : 2_000
  }
}
