internal import ConstrainedCore
public import PayloadValues

extension FleetSummary {
  /// The summary as one object; `run` in it differs from run to run.
  public var value: PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("fleet", 1), .init("scenario", .text(scenario)), .init("seed", .text("\(seed)")),
    ]
    for field in Self.fields {
      members.append(.init(field.name, .integer(Int64(self[keyPath: field.path]))))
    }
    members += [
      .init("interval", .integer(interval.count)), .init("duration", .integer(duration.count)),
      .init("energy", .double(energy)), .init("merged", .boolean(isMerged)),
      .init("recorded", .boolean(isRecorded)),
      .init(
        "security",
        .object(
          security.map { .init($0.key.rawValue, .integer(Int64($0.value))) }
            .sorted { $0.name < $1.name }
        )
      ),
      .init(
        "radio",
        .object(
          radio.map { .init("ecl\($0.key)", .integer(Int64($0.value))) }
            .sorted { $0.name < $1.name }
        )
      ),
      .init(
        "deliveryMilliseconds",
        [
          "p50": .integer(times.percentile(0.5)), "p90": .integer(times.percentile(0.9)),
          "p99": .integer(times.percentile(0.99)), "max": .integer(times.percentile(1)),
        ]
      ),
      .init(
        "deliveryClasses",
        .array(
          times.classes.sorted { $0.key < $1.key }.map {
            .array([.integer(Int64($0.key)), .integer(Int64($0.value))])
          }
        )
      ),
      .init(
        "run",
        [
          "cpuSeconds": .double(cost.cpu), "wallSeconds": .double(cost.wall),
          "deviceBytes": .integer(Int64(cost.devices)),
          "processBytes": .integer(Int64(cost.process)),
        ]
      ),
    ]
    return .object(members)
  }

  /// Reads what `value` gives; `nil` for anything else.
  public init?(_ value: PayloadValue) {
    self.init()
    guard value["fleet"]?.integer == 1, let scenario = value["scenario"]?.string,
      let seed = value["seed"]?.string.flatMap({ UInt64($0) })
    else { return nil }
    self.scenario = scenario
    self.seed = seed
    for field in Self.fields {
      guard let number = value[field.name]?.integer, number >= 0, number < 1 << 48 else {
        return nil
      }
      self[keyPath: field.path] = Int(number)
    }
    guard let interval = value["interval"]?.integer, let duration = value["duration"]?.integer,
      let energy = value["energy"]?.number, energy.isFinite
    else { return nil }
    self.interval = Milliseconds(interval)
    self.duration = Milliseconds(duration)
    self.energy = energy
    isMerged = value["merged"] == .boolean(true)
    isRecorded = value["recorded"] != .boolean(false)
    for member in value["security"]?.members ?? [] {
      guard let kind = FleetSecurity(rawValue: member.name), let count = Self.count(member.value)
      else { return nil }
      security[kind] = count
    }
    for member in value["radio"]?.members ?? [] {
      guard let kind = Int(member.name.dropFirst(3)), let count = Self.count(member.value) else {
        return nil
      }
      radio[kind] = count
    }
    var classes: [Int: Int] = [:]
    for element in value["deliveryClasses"]?.elements ?? [] {
      guard let pair = element.elements, pair.count == 2, let index = Self.count(pair[0]),
        index < 64 * 60, let count = Self.count(pair[1])
      else { return nil }
      classes[index, default: 0] += count
    }
    times = DeliveryTimes(classes: classes)
    cost.cpu = value["run"]?["cpuSeconds"]?.number ?? 0
    cost.wall = value["run"]?["wallSeconds"]?.number ?? 0
    cost.devices = value["run"]?["deviceBytes"].flatMap(Self.count) ?? 0
    cost.process = value["run"]?["processBytes"].flatMap(Self.count) ?? 0
  }

  private static func count(_ value: PayloadValue) -> Int? {
    value.integer.flatMap { (0..<1 << 48).contains($0) ? Int($0) : nil }
  }

  private static var fields: [(name: String, path: WritableKeyPath<FleetSummary, Int>)] {
    [
      ("devices", \.devices), ("authenticated", \.authenticated), ("reports", \.reports),
      ("delivered", \.delivered), ("refused", \.refused), ("waiting", \.waiting),
      ("taken", \.taken), ("lost", \.lost), ("double", \.doubles), ("requests", \.requests),
      ("retransmissions", \.retransmissions), ("authentications", \.authentications),
      ("handshakes", \.handshakes), ("resumptions", \.resumptions),
      ("authenticationPeak", \.authenticationPeak),
      ("authenticationMinute", \.authenticationMinute), ("datagramsUp", \.datagramsUp),
      ("bytesUp", \.bytesUp), ("datagramsDown", \.datagramsDown), ("bytesDown", \.bytesDown),
    ]
  }
}
