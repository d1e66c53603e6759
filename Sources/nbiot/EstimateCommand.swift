internal import ArgumentParser
internal import CoAPMessage
internal import EnergyEstimate
internal import Foundation
internal import PayloadCoding
internal import PayloadValues
internal import PlatformCoAP
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
        printf '{"value":1}' > reading.json
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
      given as the range of those measurements. Energy is that of the modem alone, or with --scope device of a whole \
      nRF9160 kit; add what your sensors and controller use. docs/energy.md has the model and how far it was off.

      Exit status: 0 estimated, 2 usage, 5 standard output cannot be written.
      """
  )

  @Option(help: ArgumentHelp("From one report to the next, 1s to 30d.", valueName: "time"))
  var interval = "15m"

  @Option(
    help: ArgumentHelp(
      "A file with the payload of a report, at most 1,024 bytes (default: a property post of 120 bytes).",
      valueName: "file"
    )
  )
  var payloadFile: String?

  @Option(help: "What reports are sent in: json as the file is, or cbor made of it.")
  var format = FormatArgument.json

  @Option(help: "How reports are protected: symmetric, dtls with a certificate, or psk.")
  var security = ReportSecurityArgument.symmetric

  @OptionGroup var habits: HabitOptions

  @OptionGroup var battery: BatteryOptions

  @Option(help: "Whose energy is counted: that of a modem alone, or of a whole nRF9160 kit.")
  var scope = ScopeArgument.modem

  @Option(
    help: ArgumentHelp("How many days are simulated, 1 to 3650.", valueName: "count")
  )
  var days = 30

  @Flag(help: "Run all combinations of format, security, sleep and release assistance.")
  var compare = false

  @OptionGroup var radio: RadioFileOption

  @OptionGroup var output: OutputOption

  /// The interval in milliseconds.
  private var period: Double {
    get throws {
      try Quantity.time("--interval", interval, 1_000...2_592_000_000, "1s to 30d")
    }
  }

  func validate() throws {
    _ = try period
    guard (1...3_650).contains(days) else {
      throw ValidationError("--days \(days) is out of range: it is 1 to 3650")
    }
    if compare {
      let given = [
        ("--format", format != .json), ("--security", security != .symmetric),
        ("--psm", habits.psm), ("--release-assistance", habits.releaseAssistance),
      ]
      if let name = given.first(where: \.1)?.0 {
        throw ValidationError("--compare runs each \(name): leave it out")
      }
    }
  }

  func run() async throws {
    let model = try radio.load()
    let cell = try battery.load()
    let plans = try makePlans()
    let duration = max(Double(days) * 86_400_000, try period)
    let estimator: ReportEstimator
    do throws(EstimateError) {
      estimator = try ReportEstimator(model)
    } catch {
      throw Complaint("OpenSSL makes no certificate: is the machine out of memory?")
    }
    var results = try await Self.run(plans, estimator, duration)
    results.sort {
      $0.life(cell, model).estimate > $1.life(cell, model).estimate
    }
    let page = EstimatePage(model: model, battery: cell, results: results, days: days)
    switch (output.form, compare) {
    case (.json, _): for line in page.json { Console.print(json: line.encoded(.json).span) }
    case (.text, true): Console.print(lines: page.comparison)
    case (.text, false): Console.print(lines: page.whole)
    }
  }

  /// Runs plans side by side, as many at once as there are processors.
  private static func run(
    _ plans: [ReportPlan],
    _ estimator: ReportEstimator,
    _ duration: Double
  ) async throws -> [ReportEstimate] {
    try await withThrowingTaskGroup(of: (Int, ReportEstimate).self) { group in
      var results = [ReportEstimate?](repeating: nil, count: plans.count)
      for (index, plan) in plans.enumerated() {
        group.addTask { @concurrent in
          do throws(EstimateError) {
            return (index, try estimator.run(plan, for: duration))
          } catch {
            throw Complaint("the estimate failed: \(error)")
          }
        }
      }
      for try await (index, result) in group { results[index] = result }
      return results.compactMap { $0 }
    }
  }

  private func makePlans() throws -> [ReportPlan] {
    let payload =
      try payloadFile.map { try DataArgument.file($0).read("payload") }
      ?? Array(Self.ordinaryPayload.utf8)
    func plan(
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
      guard sent.count <= PlatformRequest.maxPayload else {
        throw Complaint(
          "--payload-file: \(sent.count) bytes are too many for CoAP: a report has 0 to 1,024"
        )
      }
      return ReportPlan(
        payload: sent,
        format: format.contentFormat,
        interval: try period,
        security: security,
        habits: habits
      )
    }
    let cycle = try habits.cycle
    guard compare else {
      return [
        try plan(
          format,
          security.security,
          RadioHabits(
            coverage: habits.coverage ?? 0,
            sleeps: habits.psm,
            extendedCycle: cycle,
            assistsRelease: habits.releaseAssistance,
            scope: scope.scope
          )
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
            for format in formats { plans.append(try plan(format, security, habits)) }
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
