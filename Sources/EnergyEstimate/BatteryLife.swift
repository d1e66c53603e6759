// SPDX-License-Identifier: Apache-2.0
internal import Glibc
public import RadioModel

/// A battery.
public struct Battery: Equatable, Sendable {
  /// What it holds, in ampere-hours.
  public var charge: Double
  /// Its voltage.
  public var voltage: Double
  /// The part of what is left that it loses by itself in a year.
  public var selfDischarge: Double

  /// A battery of so many ampere-hours.
  public init(charge: Double, voltage: Double, selfDischarge: Double) {
    self.charge = charge
    self.voltage = voltage
    self.selfDischarge = selfDischarge
  }

  /// What it holds, in joules.
  public var energy: Double { charge * 3_600 * voltage }

  /// How many years it lasts at an average power in watts.
  ///
  /// What is left, E, falls by `P + s E` a year, so that it is used up after `ln(1 + s E0 / P) / s` years.
  public func years(at power: Double) -> Double {
    let year = power * Battery.secondsPerYear
    guard selfDischarge > 0 else { return energy / year }
    return log(1 + selfDischarge * energy / year) / selfDischarge
  }

  /// The interval in seconds at which it lasts a year with that energy an event and that power between.
  public func intervalForOneYear(event: Double, idle: Double) -> Double? {
    // The power at which it lasts a year, from `years`.
    let power =
      selfDischarge > 0
      ? selfDischarge * energy / (exp(selfDischarge) - 1) / Battery.secondsPerYear
      : energy / Battery.secondsPerYear
    return power > idle ? event / (power - idle) : nil
  }

  static let secondsPerYear = 365.25 * 86_400
}

extension ReportEstimate {
  /// The energy of a report in joules, without what the device uses between reports.
  public var energyPerReport: Double {
    reports == 0 ? 0 : account.activeEnergy / Double(reports)
  }

  /// The average power between reports in watts.
  public var idlePower: Double {
    let idle = account.energy - account.activeEnergy
    return duration > 0 ? idle / (duration / 1_000) : 0
  }

  /// The interval in milliseconds from which on a report costs the same however seldom it comes: the network has let
  /// the modem go before the next one, and in PSM it sleeps.
  ///
  /// Below it the energy of a report and the power between reports hold for the plan's own interval alone.
  public func settledInterval(_ model: RadioModel) -> Double {
    let (network, habits) = (model.network, plan.habits)
    return model[habits.coverage].roundTripHigh
      + (habits.assistsRelease ? max(network.release, network.inactivity) : network.inactivity)
      + (habits.sleeps ? network.activeTime : 0)
  }

  /// The average power in watts, the energy of reports times `ratio`.
  public func averagePower(_ ratio: Double = 1) -> Double {
    guard duration > 0 else { return 0 }
    return account.activeEnergy * ratio / (duration / 1_000) + idlePower
  }

  /// How many years a battery lasts by the model, and by published measurements: half of the
  /// published messages lie between `low` and `high`, all between `worst` and `best`.
  public func life(_ battery: Battery, _ model: RadioModel) -> LifeRange {
    let spread = model.spread(plan.habits.coverage)
    return LifeRange(
      estimate: battery.years(at: averagePower()),
      low: battery.years(at: averagePower(spread.upperQuartile)),
      high: battery.years(at: averagePower(spread.lowerQuartile)),
      worst: battery.years(at: averagePower(spread.highest)),
      best: battery.years(at: averagePower(spread.lowest))
    )
  }
}

/// How long a battery lasts, in years.
public struct LifeRange: Equatable, Sendable {
  /// By the model.
  public var estimate: Double
  /// The lower end of the middle half of published measurements.
  public var low: Double
  /// The upper end.
  public var high: Double
  /// By the dearest published message.
  public var worst: Double
  /// By the cheapest published message.
  public var best: Double
}
