// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadValues

/// What became of a fleet's reports, by the devices' account and by the platform's.
///
/// All of it but `cost` is the same for the same plan; over DTLS with a certificate some bytes are not, because a
/// signature's length varies.
public struct FleetSummary: Sendable {
  /// What the run cost the machine.
  public struct Cost: Sendable {
    /// Seconds of the processor.
    public var cpu = 0.0
    /// Seconds that it took.
    public var wall = 0.0
    /// The heap that the devices held at the end, in bytes, without sockets and the platform; 0 where libc does not say.
    public var devices = 0
    /// The process's memory at its end, in bytes.
    public var process = 0
  }

  /// One of the settings that all parts of a fleet have in common.
  public struct Setting: Equatable, Sendable {
    /// The option's name, without hyphens before it.
    public var name: String
    /// Its value, as a text that is the same for the same value.
    public var value: String
  }

  /// The scenario's name.
  public var scenario = ""
  /// What the scenario expects of the whole fleet.
  public var expectations: [FleetScenario.Expectation] = []
  /// What else makes it this fleet.
  public var settings: [Setting] = []
  /// How many parts the fleet was divided into.
  public var partCount = 1
  /// Which of the parts are in it, counted from 1.
  public var parts: Set<Int> = [1]
  /// The seed.
  public var seed: UInt64 = 1
  /// Devices.
  public var devices = 0
  /// How many devices there are of each protection.
  public var security: [FleetSecurity: Int] = [:]
  /// How many devices there are of each coverage class.
  public var radio: [Int: Int] = [:]
  /// From one report of a device to the next.
  public var interval = Milliseconds(0)
  /// How long the run lasted, waiting included.
  public var duration = Milliseconds(0)
  /// Devices that have authenticated at least once.
  public var authenticated = 0

  /// Reports made.
  public var reports = 0
  /// Reports that the platform acknowledged.
  public var delivered = 0
  /// Reports that it refused for good.
  public var refused = 0
  /// Reports that waited at the end.
  public var waiting = 0
  /// From when a report was made to its acknowledgement.
  public var times = DeliveryTimes()

  /// Whether the platform's record is known; without it what it has taken is 0.
  public var isRecorded = true
  /// Different reports that the platform has taken.
  public var taken = 0
  /// Reports that it accepted more than once.
  public var doubles = 0
  /// Reports that a device thinks delivered and the platform does not have.
  public var lost = 0

  /// Requests, without their retransmissions.
  public var requests = 0
  /// Retransmissions.
  public var retransmissions = 0
  /// Tokens.
  public var authentications = 0
  /// Handshakes, whole and resumed.
  public var handshakes = 0
  /// Those that resumed a session.
  public var resumptions = 0
  /// Authentications that reached the platform in the busiest second.
  public var authenticationPeak = 0
  /// The same in the busiest minute.
  public var authenticationMinute = 0
  /// Datagrams and their bytes from devices, without the headers of IP and UDP.
  public var (datagramsUp, bytesUp) = (0, 0)
  /// The same to devices.
  public var (datagramsDown, bytesDown) = (0, 0)
  /// Energy of all radios in joules.
  public var energy = 0.0
  /// Whether it is one of several shards put together.
  public var isMerged = false
  /// Whether all parts of the fleet are in it.
  public var isWhole: Bool { parts.count == partCount }
  /// What another summary of the same fleet would have in common with this one and does not: the names of options,
  /// `shard` for the number of parts.
  public func differences(from other: FleetSummary) -> [String] {
    var names: [String] = []
    if seed != other.seed { names.append("seed") }
    if interval != other.interval { names.append("interval") }
    if scenario != other.scenario || expectations != other.expectations { names.append("scenario") }
    if partCount != other.partCount { names.append("shard") }
    let (mine, others) = (settings, other.settings)
    for name in mine.map(\.name) + others.map(\.name) where !names.contains(name) {
      let values = [mine, others].map { list in list.first { $0.name == name }?.value }
      if values[0] != values[1] { names.append(name) }
    }
    return names
  }
  /// What the run cost.
  public var cost = Cost()

  /// Nothing yet.
  public init() {}

  /// Reports that the devices make in a second.
  public var reportRate: Double {
    interval.count > 0 ? Double(devices) * 1_000 / Double(interval.count) : 0
  }

  /// Whether `authentication-peak` is that of the busiest second and not of the busiest minute.
  ///
  /// Where devices start evenly, the number in a second varies by chance as a Poisson number does: with a mean of 100
  /// one half more is 5 standard deviations, which no second of a month reaches; with a mean of 3 it happens all the
  /// time. Peaks of parts are added, so that each part is to be as large.
  public var measuresSeconds: Bool { reportRate >= 100 * Double(max(1, parts.count)) }

  /// A measure of it.
  public func value(of measure: FleetMeasure) -> Double {
    switch measure {
    case .lost: Double(lost)
    case .double: Double(doubles)
    case .waiting: Double(waiting)
    case .refused: Double(refused)
    case .delivered: Double(delivered)
    case .authenticated: Double(authenticated)
    case .missing: Double(reports - taken)
    case .authenticationPeak:
      reportRate > 0
        ? (measuresSeconds ? Double(authenticationPeak) : Double(authenticationMinute) / 60)
          / reportRate : 0
    case .deliveryMedian: seconds(0.5)
    case .deliveryHigh: seconds(0.99)
    }
  }

  /// The time within which that part of the reports made was delivered, in milliseconds; `nil` where fewer were.
  public func delivery(_ part: Double) -> Int64? { times.percentile(part, of: reports) }

  private func seconds(_ part: Double) -> Double {
    delivery(part).map { Double($0) / 1_000 } ?? .infinity
  }

  /// Adds another shard of the same fleet.
  ///
  /// The peaks are added: the busiest seconds of shards need not be the same, so the sum is the most that it can be.
  public mutating func merge(_ other: FleetSummary) {
    isMerged = true
    parts.formUnion(other.parts)
    for field in Self.fields { self[keyPath: field.path] += other[keyPath: field.path] }
    for (kind, count) in other.security { security[kind, default: 0] += count }
    for (kind, count) in other.radio { radio[kind, default: 0] += count }
    duration = max(duration, other.duration)
    times.add(other.times)
    isRecorded = isRecorded && other.isRecorded
    energy += other.energy
    cost.cpu += other.cost.cpu
    cost.wall = max(cost.wall, other.cost.wall)
    cost.devices += other.cost.devices
    cost.process += other.cost.process
  }
}

/// What a scenario can demand.
public enum FleetMeasure: String, Sendable, CaseIterable {
  /// Reports that a device thinks delivered and the platform does not have.
  case lost
  /// Reports that the platform accepted more than once.
  case double
  /// Reports that waited at the end.
  case waiting
  /// Reports that the platform refused for good.
  case refused
  /// Reports that the platform acknowledged.
  case delivered
  /// Devices that have authenticated.
  case authenticated
  /// Reports made that the platform does not have.
  case missing
  /// Authentications in the busiest second, by the reports that devices make in a second; in the busiest minute where
  /// that is fewer than 100, see `FleetSummary.measuresSeconds`.
  case authenticationPeak = "authentication-peak"
  /// Half of the reports made were delivered within that time, in seconds; without end where fewer were.
  case deliveryMedian = "delivery-median"
  /// 99 % of the reports made were delivered within that time, in seconds; without end where fewer were.
  case deliveryHigh = "delivery-99"
}

extension FleetSummary {
  fileprivate var peakPeriod: String { measuresSeconds ? " by the second" : " by the minute" }
}

extension FleetScenario.Expectation {
  /// What is wrong, in words; `nil` if it holds.
  public func complaint(about summary: FleetSummary) -> String? {
    let value = summary.value(of: measure)
    if let most, value == .infinity {
      return
        "\(measure.rawValue) is not reached, because \(summary.delivered) of \(summary.reports) reports were delivered; "
        + "at most \(FleetSummary.shown(most)) was expected"
    }
    if let most, value > most {
      let period = measure == .authenticationPeak ? summary.peakPeriod : ""
      return
        "\(measure.rawValue)\(period) is \(FleetSummary.shown(value)), at most \(FleetSummary.shown(most)) was expected"
    }
    if let least, value < least {
      return
        "\(measure.rawValue) is \(FleetSummary.shown(value)), at least \(FleetSummary.shown(least)) was expected"
    }
    return nil
  }
}
