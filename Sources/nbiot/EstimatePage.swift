// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import EnergyEstimate
internal import FoundationEssentials
internal import Glibc
internal import PayloadValues
internal import RadioModel

/// Estimates as text and as objects for programs.
struct EstimatePage {
  let model: RadioModel
  let battery: Battery
  /// The longest life first.
  let results: [ReportEstimate]
  /// What is odd about the file that was priced.
  var remarks: [String] = []
  /// How many days the result is for, and how many were simulated where they were fewer.
  let days: Int
  let sample: Int?

  // MARK: Text

  /// Everything about each result.
  var whole: String { results.map(text).joined(separator: "\n\n") }

  private func text(_ result: ReportEstimate) -> String {
    var lines = [heading(result), "", traffic(result), "", energy(result), ""]
    let voltage = model.powers(result.plan.habits.scope).voltage
    let event = result.energyPerReport
    lines.append(
      "a report: \(number(event)) J, \(number(event / voltage / 3.6 * 1_000)) uAh at "
        + "\(number(voltage)) V; on average \(number(result.averagePower() / voltage * 1e6)) uA, "
        + "\(number(result.averagePower() * 1_000)) mW"
    )
    lines.append(delivery(result))
    let life = result.life(battery, model)
    lines.append(
      "the battery, \(number(battery.charge)) Ah at \(number(battery.voltage)) V, lasts "
        + "\(years(life.low)) to \(years(life.high)) years, \(years(life.estimate)) by the model: half of the published "
        + "measurements of class \(result.plan.habits.coverage) lie in that range, all between "
        + "\(years(life.worst)) and \(years(life.best)) years"
    )
    if let line = oneYear(result) { lines.append(line) }
    lines += Remark.all(result, life, battery, model).map { "remark: \($0)" }
    return lines.joined(separator: "\n")
  }

  /// The interval at which the battery lasts a year; `nil` where the plan's own is too short to tell.
  private func oneYear(_ result: ReportEstimate) -> String? {
    let settled = result.settledInterval(model)
    guard result.plan.interval >= settled else { return nil }
    let interval = battery.intervalForOneYear(
      event: result.energyPerReport,
      idle: result.idlePower
    )
    guard let interval else {
      return "it does not last one year, however seldom the device reports"
    }
    guard interval * 1_000 >= settled else {
      return "it lasts more than one year with a report each \(duration(settled))"
    }
    return "it lasts one year with a report each \(duration(interval * 1_000))"
  }

  /// How much time was simulated.
  private var simulated: String {
    func text(_ days: Int) -> String { Self.count(days, "day") }
    guard let sample else { return "\(text(days)) simulated" }
    return "\(text(sample)) simulated and scaled to \(text(days))"
  }

  private func heading(_ result: ReportEstimate) -> String {
    let plan = result.plan
    let whose = plan.habits.scope == .modem ? "the modem alone" : "the whole device"
    if let peer = plan.peer {
      return
        "an estimate for \(whose): each \(duration(plan.interval)) a report, \(result.reports) in all, with the packets of "
        + "\(peer); \(Self.habits(plan)), coverage class \(plan.habits.coverage)"
    }
    return
      "an estimate for \(whose): each \(duration(plan.interval)) a report of \(plan.payload.count) bytes, "
      + "\(Self.combination(plan)), coverage class \(plan.habits.coverage), \(simulated)"
  }

  private func traffic(_ result: ReportEstimate) -> String {
    let reports = Double(max(1, result.reports))
    func cells(_ count: TrafficCount) -> [String] {
      [count.datagrams, count.bytes, count.headers, count.blocks].map {
        number(Double($0) / reports)
      }
    }
    var rows = [
      ["per report", "up:", "bytes", "IP+UDP", "blocks", "down:", "bytes", "IP+UDP", "blocks"]
    ]
    for purpose in TrafficPurpose.allCases {
      let (up, down) = (result.account.sent(purpose), result.account.received(purpose))
      guard up.blocks + down.blocks > 0 else { continue }
      rows.append([purpose.rawValue] + cells(up) + cells(down))
    }
    rows.append(["all"] + cells(result.account.allSent) + cells(result.account.allReceived))
    return NumberTable(rows, numeric: Set(1...8)).description
  }

  private func energy(_ result: ReportEstimate) -> String {
    var rows = [["energy", "mJ per report", "%"]]
    let reports = Double(max(1, result.reports))
    for cause in EnergyCause.all where result.account.energy(cause) > 0 {
      let energy = result.account.energy(cause)
      rows.append([
        cause.name, number(energy / reports * 1_000),
        number(100 * energy / result.account.energy),
      ])
    }
    rows.append(["all", number(result.account.energy / reports * 1_000), "100"])
    return NumberTable(rows, numeric: [1, 2]).description
  }

  private func delivery(_ result: ReportEstimate) -> String {
    if result.isReplay {
      return
        "\(Self.count(result.reports, "report")), \(result.acknowledged) of them with an answer, "
        + "\(Self.count(result.retransmissions, "retransmission")), "
        + "\(Self.count(result.authentications, "token")), as far as packets and counters show"
    }
    var parts = [
      "\(Self.count(result.reports, "report")), \(result.acknowledged) acknowledged"
    ]
    if result.refused > 0 { parts.append("\(result.refused) refused") }
    parts.append("\(Self.count(result.unanswered, "attempt")) without an answer")
    if result.waiting > 0 { parts.append("\(result.waiting) still waiting at the end") }
    parts.append(Self.count(result.retransmissions, "retransmission"))
    parts.append(Self.count(result.authentications, "token"))
    if result.handshakes > 0 {
      parts.append(
        "\(Self.count(result.handshakes, "handshake")), \(result.resumptions) of them resumed"
      )
    }
    return parts.joined(separator: ", ")
  }

  /// All results side by side.
  var comparison: String {
    var rows = [
      [
        "years", "range", "J/report", "class", "bytes up", "down", "again", "unanswered",
        "combination",
      ]
    ]
    for result in results {
      let life = result.life(battery, model)
      let reports = Double(max(1, result.reports))
      let (up, down) = (result.account.allSent, result.account.allReceived)
      rows.append([
        years(life.estimate), "\(years(life.low))-\(years(life.high))",
        number(result.energyPerReport),
        "\(result.plan.habits.coverage)",
        number(Double(up.bytes + up.headers) / reports),
        number(Double(down.bytes + down.headers) / reports),
        "\(result.retransmissions)", "\(result.unanswered)", Self.combination(result.plan),
      ])
    }
    guard let first = results.first else { return "" }
    let whose = first.plan.habits.scope == .modem ? "the modem alone" : "the whole device"
    let heading =
      "estimates for \(whose): each \(duration(first.plan.interval)) a report, \(simulated), a battery of "
      + "\(number(battery.charge)) Ah at \(number(battery.voltage)) V; bytes with IP and UDP; the range holds half of "
      + "the published measurements"
    let spread = results.compactMap(\.spread).max().map {
      "; in the three parts that were simulated the energy of a report differs by \(number($0 * 100)) % at most"
    }
    let table = NumberTable(rows, numeric: Set(0...7)).description
    return ([heading + (spread ?? ""), table] + comparedRemarks).joined(separator: "\n")
  }

  /// What is strange about combinations, once each, and about how many of them.
  private var comparedRemarks: [String] {
    var remarks: [(text: String, count: Int)] = []
    for result in results {
      for text in Remark.all(result, result.life(battery, model), battery, model) {
        if let place = remarks.firstIndex(where: { $0.text == text }) {
          remarks[place].count += 1
        } else {
          remarks.append((text, 1))
        }
      }
    }
    return remarks.map { "remark on \($0.count) of \(results.count): \($0.text)" }
  }

  /// What distinguishes a plan from others.
  static func combination(_ plan: ReportPlan) -> String {
    if let peer = plan.peer { return "\(peer); \(habits(plan))" }
    let security = plan.transport == .coap ? plan.security.rawValue : "tls"
    return
      "\(plan.transport.rawValue) \(plan.format == .cbor ? "cbor" : "json") \(security) \(habits(plan))"
  }

  /// What a plan has the radio do.
  private static func habits(_ plan: ReportPlan) -> String {
    let sleep =
      plan.habits.sleeps
      ? "PSM" : plan.habits.extendedCycle.map { "eDRX \(Self.number($0 / 1_000)) s" } ?? "idle"
    return "\(sleep) \(plan.habits.assistsRelease ? "released" : "held")"
  }

  private func years(_ years: Double) -> String { Self.number(years) }
  private func number(_ value: Double) -> String { Self.number(value) }

  /// A number of things: 1 report, 2 reports.
  static func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }

  /// Three significant digits.
  static func number(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    let digits = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
    return fixed(value, digits: min(digits, 6))
  }

  /// The number with so many digits behind the point, in decimal digits alone.
  private static func fixed(_ value: Double, digits: Int) -> String {
    let size = 400
    var text = [CChar](repeating: 0, count: size)
    // SAFETY: vsnprintf writes no more than `size` bytes; a Double has 309 digits before the point.
    let count = unsafe withVaList([Int32(digits), value]) {
      unsafe vsnprintf(&text, size, "%.*f", $0)
    }
    return String(decoding: text.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func duration(_ milliseconds: Double) -> String {
    let seconds = milliseconds / 1_000
    switch seconds {
    case ..<120: return "\(number(seconds)) s"
    case ..<7_200: return "\(number(seconds / 60)) min"
    case ..<172_800: return "\(number(seconds / 3_600)) h"
    default: return "\(number(seconds / 86_400)) d"
    }
  }

  // MARK: JSON

  /// One object a result.
  var json: [PayloadValue] { results.map(object) }

  private func object(_ result: ReportEstimate) -> PayloadValue {
    typealias Member = PayloadValue.Member
    let plan = result.plan
    let life = result.life(battery, model)
    // Packets and counters do not show it.
    func known(_ value: PayloadValue) -> PayloadValue { result.isReplay ? .null : value }
    func count(_ count: TrafficCount) -> PayloadValue {
      .object([
        Member("datagrams", .integer(Int64(count.datagrams))),
        Member("bytes", .integer(Int64(count.bytes))),
        Member("headers", .integer(Int64(count.headers))),
        Member("blocks", .integer(Int64(count.blocks))),
      ])
    }
    return .object([
      Member("scope", .text(plan.habits.scope.rawValue)),
      Member("peer", plan.peer.map { .text($0) } ?? .null),
      Member("transport", known(.text(plan.transport.rawValue))),
      Member("security", known(.text(plan.transport == .coap ? plan.security.rawValue : "tls"))),
      Member("format", known(.text(plan.format == .cbor ? "cbor" : "json"))),
      Member("payloadBytes", known(.integer(Int64(plan.payload.count)))),
      Member("intervalSeconds", .double(plan.interval / 1_000)),
      Member("coverage", .integer(Int64(plan.habits.coverage))),
      Member("psm", .boolean(plan.habits.sleeps)),
      Member("edrxSeconds", plan.habits.extendedCycle.map { .double($0 / 1_000) } ?? .null),
      Member("releaseAssistance", .boolean(plan.habits.assistsRelease)),
      Member("simulatedSeconds", .double(result.duration / 1_000)),
      Member("reports", .integer(Int64(result.reports))),
      Member("acknowledged", .integer(Int64(result.acknowledged))),
      Member("refused", known(.integer(Int64(result.refused)))),
      Member("unanswered", known(.integer(Int64(result.unanswered)))),
      Member("waiting", known(.integer(Int64(result.waiting)))),
      Member("retransmissions", .integer(Int64(result.retransmissions))),
      Member("authentications", .integer(Int64(result.authentications))),
      Member("handshakes", known(.integer(Int64(result.handshakes)))),
      Member("resumptions", known(.integer(Int64(result.resumptions)))),
      Member("lost", known(.integer(Int64(result.lost)))),
      Member("unreachable", .integer(Int64(result.unreachable))),
      Member(
        "up",
        .object(TrafficPurpose.allCases.map { Member($0.rawValue, count(result.account.sent($0))) })
      ),
      Member(
        "down",
        .object(
          TrafficPurpose.allCases.map { Member($0.rawValue, count(result.account.received($0))) }
        )
      ),
      Member(
        "joules",
        .object(EnergyCause.all.map { Member($0.name, .double(result.account.energy($0))) })
      ),
      Member("joulesPerReport", .double(result.energyPerReport)),
      Member("spread", result.spread.map { .double($0) } ?? .null),
      Member("averageWatts", .double(result.averagePower())),
      Member("volts", .double(model.powers(plan.habits.scope).voltage)),
      Member(
        "years",
        .object([
          Member("estimate", .double(life.estimate)), Member("low", .double(life.low)),
          Member("high", .double(life.high)), Member("worst", .double(life.worst)),
          Member("best", .double(life.best)),
        ])
      ),
      Member(
        "remarks",
        .array((remarks + Remark.all(result, life, battery, model)).map { .text($0) })
      ),
    ])
  }
}

/// What is strange about a plan or its result: it is computed all the same.
enum Remark {
  static func all(
    _ result: ReportEstimate,
    _ life: LifeRange,
    _ battery: Battery,
    _ model: RadioModel
  ) -> [String] {
    let (plan, habits) = (result.plan, result.plan.habits)
    var remarks = sleeping(result, model) + energy(result, battery)
    if let cycle = habits.extendedCycle {
      if habits.sleeps {
        remarks.append(
          "with PSM the modem listens for seconds only: eDRX changes next to nothing"
        )
      } else if plan.interval >= 900_000 {
        remarks.append(
          "eDRX without PSM at \(EstimatePage.number(plan.interval / 60_000)) min: the modem listens each "
            + "\(EstimatePage.number(cycle / 1_000)) s for what nobody sends; --psm saves that"
        )
      }
      if cycle > plan.interval {
        remarks.append("the cycle of eDRX is longer than the interval: the modem is never paged")
      }
    }
    if plan.transport == .coap, plan.security != .symmetric, !result.isReplay,
      !habits.assistsRelease,
      life.estimate < 10
    {
      remarks.append(
        "DTLS without --release-assistance does not reach ten years: each report ends with a tail"
      )
    }
    if result.account.energy(.tail) > result.account.energy / 2 {
      remarks.append(
        habits.assistsRelease
          ? "over half of the energy is spent waiting to be released, though the device says when it is done: answers are missing"
          : "over half of the energy is spent waiting to be released: --release-assistance, where module and network take it"
      )
    }
    if plan.transport == .mqtt, plan.peer == nil {
      remarks.append(
        "a connection for each report: an MQTT connection that stays open sends a keep-alive every 300 s or more instead, which this estimate does not have"
      )
    }
    if result.reports > 0, result.waiting * 20 > result.reports {
      remarks.append("reports come faster than this radio delivers them: they pile up")
    }
    if result.refused > 0 {
      let code = result.refusal.map { " with code \($0)" } ?? ""
      remarks.append(
        "the simulated platform refuses this payload\(code), with an answer of another length than that to a report it takes: is it what the thing model's property post takes?"
      )
    }
    if plan.peer == nil, plan.payload.isEmpty {
      remarks.append("the payload is empty: the platform refuses that on most topics")
    }
    if result.unreachable * 20 > result.reports, result.unreachable > 0 {
      remarks.append(
        "one packet in \(EstimatePage.count(max(1, result.reports / result.unreachable), "report")) came when the modem was asleep already, and is lost"
      )
    }
    if life.worst * 10 < life.best {
      remarks.append(
        "published networks differ more than tenfold in this class: measure one report on yours"
      )
    }
    return remarks
  }

  /// About sleep that never comes, or brings nothing.
  private static func sleeping(_ result: ReportEstimate, _ model: RadioModel) -> [String] {
    let (plan, habits, network) = (result.plan, result.plan.habits, model.network)
    var remarks: [String] = []
    let tail = habits.assistsRelease ? network.release : network.inactivity
    let span = tail + model[habits.coverage].roundTripMedian
    if plan.interval < span {
      remarks.append(
        "at \(EstimatePage.number(plan.interval / 1_000)) s the network never releases the modem between two reports: "
          + "send several together (a batch, or a longer interval)"
      )
    } else if habits.sleeps, plan.interval < span + network.activeTime {
      remarks.append(
        "at \(EstimatePage.number(plan.interval / 1_000)) s the modem never gets to sleep: --psm changes nothing"
      )
    }
    if !habits.sleeps, habits.extendedCycle == nil, plan.interval >= 3_600_000 {
      remarks.append(
        "the modem listens to paging for \(EstimatePage.number(plan.interval / 3_600_000)) h to send once: --psm, unless "
          + "somebody has to reach the device"
      )
    }
    return remarks
  }

  /// About energy that goes into something else than reports.
  private static func energy(_ result: ReportEstimate, _ battery: Battery) -> [String] {
    var remarks: [String] = []
    let account = result.account
    let handshakes = account.energy(.traffic(.handshake))
    if result.plan.transport == .coap, result.plan.security != .symmetric, result.plan.peer == nil,
      handshakes > account.energy(.traffic(.report)), result.handshakes * 2 > result.reports
    {
      remarks.append(
        "a handshake at almost each wake-up costs more than the report: symmetric mode needs none, and a batch shares one"
      )
    }
    let lost = battery.selfDischarge * battery.energy / (365.25 * 86_400)
    if lost > result.averagePower() {
      remarks.append(
        "the battery loses more by itself than the device uses: a smaller one would last as long"
      )
    }
    if battery.energy < result.energyPerReport {
      remarks.append("the battery holds less than one report needs")
    }
    return remarks
  }
}
