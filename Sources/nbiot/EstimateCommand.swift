// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPMessage
internal import EnergyEstimate
internal import Foundation
internal import PayloadCoding
internal import PayloadValues
internal import RadioModel

/// What a report costs, and how long a battery lasts.
struct EstimateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract:
      "Estimates what reports cost on NB-IoT in bytes and energy, and how long a battery lasts.",
    discussion: """
      Example, a property each 15 minutes from a modem that sleeps in between:
        nbiot estimate --interval 15m --psm --release-assistance

      Example, your own payload as CBOR in a DTLS channel, in a cellar:
        printf %s '{"id":"1","version":"1.0","params":{"T":{"value":21}},' \\
          '"method":"thing.event.property.post"}' > reading.json
        nbiot estimate --interval 1h --payload-file reading.json --format cbor \\
          --security dtls --coverage 2 --psm --release-assistance \\
          --battery 2400mAh@3V --self-discharge 2% --days 3

      Example, all combinations for that payload side by side, the longest life first:
        nbiot estimate --interval 1h --payload-file reading.json --compare \\
          --coverage 0 --days 2

      The client itself reports to the simulated platform of `nbiot simulate` on a virtual clock, over a radio that \
      delays and loses datagrams as `nbiot radio` says: bytes are counted, not computed, and so are retransmissions, \
      new tokens and handshakes. A report without an answer is sent again at the next wake-up. Energy is an estimate: \
      published measurements of the same message differ up to a hundredfold between networks, and years are therefore \
      given as the range of those measurements. Over MQTT and HTTPS the client reports three times through a relay on \
      this machine to the simulated platform first, MQTT to mosquitto with the plugin of `make broker`; bytes and TCP \
      segments are those of that run, their times and losses the model's. Energy is that of the modem alone, or with --scope device of a whole \
      nRF9160 kit; add what your sensors and controller use. docs/energy.md has the model and how far it was off.

      --from-capture prices what a device really sent, at the times of the capture, and an --interval for each report; \
      --from-ledger does so with the counters of a device, whose times are not known: each report at a wake-up of its \
      own. --peers needs no network: \
      the bytes of other programs are those that they were seen to send to the simulated platform. --plot needs \
      python3-matplotlib.

      Example, a year of all combinations, in half a minute, and a picture of those of class 0:
        nbiot estimate --compare --days 365 --sample 12
        nbiot estimate --compare --coverage 0 --days 365 --sample 12 --plot life.svg

      Exit status: 0 estimated, 2 usage, 5 standard output cannot be written.
      """
  )

  @Option(help: ArgumentHelp("From one report to the next, 1s to 30d.", valueName: "time"))
  var interval = "15m"

  @Option(
    help: ArgumentHelp(
      "A file with the payload of a report, over CoAP at most 1,024 bytes (default: a property post of 120 bytes).",
      valueName: "file"
    ),
    completion: .file()
  )
  var payloadFile: String?

  @Option(help: "What reports are sent in: json as the file is, or cbor made of it.")
  var format = FormatArgument.json

  @Option(
    help:
      "What carries reports: coap, or mqtt or https over TLS, with a connection for each report."
  )
  var transport = ReportTransportArgument.coap

  @Option(
    name: .customLong("security"),
    help:
      "How reports are protected over CoAP: symmetric (default), dtls with a certificate, or psk."
  )
  var givenSecurity: ReportSecurityArgument?

  @OptionGroup var habits: HabitOptions

  @OptionGroup var battery: BatteryOptions

  @Option(help: "Whose energy is counted: that of a modem alone, or of a whole nRF9160 kit.")
  var scope = ScopeArgument.modem

  @Option(
    name: .customLong("days"),
    help: ArgumentHelp(
      "How many days are simulated, 1 to 3650 (default: 30).",
      valueName: "count"
    )
  )
  var givenDays: Int?

  @Option(
    help: ArgumentHelp(
      "Simulate only so many days, in three parts, and scale the result to --days.",
      valueName: "count"
    )
  )
  var sample: Int?

  @Flag(help: "Run all combinations of transport, format, security, sleep and release assistance.")
  var compare = false

  @Flag(
    help:
      "With --compare: other programs beside this one, with the bytes that they were seen to send."
  )
  var peers = false

  @Option(
    help: ArgumentHelp(
      "Price the packets of a capture (pcap or pcapng) in place of simulated reports.",
      valueName: "file"
    ),
    completion: .file()
  )
  var fromCapture: String?

  @Option(
    help: ArgumentHelp(
      "Price what a device counted: the output of nbiot publish --ledger --output json, or of nbiot-agent after SIGUSR1.",
      valueName: "file"
    ),
    completion: .file()
  )
  var fromLedger: String?

  @Option(
    help: ArgumentHelp(
      "How many reports the capture or the ledger has, where that cannot be seen.",
      valueName: "count"
    )
  )
  var reports: Int?

  @Option(
    help: ArgumentHelp(
      "Draw energy by cause, life over the interval and the current of one report.",
      valueName: "file.svg|file.png"
    ),
    completion: .file()
  )
  var plot: String?

  @OptionGroup var radio: RadioFileOption

  @OptionGroup var output: OutputOption

  private var days: Int { givenDays ?? 30 }

  /// The interval in milliseconds.
  var period: Double {
    get throws {
      try Quantity.time("--interval", interval, 1_000...2_592_000_000, "1s to 30d")
    }
  }

  func validate() throws {
    _ = try period
    guard (1...3_650).contains(days) else {
      throw ValidationError("--days \(days) is out of range: it is 1 to 3650")
    }
    if transport != .coap, givenSecurity != nil {
      throw ValidationError("--security belongs to CoAP: MQTT and HTTPS are estimated over TLS")
    }
    try validateSources()
    if compare {
      let given = [
        ("--format", format != .json), ("--security", givenSecurity != nil),
        ("--transport", transport != .coap),
        ("--psm", habits.psm), ("--release-assistance", habits.releaseAssistance),
      ]
      if let name = given.first(where: \.1)?.0 {
        throw ValidationError("--compare runs each \(name): leave it out")
      }
    }
  }

  private func validateSources() throws {
    if let sample, sample < 3 || sample > days {
      throw ValidationError(
        "--sample \(sample) is out of range: it is 3 to --days, which is \(days)"
      )
    }
    if peers, !compare { throw ValidationError("--peers needs --compare") }
    if let plot, !EstimatePlot.endings.contains(where: { plot.hasSuffix(".\($0)") }) {
      throw ValidationError("--plot \(plot): the name ends with .svg or .png")
    }
    if let reports, !(1...1_000_000).contains(reports) {
      throw ValidationError("--reports \(reports) is out of range: it is 1 to 1000000")
    }
    let source = fromCapture == nil ? fromLedger == nil ? nil : "--from-ledger" : "--from-capture"
    guard let source else {
      if reports != nil {
        throw ValidationError("--reports belongs to --from-capture and --from-ledger")
      }
      return
    }
    let given = [
      ("--from-ledger", fromCapture != nil && fromLedger != nil), ("--compare", compare),
      ("--payload-file", payloadFile != nil), ("--format", format != .json),
      ("--transport", transport != .coap), ("--security", givenSecurity != nil),
      ("--days", givenDays != nil), ("--sample", sample != nil),
    ]
    if let name = given.first(where: \.1)?.0 {
      throw ValidationError("\(source) has the packets already: leave out \(name)")
    }
  }

  func run() async throws {
    let model = try radio.load()
    let cell = try battery.load()
    if let plot {
      // Before a run of half a minute.
      let folder = URL(filePath: plot).deletingLastPathComponent().path
      guard FileManager.default.fileExists(atPath: folder) else {
        throw Complaint("--plot \(plot): No such file or directory: \(folder)")
      }
    }
    if let replayed = try replay(model) {
      return try show([replayed.estimate], cell, model, replayed.remarks)
    }
    let plans = try makePlans()
    let duration = max(Double(days) * 86_400_000, try period)
    var estimator: ReportEstimator
    do throws(EstimateError) {
      estimator = try ReportEstimator(model)
    } catch {
      throw Complaint("OpenSSL makes no certificate: is the machine out of memory?")
    }
    let rehearsals = try await rehearse(plans)
    let total =
      plans.count { $0.transport == .coap } * max(1, Int(simulatedTime(duration) / (try period)))
    let progress = EstimateProgress(total: total)
    estimator.reportEnded = { progress.count() }
    var results = try await run(plans, rehearsals, estimator, duration)
    results.sort {
      $0.life(cell, model).estimate > $1.life(cell, model).estimate
    }
    try show(results, cell, model)
  }

  /// What of `duration` is simulated, in milliseconds.
  private func simulatedTime(_ duration: Double) -> Double {
    sample.map { Double($0) * 86_400_000 } ?? duration
  }

  private func show(
    _ results: [ReportEstimate],
    _ cell: Battery,
    _ model: RadioModel,
    _ remarks: [String] = []
  ) throws {
    // At least one report.
    let days = max(days, Int((try period / 86_400_000).rounded()))
    let page = EstimatePage(
      model: model,
      battery: cell,
      results: results,
      remarks: remarks,
      days: days,
      sample: sample
    )
    switch (output.form, compare) {
    case (.json, _): for line in page.json { Console.print(json: line.encoded(.json).span) }
    case (.text, true): Console.print(lines: page.comparison)
    case (.text, false): Console.print(lines: page.whole)
    }
    if let plot {
      try EstimatePlot(model: model, battery: cell, results: results).draw(plot)
    }
  }

  /// Runs plans side by side, as many at once as there are processors.
  private func run(
    _ plans: [ReportPlan],
    _ rehearsals: [Rehearsed: StreamRehearsal],
    _ estimator: ReportEstimator,
    _ duration: Double
  ) async throws -> [ReportEstimate] {
    let sample = sample.map { Double($0) * 86_400_000 }
    let peers = peers ? Self.peerPlans(plans) : []
    return try await withThrowingTaskGroup(of: (Int, ReportEstimate).self) { group in
      var results = [ReportEstimate?](repeating: nil, count: plans.count + peers.count)
      for (index, (peer, plan)) in peers.enumerated() {
        group.addTask { @concurrent in
          let place = plans.count + index
          guard let sample else { return (place, estimator.run(peer, plan, for: duration)) }
          do throws(EstimateError) {
            return (place, try estimator.run(plan, peer: peer, for: duration, sample: sample))
          } catch {
            throw Self.complaint(error)
          }
        }
      }
      for (index, plan) in plans.enumerated() {
        let rehearsal = rehearsals[Rehearsed(plan)]
        guard plan.transport == .coap || rehearsal != nil else { continue }
        group.addTask { @concurrent in
          do throws(EstimateError) {
            if let sample {
              return (
                index,
                try estimator.run(plan, as: rehearsal, for: duration, sample: sample)
              )
            }
            if let rehearsal { return (index, estimator.run(plan, as: rehearsal, for: duration)) }
            return (index, try estimator.run(plan, for: duration))
          } catch {
            throw Self.complaint(error)
          }
        }
      }
      for try await (index, result) in group { results[index] = result }
      return results.compactMap { $0 }
    }
  }

  private static func complaint(_ error: EstimateError) -> Complaint {
    switch error {
    case .names: Complaint("the platform does not accept the names or the topic of the report")
    case .payloadTooLong(let count): Complaint("a payload of \(count) bytes is too long")
    case .library: Complaint("OpenSSL failed: is the machine out of memory?")
    }
  }

  /// Each peer in the place of each symmetric plan in JSON, which has every habit once.
  private static func peerPlans(_ plans: [ReportPlan]) -> [(PeerTraffic, ReportPlan)] {
    let places = plans.filter {
      $0.transport == .coap && $0.security == .symmetric && $0.format == .json
    }
    return PeerTraffic.all.flatMap { peer in places.map { (peer, $0) } }
  }

  /// What of a plan decides about bytes over TCP.
  private struct Rehearsed: Hashable {
    let transport: ReportPlan.Transport
    let payload: [UInt8]

    init(_ plan: ReportPlan) {
      transport = plan.transport
      payload = plan.payload
    }
  }

  /// Runs the client once over MQTT and HTTPS, for each payload.
  private func rehearse(
    _ plans: [ReportPlan]
  ) async throws -> [Rehearsed: StreamRehearsal] {
    var rehearsals: [Rehearsed: StreamRehearsal] = [:]
    var tried: Set<Rehearsed> = []
    for plan in plans where plan.transport != .coap && tried.insert(Rehearsed(plan)).inserted {
      do throws(StreamRehearsal.Failure) {
        rehearsals[Rehearsed(plan)] = try await StreamRehearsal.run(plan)
      } catch {
        let reason = "\(plan.transport.rawValue): \(error.reason)"
        guard compare else { throw Complaint("the report cannot be tried over \(reason)") }
        Console.complain("nbiot: left out, because it cannot be tried over \(reason)")
      }
    }
    return rehearsals
  }

  private func makePlans() throws -> [ReportPlan] {
    let payload =
      try payloadFile.map {
        try DataArgument.read("--payload-file", $0, "payload", limit: 262_144)
      }
      ?? Array(Self.ordinaryPayload.utf8)
    func plan(
      _ transport: ReportPlan.Transport,
      _ format: FormatArgument,
      _ security: ReportPlan.Security,
      _ habits: RadioHabits
    ) throws -> ReportPlan {
      let sent: [UInt8]
      do throws(PayloadForm.Failure) {
        sent = try PayloadForm(format: format == .cbor ? .cbor : .json, isHexadecimal: false)
          .payload(of: payload, "the file")
      } catch {
        throw Complaint("--payload-file: \(error.description)")
      }
      guard sent.count <= transport.maxPayload else {
        throw Complaint(
          "--payload-file: \(sent.count) bytes are too many for \(transport.rawValue): a report has 0 to "
            + "\(transport.maxPayload)"
        )
      }
      var plan = ReportPlan(
        payload: sent,
        format: format.contentFormat,
        interval: try period,
        security: security,
        habits: habits
      )
      plan.transport = transport
      return plan
    }
    let cycle = try habits.cycle
    guard compare else {
      return [
        try plan(
          transport.transport,
          format,
          givenSecurity?.security ?? .symmetric,
          try habits.habits(scope.scope)
        )
      ]
    }
    let formats: [FormatArgument] =
      (try? PayloadConversion.cbor(fromJSON: InputText.trimmed(payload))) == nil
      ? [.json] : [.json, .cbor]
    var plans: [ReportPlan] = []
    for coverage in habits.coverage.map({ [$0] }) ?? [0, 1, 2] {
      for (sleeps, cycle) in [(true, nil), (false, cycle ?? 81_920), (false, nil)] {
        for assists in [true, false] {
          let habits = RadioHabits(
            coverage: coverage,
            sleeps: sleeps,
            extendedCycle: cycle,
            assistsRelease: assists,
            scope: scope.scope
          )
          for security in ReportPlan.Security.allCases {
            for format in formats { plans.append(try plan(.coap, format, security, habits)) }
          }
          for transport in [ReportPlan.Transport.mqtt, .https] {
            // MQTT does not say what a payload is; the platform reads its thing model in JSON.
            for format in formats where transport == .https || format == .json {
              plans.append(try plan(transport, format, .symmetric, habits))
            }
          }
        }
      }
    }
    return plans
  }

  /// A property post of 120 bytes.
  private static let ordinaryPayload =
    #"{"id":"1","version":"1.0","params":{"Humidity":{"value":48},"Light":{"value":100}},"#
    + #""method":"thing.event.property.post"}"#
}
