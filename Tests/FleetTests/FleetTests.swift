// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadValues
import PlatformFaults
import PlatformSimulator
import RadioModel
import Testing

@testable import Fleet

@Suite("A fleet in simulated time")
struct FleetTests {
  private static func plan(_ devices: Int = 20) -> FleetPlan {
    var plan = FleetPlan()
    plan.devices = devices
    plan.radio = FleetMix([(0, 0.7), (1, 0.2), (2, 0.1)])
    return plan
  }

  private static func run(_ plan: FleetPlan) throws -> FleetSummary {
    try FleetRun(plan).run(isInterrupted: { false }, report: { _ in })
  }

  /// The summary without what the machine has to do with.
  private static func lines(_ summary: FleetSummary) -> [String] { summary.lines.dropLast() }

  @Test func `every device delivers every report once, by both accounts`() throws {
    let summary = try Self.run(Self.plan())
    #expect(summary.devices == 20 && summary.authenticated == 20)
    #expect(summary.reports == 100 && summary.delivered == 100 && summary.waiting == 0)
    #expect(summary.taken == 100 && summary.lost == 0 && summary.doubles == 0)
    #expect(summary.times.count == 100)
    #expect(try #require(summary.delivery(0.5)) > 500)
    #expect(summary.radio == [0: 14, 1: 4, 2: 2])
    #expect(summary.energy > 10)
  }

  /// In a process of its own: the heap is the process's, and other tests free theirs meanwhile.
  @Test(arguments: [1, 3])
  func `a device takes less than 8 KB, also when it has reported`(ramp: Int64) async {
    await #expect(processExitsWith: .success) { [ramp] in
      var plan = Self.plan(400)
      plan.ramp = Milliseconds(ramp * 20_000)
      let summary = try Self.run(plan)
      #expect(summary.delivered == 2_000)
      let held = summary.cost.devices / 400
      #expect((6_000..<8_000).contains(held))
    }
  }

  @Test(arguments: FleetSecurity.allCases)
  func `a fleet whose last devices make no reports ends with the others`(
    security: FleetSecurity
  ) throws {
    var plan = Self.plan(30)
    plan.security = FleetMix([(security, 1)])
    plan.radio = FleetMix([(0, 1)])
    plan.duration = Milliseconds(5_000)
    let run = try FleetRun(plan)
    let idle = run.idleDevices
    #expect((26...28).contains(idle))
    let summary = run.run(isInterrupted: { false }, report: { _ in })
    #expect(summary.reports == 30 - idle && summary.delivered == summary.reports)
    // Not until the platform closes associations after 5 minutes, or for the whole of `settling`.
    #expect(summary.duration < Milliseconds(60_000))
  }

  @Test func `devices that share a place for their ciphers deliver`() throws {
    var plan = Self.plan(2 * FleetCiphers.limit + 3)
    plan.ramp = Milliseconds(1_000)
    plan.duration = Milliseconds(130_000)
    let summary = try Self.run(plan)
    #expect(summary.reports == 3 * plan.devices && summary.taken == summary.reports)
    #expect(summary.lost == 0 && summary.refused == 0)
  }

  @Test func `the herd is measured by the second where there are enough devices`() {
    var summary = FleetSummary()
    (summary.devices, summary.interval) = (10_000, Milliseconds(60_000))
    (summary.authenticationPeak, summary.authenticationMinute) = (300, 10_000)
    #expect(summary.measuresSeconds && abs(summary.value(of: .authenticationPeak) - 1.8) < 1e-9)
    let limit = FleetScenario.Expectation(measure: .authenticationPeak, least: nil, most: 1.5)
    #expect(
      limit.complaint(about: summary)
        == "authentication-peak by the second is 1.80, at most 1.50 was expected"
    )
    // Two parts whose peaks were added.
    (summary.parts, summary.partCount) = ([1, 2], 2)
    #expect(!summary.measuresSeconds && abs(summary.value(of: .authenticationPeak) - 1) < 1e-9)
    (summary.devices, summary.parts) = (1_000, [1])
    #expect(!summary.measuresSeconds && abs(summary.value(of: .authenticationPeak) - 10) < 1e-9)
  }

  @Test func `the same seed gives the same summary, another seed another one`() throws {
    var plan = Self.plan()
    plan.security = FleetMix([(.symmetric, 1), (.preSharedKey, 1)])
    plan.scenario.steps = [
      .init(time: Milliseconds(0), rules: try FaultRule.rules("drop=10%,delay=1s..5s"))
    ]
    let first = try Self.run(plan)
    #expect(try Self.lines(Self.run(plan)) == Self.lines(first))
    #expect(first.handshakes > 10 && (8...12).contains(first.security[.preSharedKey] ?? 0))
    plan.seed = 2
    var other = try Self.run(plan)
    // The first line names the seed.
    other.seed = first.seed
    #expect(Self.lines(other) != Self.lines(first))
  }

  @Test func `what is never delivered is in no percentile`() throws {
    var plan = Self.plan(4)
    plan.scenario = try FleetScenario(
      toml: Array(
        """
        [[fault]]
        at = "0s"
        fault = "answer=4.04,on=report,times=2"
        [[expect]]
        measure = "delivery-99"
        at-most = 1000000000
        [[expect]]
        measure = "delivery-median"
        at-most = 3600
        """.utf8
      )
    )
    let summary = try Self.run(plan)
    #expect(summary.reports == 20 && summary.delivered == 18)
    #expect(summary.delivery(0.9) != nil && summary.delivery(0.99) == nil)
    #expect(summary.lines.contains { $0.contains("99 % never, 100 % never") })
    let complaints = summary.expectations.map { $0.complaint(about: summary) }
    #expect(complaints[0]?.contains("18 of 20 reports were delivered") == true)
    #expect(complaints[1] == nil)
  }

  @Test(arguments: FleetSecurity.allCases)
  func `every protection delivers`(security: FleetSecurity) throws {
    var plan = Self.plan(6)
    plan.security = FleetMix([(security, 1)])
    let summary = try Self.run(plan)
    #expect(summary.delivered == 30 && summary.taken == 30 && summary.lost == 0)
    #expect((summary.handshakes > 0) == (security != .symmetric))
  }

  @Test func `shards put together are the fleet`() throws {
    var plan = Self.plan()
    let whole = try Self.run(plan)
    plan.shard = .init(1, of: 2)
    var sum = try Self.run(plan)
    plan.shard = .init(2, of: 2)
    let other = try Self.run(plan)
    // As they come from files.
    sum = try #require(FleetSummary(sum.value))
    let rest = try #require(FleetSummary(other.value))
    #expect(sum.differences(from: rest).isEmpty && sum.parts.isDisjoint(with: rest.parts))
    #expect(!sum.isWhole && sum.differences(from: whole) == ["shard"])
    sum.merge(rest)
    #expect(sum.isWhole && sum.parts == [1, 2])
    #expect(sum.devices == 20 && sum.delivered == whole.delivered && sum.taken == whole.taken)
    #expect(sum.times == whole.times && sum.bytesUp == whole.bytesUp)
    #expect(sum.requests == whole.requests && abs(sum.energy - whole.energy) < 1e-6)
  }

  @Test func `a platform that is gone for a while and forgets its sessions gets everything`() throws
  {
    var plan = Self.plan()
    plan.interval = Milliseconds(300_000)
    plan.ramp = plan.interval
    plan.duration = Milliseconds(8 * 3_600_000)
    plan.scenario = try FleetScenario(toml: Array(FleetScenario.regionOutage.utf8))
    #expect(plan.scenario.steps.count == 2 && plan.scenario.expectations.count == 3)
    let summary = try Self.run(plan)
    #expect(summary.reports == 20 * 96 && summary.taken == 20 * 96)
    #expect(summary.lost == 0 && summary.waiting == 0)
    #expect(summary.authentications >= 40)
  }

  @Test func `what does not hold is said`() throws {
    var plan = Self.plan(4)
    plan.settling = Milliseconds(0)
    plan.scenario = try FleetScenario(
      toml: Array(
        """
        [[fault]]
        at = "1m"
        fault = "drop"
        [[expect]]
        measure = "waiting"
        at-most = 0
        [[expect]]
        measure = "authenticated"
        at-least = 4
        """.utf8
      )
    )
    let summary = try Self.run(plan)
    #expect(summary.waiting > 10)
    let complaints = plan.scenario.expectations.map { $0.complaint(about: summary) }
    #expect(complaints[0] == "waiting is \(summary.waiting), at most 0 was expected")
    #expect(complaints[1] == nil)
  }

  @Test(arguments: [true, false])
  func `a retransmission from another address is taken once, or refused and sent again`(
    isRecognised: Bool
  ) throws {
    var plan = Self.plan(1)
    plan.assumptions.recognisesMovedDevices = isRecognised
    plan.radio = FleetMix([(0, 1)])
    // The answer to the second report, whose retransmission comes from another address; that to the first one has
    // confirmed the key.
    plan.scenario.steps = [
      .init(
        time: Milliseconds(0),
        rules: try FaultRule.rules("nat=1s") + FaultRule.rules("drop,way=down,after=2,times=1")
      )
    ]
    let summary = try Self.run(plan)
    #expect(summary.delivered == 5 && summary.refused == 0 && summary.waiting == 0)
    #expect(summary.taken == 5 && summary.lost == 0)
    #expect(summary.doubles == (isRecognised ? 0 : 1))
    #expect(summary.retransmissions >= 1)
    #expect(summary.authentications == (isRecognised ? 1 : 2))
  }

  @Test func `a refused report is not lost`() throws {
    var plan = Self.plan(3)
    plan.scenario.steps = [
      .init(time: Milliseconds(0), rules: try FaultRule.rules("answer=4.04,on=report,times=2"))
    ]
    let summary = try Self.run(plan)
    #expect(summary.refused == 2 && summary.delivered == 13 && summary.taken == 13)
    #expect(summary.lost == 0 && summary.waiting == 0)
  }
}

@Suite("The parts of a fleet")
struct FleetPartTests {
  @Test func `a template has a number that can be found`() throws {
    _ = try ReportTemplate(#"{"n":{n},"d":"{device}","t":{time},"r":{random}}"#)
    #expect(throws: ReportTemplate.Failure.noNumber) { try ReportTemplate("{}") }
    #expect(throws: ReportTemplate.Failure.nothingBeforeNumber) { try ReportTemplate("{n}") }
    #expect(throws: ReportTemplate.Failure.nothingBeforeNumber) { try ReportTemplate("{time}{n}") }
    #expect(throws: ReportTemplate.Failure.nothingBeforeNumber) {
      try ReportTemplate("{random}5{n}")
    }
    for behind in ["{random}", "{time}", "{device}", "{n}", "7"] {
      #expect(throws: ReportTemplate.Failure.digitBehindNumber) {
        try ReportTemplate("x{n}\(behind)")
      }
    }
    let long = String(repeating: "x", count: 1_020)
    #expect(throws: ReportTemplate.Failure.tooLong(1_030)) { try ReportTemplate(long + "{n}") }
  }

  @Test(arguments: [
    "x{n}", "x5{n}x7{n}", "{device}-{n}", "{device}5{device}-{n}", "{random}{time}-1-{n}",
    "{time}9{random}5x5{n}}", String(repeating: "{time}{random}", count: 3) + "x{n}",
  ])
  func `a report's number is found behind whatever stands before it`(text: String) throws {
    let template = try ReportTemplate(text)
    for device in ["node-7", "5-55-5x5", "x5"] {
      for (number, random) in [(1, 5), (42, 55), (Int(UInt32.max), 0)] {
        let report = template.report(
          number: number,
          device: device,
          time: 1_767_225_600_000,
          random: random
        )
        #expect(template.number(in: report, of: device) == number, "\(device)")
        for count in report.indices {
          let cut = template.number(in: Array(report[..<count]), of: device)
          #expect(cut.map { $0 <= number } ?? true)
        }
      }
    }
    #expect(template.number(in: [], of: "node-7") == nil)
    #expect(template.number(in: Array("-".utf8), of: "node-7") == nil)
  }

  @Test(arguments: [
    ("x = 1", 1, "there is only name"), ("[fault]", 1, "unknown table"),
    ("[[fault]]\nat = \"2\"", 2, "a time with its unit"),
    ("[[fault]]\nat = \"2h\"", 1, "both at and fault"),
    ("[[fault]]\nat = \"2h\"\nfault = \"dorp\"", 3, "dorp: no fault is called that"),
    ("[[fault]]\nwhen = 1", 2, "unknown key when"),
    ("[[expect]]\nmeasure = \"joy\"", 2, "there are lost, double"),
    ("[[expect]]\nmeasure = \"lost\"", 1, "at-least or at-most"),
    ("[[expect]]\nat-most = \"a\"", 2, "at-most is a number"), ("a", 1, "KEY = VALUE"),
  ])
  func `a bad scenario is refused with its line`(text: String, line: Int, reason: String) {
    let error = #expect(throws: FleetScenarioError.self) {
      try FleetScenario(toml: Array(text.utf8))
    }
    #expect(error?.line == line)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func `the busiest second and minute`() {
    var times = BusiestTimes()
    for second: Int64 in [5, 5, 5, 64, 64, 65, 1_000, 1_059, 1_060] { times.add(at: second) }
    #expect(times.second == 3)
    #expect(times.minute == 5)
  }

  @Test func `the platform's record has each number once`() {
    var record = PlatformRecord()
    for number in [1, 2, 4, 4, 2, 7] { record.add(number) }
    #expect(record.count == 4 && record.doubles == 2)
    #expect(record.count(upTo: 4) == 3 && record.contains(4) && !record.contains(3))
    record.add(3)
    #expect(record.count == 5 && record.count(upTo: 6) == 4)
  }

  @Test func `a result is read as it was written, and nothing else is`() throws {
    let summary = Self.summary()
    let read = try #require(FleetSummary(summary.value))
    #expect(read.value == summary.value && read.lines == summary.lines)
    #expect(Set(FleetSummary.fields.map { read[keyPath: $0.path] }).count == 20)
    #expect(FleetSummary([:]) == nil)
    #expect(FleetSummary(["fleet": 1, "scenario": "", "seed": "1"]) == nil)
  }

  @Test(
    arguments: [
      ("interval", 0), ("interval", -5), ("duration", -1), ("energy", -0.5), ("devices", 99),
      ("devices", -1), ("waiting", 0), ("bytesUp", .integer(1 << 45)),
      ("radio", ["zzz0": 100]), ("radio", ["ecl3": 100]), ("radio", ["ecl0": 99]),
      ("security", ["symmetric": 100, "symmetric": 100]), ("security", ["psk": 40]), ("parts", [4]),
    ] as [(String, PayloadValue)]
  )
  func `a result that no fleet can have is refused`(name: String, value: PayloadValue) throws {
    var members = try #require(Self.summary().value.members)
    let index = try #require(members.firstIndex { $0.name == name })
    members[index] = .init(name, value)
    #expect(FleetSummary(.object(members)) == nil)
  }

  /// A different number in each count.
  private static func summary() -> FleetSummary {
    var summary = FleetSummary()
    for (index, field) in FleetSummary.fields.enumerated() {
      summary[keyPath: field.path] = 100 + index
    }
    summary.delivered = 3
    summary.reports = 3 + summary.refused + summary.waiting
    for time: Int64 in [5, 1_000, 70_000] { summary.times.add(Milliseconds(time)) }
    summary.interval = Milliseconds(60_000)
    summary.security = [.symmetric: 60, .preSharedKey: 40]
    summary.radio = [0: 100]
    summary.energy = 1.5
    summary.scenario = "a"
    summary.expectations = [.init(measure: .lost, least: nil, most: 0.5)]
    (summary.partCount, summary.parts) = (3, [2])
    summary.settings = [.init(name: "radio", value: "ecl0=1.0")]
    return summary
  }

  @Test func `parts are added count by count`() {
    var sum = Self.summary()
    let part = sum
    sum.merge(part)
    for field in FleetSummary.fields {
      #expect(sum[keyPath: field.path] == 2 * part[keyPath: field.path], "\(field.name)")
    }
    #expect(sum.times.count == 6 && sum.energy == 3 && sum.radio == [0: 200] && sum.isMerged)
  }

  @Test func `a class of times that is out of range, or there twice, is refused`() throws {
    func read(_ classes: String) throws -> FleetSummary? {
      let text = String(decoding: Self.summary().value.encoded(.json), as: UTF8.self)
      let start = try #require(text.firstRange(of: #""deliveryClasses":["#)).upperBound
      let end = try #require(text[start...].firstRange(of: "]]")).lowerBound
      let changed = text[..<start] + classes + text[end...].dropFirst()
      return FleetSummary(try #require(PayloadValue(Array(changed.utf8), .json)))
    }
    #expect(try read("[3711,3]")?.delivery(0.01) == Int64.max)
    #expect(try read("[3712,3]") == nil)
    #expect(try read("[5,1],[5,2]") == nil)
    #expect(try read("[5,1],[6,1]") == nil)
    #expect(try read("[5,1],[6,2]")?.delivered == 3)
  }

  @Test func `a report's time is a date`() throws {
    func bytes(_ time: String) throws -> Int {
      var plan = FleetPlan()
      plan.devices = 1
      let value = #"{"value":1,"time":\#(time)}"#
      plan.template = try ReportTemplate(
        #"{"id":"{n}","version":"1.0","params":{"T":\#(value),"U":\#(value),"V":\#(value)},"#
          + #""method":"thing.event.property.post"}"#
      )
      let summary = try FleetRun(plan).run(isInterrupted: { false }, report: { _ in })
      #expect(summary.taken == 5)
      return summary.bytesUp
    }
    // With 7 digits of the run's own clock in three places there would be a block of AES less.
    #expect(try bytes("{time}") == bytes("1767225600000"))
    #expect(try bytes("{time}") > bytes("1000000"))
  }
}
