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
    /// Memory that the devices took when they were made, in bytes.
    public var devices = 0
    /// The process's memory at its end, in bytes.
    public var process = 0
  }

  /// The scenario's name.
  public var scenario = ""
  /// What the scenario expects of the whole fleet.
  public var expectations: [FleetScenario.Expectation] = []
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
  /// Whether another summary is of another part of the same fleet.
  public func isComplemented(by other: FleetSummary) -> Bool {
    seed == other.seed && interval == other.interval && scenario == other.scenario
      && expectations == other.expectations && partCount == other.partCount
  }
  /// What the run cost.
  public var cost = Cost()

  /// Nothing yet.
  public init() {}

  /// Reports that the devices make in a second.
  public var reportRate: Double {
    interval.count > 0 ? Double(devices) * 1_000 / Double(interval.count) : 0
  }

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
      reportRate > 0 ? Double(authenticationMinute) / 60 / reportRate : 0
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
  /// Authentications in the busiest minute, by the reports that devices make in a minute.
  ///
  /// In a second there are some more by chance alone, the fewer devices the more.
  case authenticationPeak = "authentication-peak"
  /// Half of the reports made were delivered within that time, in seconds; without end where fewer were.
  case deliveryMedian = "delivery-median"
  /// 99 % of the reports made were delivered within that time, in seconds; without end where fewer were.
  case deliveryHigh = "delivery-99"
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
      return
        "\(measure.rawValue) is \(FleetSummary.shown(value)), at most \(FleetSummary.shown(most)) was expected"
    }
    if let least, value < least {
      return
        "\(measure.rawValue) is \(FleetSummary.shown(value)), at least \(FleetSummary.shown(least)) was expected"
    }
    return nil
  }
}
