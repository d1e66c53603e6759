// SPDX-License-Identifier: Apache-2.0
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
          "p50": percentile(0.5), "p90": percentile(0.9), "p99": percentile(0.99),
          "max": percentile(1),
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
    members.append(.init("partCount", .integer(Int64(partCount))))
    members.append(.init("parts", .array(parts.sorted().map { .integer(Int64($0)) })))
    members.append(.init("expectations", .array(expectations.map(\.value))))
    members.append(
      .init("settings", .object(settings.map { .init($0.name, .text($0.value)) }))
    )
    return .object(members)
  }

  private func percentile(_ part: Double) -> PayloadValue {
    delivery(part).map { .integer($0) } ?? .null
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
      guard let number = value[field.name].flatMap(Self.count) else { return nil }
      self[keyPath: field.path] = number
    }
    guard let interval = value["interval"]?.integer, interval > 0,
      let duration = value["duration"]?.integer, duration >= 0,
      let energy = value["energy"].flatMap(Self.amount)
    else { return nil }
    self.interval = Milliseconds(interval)
    self.duration = Milliseconds(duration)
    self.energy = energy
    guard let partCount = value["partCount"].flatMap(Self.count), (1...200_000).contains(partCount),
      let parts = value["parts"]?.elements, !parts.isEmpty, parts.count <= partCount,
      let expectations = value["expectations"]?.elements,
      let settings = value["settings"]?.members
    else { return nil }
    for member in settings {
      guard let text = member.value.string else { return nil }
      self.settings.append(Setting(name: member.name, value: text))
    }
    self.partCount = partCount
    self.parts = []
    for part in parts {
      guard let number = Self.count(part), (1...partCount).contains(number),
        self.parts.insert(number).inserted
      else { return nil }
    }
    for element in expectations {
      guard let expectation = FleetScenario.Expectation(element) else { return nil }
      self.expectations.append(expectation)
    }
    isMerged = value["merged"] == .boolean(true)
    isRecorded = value["recorded"] != .boolean(false)
    for member in value["security"]?.members ?? [] {
      guard let kind = FleetSecurity(rawValue: member.name), let count = Self.count(member.value),
        security.updateValue(count, forKey: kind) == nil
      else { return nil }
    }
    for member in value["radio"]?.members ?? [] {
      guard let kind = (0...2).first(where: { member.name == "ecl\($0)" }),
        let count = Self.count(member.value), radio.updateValue(count, forKey: kind) == nil
      else { return nil }
    }
    var classes: [Int: Int] = [:]
    for element in value["deliveryClasses"]?.elements ?? [] {
      guard let pair = element.elements, pair.count == 2, let index = Self.count(pair[0]),
        index < DeliveryTimes.limit, let count = Self.count(pair[1]),
        classes.updateValue(count, forKey: index) == nil
      else { return nil }
    }
    times = DeliveryTimes(classes: classes)
    guard times.count == delivered, isConsistent else { return nil }
    cost.cpu = value["run"]?["cpuSeconds"].flatMap(Self.amount) ?? 0
    cost.wall = value["run"]?["wallSeconds"].flatMap(Self.amount) ?? 0
    cost.devices = value["run"]?["deviceBytes"].flatMap(Self.count) ?? 0
    cost.process = value["run"]?["processBytes"].flatMap(Self.count) ?? 0
  }

  /// Whether its numbers can be of one fleet.
  private var isConsistent: Bool {
    security.values.reduce(0, +) == devices && radio.values.reduce(0, +) == devices
      && delivered + refused + waiting == reports
  }

  /// A count of which 200,000, as many as there can be parts, can be added.
  private static func count(_ value: PayloadValue) -> Int? {
    value.integer.flatMap { (0..<1 << 45).contains($0) ? Int($0) : nil }
  }

  private static func amount(_ value: PayloadValue) -> Double? {
    value.number.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }

  /// All counts by their names; the sums of shards.
  static var fields: [(name: String, path: WritableKeyPath<FleetSummary, Int>)] {
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

extension FleetScenario.Expectation {
  fileprivate var value: PayloadValue {
    .object([
      .init("measure", .text(measure.rawValue)),
      .init("atLeast", least.map { .double($0) } ?? .null),
      .init("atMost", most.map { .double($0) } ?? .null),
    ])
  }

  fileprivate init?(_ value: PayloadValue) {
    guard let measure = value["measure"]?.string.flatMap({ FleetMeasure(rawValue: $0) }) else {
      return nil
    }
    self.measure = measure
    least = value["atLeast"]?.number
    most = value["atMost"]?.number
  }
}
