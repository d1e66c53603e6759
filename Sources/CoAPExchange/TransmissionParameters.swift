// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// The timing of a confirmable message's retransmissions (RFC 7252 Section 4.8), and the times
/// derived from it (Section 4.8.2).
public struct TransmissionParameters: Equatable, Sendable {
  /// ACK_TIMEOUT: the minimum time to the first retransmission; at least 1 second on a radio.
  public let acknowledgementTimeout: Milliseconds

  /// ACK_RANDOM_FACTOR in thousandths, 1,000 or more: 1,500 is the RFC's 1.5.
  public let acknowledgementRandomFactor: Int64

  /// MAX_RETRANSMIT: the number of retransmissions, 0 to 20.
  public let maxRetransmit: Int

  /// NSTART: the number of simultaneously outstanding requests, 1 or more (RFC 7252 Section 4.7).
  public let nstart: Int

  /// PROBING_RATE: the maximum rate to an endpoint that does not answer, in bytes per second, 1 or
  /// more (RFC 7252 Section 4.7).
  public let probingRate: Int64

  /// MAX_LATENCY: the maximum time that a datagram is expected to travel, 100 seconds in the RFC.
  public static let maxLatency = Milliseconds(100_000)

  /// Creates custom parameters; values outside their ranges are a caller's error and trap.
  public init(
    acknowledgementTimeout: Milliseconds,
    acknowledgementRandomFactor: Int64 = 1_500,
    maxRetransmit: Int,
    nstart: Int = 1,
    probingRate: Int64 = 1
  ) {
    precondition(
      acknowledgementTimeout.count > 0 && acknowledgementTimeout.count <= 3_600_000,
      "ACK_TIMEOUT is between 1 millisecond and 1 hour"
    )
    precondition(
      // conformance: 7252-4.8.1-b
      acknowledgementRandomFactor >= 1_000 && acknowledgementRandomFactor <= 10_000,
      "ACK_RANDOM_FACTOR is between 1 and 10"
    )
    precondition(maxRetransmit >= 0 && maxRetransmit <= 20, "MAX_RETRANSMIT is between 0 and 20")
    precondition(nstart >= 1, "NSTART is at least 1")
    precondition(
      probingRate >= 1 && probingRate <= 1_000_000,
      "PROBING_RATE is between 1 and 1,000,000 bytes a second"
    )
    self.acknowledgementTimeout = acknowledgementTimeout
    self.acknowledgementRandomFactor = acknowledgementRandomFactor
    self.maxRetransmit = maxRetransmit
    self.nstart = nstart
    self.probingRate = probingRate
  }

  /// The RFC's defaults: 2 s, 1.5, 4; gives up after 93 s.
  public static let standard = TransmissionParameters(
    // conformance: 7252-4.8.1-a
    acknowledgementTimeout: Milliseconds(2_000),
    maxRetransmit: 4
  )

  /// For LTE-M: 4 s, 1.5, 4; gives up after 186 s.
  public static let lteM = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(4_000),
    maxRetransmit: 4
  )

  /// For NB-IoT: 10 s, 1.5, 3; gives up after 225 s.
  ///
  /// Answers take 2 to 40 seconds there.
  public static let nbIoT = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(10_000),
    maxRetransmit: 3
  )

  /// For NB-IoT at the cell edge: 15 s, 1.5, 2; gives up after 157.5 s.
  ///
  /// One vendor found 10 s too short there.
  public static let nbIoTDeep = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(15_000),
    maxRetransmit: 2
  )

  /// MAX_TRANSMIT_SPAN: the maximum time from the first transmission to the last retransmission.
  public var maxTransmitSpan: Milliseconds { scaled(doublings: maxRetransmit) }

  /// MAX_TRANSMIT_WAIT: the maximum time from the first transmission to giving up.
  public var maxTransmitWait: Milliseconds { scaled(doublings: maxRetransmit &+ 1) }

  /// PROCESSING_DELAY: the time that a server may take before it acknowledges.
  public var processingDelay: Milliseconds { acknowledgementTimeout }

  /// EXCHANGE_LIFETIME: the time during which a message ID must not be reused and duplicates are
  /// expected.
  public var exchangeLifetime: Milliseconds {
    maxTransmitSpan + Self.maxLatency * 2 + processingDelay
  }

  /// NON_LIFETIME: the same time for a non-confirmable message.
  public var nonConfirmableLifetime: Milliseconds { maxTransmitSpan + Self.maxLatency }

  /// How long a message of either type is remembered.
  func lifetime(isConfirmable: Bool) -> Milliseconds {
    isConfirmable ? exchangeLifetime : nonConfirmableLifetime
  }

  /// The first timeout: ACK_TIMEOUT times a factor between 1 and ACK_RANDOM_FACTOR, chosen by
  /// `random`.
  public func initialTimeout(random: UInt32) -> Milliseconds {
    initialTimeout(random: random, base: acknowledgementTimeout)
  }

  /// The first timeout with a base other than ACK_TIMEOUT.
  func initialTimeout(random: UInt32, base: Milliseconds) -> Milliseconds {
    let spread = base.scaled(by: acknowledgementRandomFactor &- 1_000, over: 1_000)
    return base + spread.scaled(by: Int64(widening: random), over: .max)
  }

  /// ACK_TIMEOUT times (2^`doublings` - 1), times ACK_RANDOM_FACTOR.
  @inline(never)  // Most other times use it.
  private func scaled(doublings: Int) -> Milliseconds {
    let factor = 1 &<< Int64(widening: UInt32(truncatingIfNeeded: doublings)) &- 1
    return acknowledgementTimeout.scaled(by: factor &* acknowledgementRandomFactor, over: 1_000)
  }
}
