// SPDX-License-Identifier: Apache-2.0
/// What an NB-IoT radio and its network do to a datagram, and what each step costs: one definition for the estimate
/// and for virtual links.
///
/// A model of no network in particular: constants that are published, and a few that are fitted to published
/// measurements. `RadioConstant.all` names the source of each. No transport is in it.
public struct RadioModel: Equatable, Sendable {
  /// Coverage classes 0, 1 and 2.
  public var classes: (CoverageClass, CoverageClass, CoverageClass) {
    get { (first, second, third) }
    set { (first, second, third) = newValue }
  }

  var first: CoverageClass
  var second: CoverageClass
  var third: CoverageClass
  /// What holds in all of them.
  public var network: RadioNetwork
  /// The modem alone.
  public var modem: RadioPowers
  /// A whole device.
  public var device: RadioPowers
  var firstSpread: PublishedSpread
  var secondSpread: PublishedSpread
  var thirdSpread: PublishedSpread

  /// One of the classes 0 to 2.
  public subscript(coverage: Int) -> CoverageClass {
    switch coverage {
    case 0: first
    case 1: second
    case 2: third
    default: preconditionFailure("a coverage class is 0, 1 or 2")
    }
  }

  /// How far published measurements of a class, 0 to 2, lie from this model.
  public func spread(_ coverage: Int) -> PublishedSpread {
    switch coverage {
    case 0: firstSpread
    case 1: secondSpread
    case 2: thirdSpread
    default: preconditionFailure("a coverage class is 0, 1 or 2")
    }
  }

  /// The powers of a scope.
  public func powers(_ scope: RadioPowers.Scope) -> RadioPowers {
    switch scope {
    case .modem: modem
    case .device: device
    }
  }

  /// The model with its own constants.
  public init() {
    first = CoverageClass(
      roundTripMedian: 1_200,
      roundTripHigh: 4_000,
      loss: 0.005,
      wakeUp: 1_000,
      uplinkBlock: 125,
      resourceUnits: 6,
      uplinkRepetitions: 1,
      downlinkRepetitions: 1
    )
    second = CoverageClass(
      roundTripMedian: 3_000,
      roundTripHigh: 10_000,
      loss: 0.02,
      wakeUp: 2_000,
      uplinkBlock: 125,
      resourceUnits: 8,
      uplinkRepetitions: 8,
      downlinkRepetitions: 4
    )
    third = CoverageClass(
      roundTripMedian: 8_000,
      roundTripHigh: 40_000,
      loss: 0.06,
      wakeUp: 2_500,
      uplinkBlock: 125,
      resourceUnits: 4,
      uplinkRepetitions: 16,
      downlinkRepetitions: 8
    )
    network = RadioNetwork(
      resourceUnit: 8,
      scheduling: 86,
      downlinkBlock: 85,
      downlinkTime: 28,
      controlPlane: 44,
      headers: 28,
      longestDelay: 300_000,
      inactivity: 20_000,
      release: 1_000,
      activeTime: 2_000,
      updatePeriod: 54 * 60_000,
      sleepingUpdatePeriod: 310 * 3_600_000,
      pagingCycle: 2_560,
      pagingWindow: 10_240,
      natLifetime: 60_000
    )
    modem = RadioPowers(
      transmitting: 0.589,
      connected: 0.22,
      paging: 0.005_93,
      extendedPaging: 0.003_08,
      sleeping: 0.000_014_8,
      attaching: 4,
      voltage: 3.8
    )
    device = RadioPowers(
      transmitting: 0.55,
      connected: 0.11,
      paging: 0.005_93,
      extendedPaging: 0.003_08,
      sleeping: 0.000_2,
      attaching: 0.09,
      voltage: 5
    )
    firstSpread = PublishedSpread(
      lowest: 0.0359,
      lowerQuartile: 0.497,
      upperQuartile: 1,
      highest: 41.1
    )
    secondSpread = PublishedSpread(
      lowest: 0.248,
      lowerQuartile: 0.6,
      upperQuartile: 1.38,
      highest: 7.11
    )
    thirdSpread = PublishedSpread(
      lowest: 0.0359,
      lowerQuartile: 0.526,
      upperQuartile: 1.14,
      highest: 41.1
    )
  }
}
