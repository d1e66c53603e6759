// SPDX-License-Identifier: Apache-2.0
/// What a network does in every coverage class; `RadioConstant.all` has sources, ranges and units.
public struct RadioNetwork: Equatable, Sendable {
  /// The duration of a resource unit, in milliseconds: 8 for one tone of 15 kHz (3GPP TS 36.211, table 10.1.2.3-1).
  public var resourceUnit: Double
  /// From the end of one uplink block to the next, in milliseconds; fitted to the BG96's durations.
  public var scheduling: Double
  /// The bytes of a downlink transport block: 680 bits (3GPP TS 36.213 Release 13, table 16.4.1.5.1-1).
  public var downlinkBlock: Double
  /// The duration of a downlink block, in milliseconds: 680 bits at a BC95's 24 kbit/s.
  public var downlinkTime: Double
  /// The bytes that the control plane adds to a datagram; from the settings of Andres-Maldonado's model.
  public var controlPlane: Double
  /// The headers of IPv4 and UDP in bytes (RFC 791, RFC 768).
  public var headers: Double
  /// The longest time that a datagram is on its way, in milliseconds; assumed from outliers of 300 s.
  public var longestDelay: Double
  /// How long the connection lasts after the last block without release assistance, in milliseconds.
  public var inactivity: Double
  /// How long it lasts with release assistance, in milliseconds; assumed.
  public var release: Double
  /// T3324: how long the device listens to paging before it sleeps in PSM, in milliseconds (3GPP TS 24.008); assumed.
  public var activeTime: Double
  /// T3412: how long after the last connection the device updates its tracking area without PSM, in milliseconds.
  public var updatePeriod: Double
  /// The same with PSM, in milliseconds: 310 h is the most that T3412 extended says (3GPP TS 24.008).
  public var sleepingUpdatePeriod: Double
  /// The paging cycle of an idle device without eDRX, in milliseconds (3GPP TS 36.331, defaultPagingCycle).
  public var pagingCycle: Double
  /// How long an eDRX device listens in each cycle, in milliseconds (3GPP TS 24.008, paging time window); assumed.
  public var pagingWindow: Double
  /// How long a network address translator keeps a UDP binding without traffic, in milliseconds.
  public var natLifetime: Double
}
