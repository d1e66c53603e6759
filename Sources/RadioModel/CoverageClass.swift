// SPDX-License-Identifier: Apache-2.0
/// What a network's radio is like in one coverage class (3GPP TS 36.331, coverage enhancement level).
///
/// `RadioConstant.all` has the source, the range and the unit of each value.
public struct CoverageClass: Equatable, Sendable {
  /// How long half of the round trips take, in milliseconds, once the device is connected.
  ///
  /// Fitted by eye to Robinson's medians (Stellenbosch 2019): ECL 0 about 2 s over a reply, ECL 1 1 to 3 s, one
  /// vendor's 8 s.
  public var roundTripMedian: Double
  /// How long 95 % of the round trips take at most, in milliseconds; the same fit.
  public var roundTripHigh: Double
  /// The part of the datagrams that are lost each way; assumed, as no measurement is published.
  public var loss: Double
  /// From the wake-up out of sleep to the first block, in milliseconds: synchronisation, random access, connection.
  public var wakeUp: Double
  /// The bytes of an uplink transport block: 1,000 bits (3GPP TS 36.213 Release 13, table 16.5.1.2-2).
  public var uplinkBlock: Double
  /// The resource units of such a block: 4 to 10 (the same table).
  public var resourceUnits: Double
  /// How often an uplink block is sent: 1 to 128 times (3GPP TS 36.213, table 16.5.1.1-3).
  public var uplinkRepetitions: Double
  /// How often a downlink block is sent; assumed.
  public var downlinkRepetitions: Double
}
