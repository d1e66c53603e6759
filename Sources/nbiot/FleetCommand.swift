// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import Fleet
internal import PayloadValues
internal import PlatformConsole
internal import PlatformCore
internal import PlatformFaults
internal import Synchronization
internal import SystemClocks

/// Many devices that report to the simulated platform, and what became of their reports.
struct FleetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet",
    abstract:
      "Lets many devices report over CoAP to a simulated platform, and counts what arrives.",
    usage: """
      nbiot fleet [options]
      nbiot fleet merge FILE...
      nbiot fleet devices [--devices COUNT] [--seed NUMBER]
      """,
    discussion: """
      Example, a thousand devices for a day, in simulated time:
        nbiot fleet --devices 1000 --interval 15m --virtual 24h \\
          --radio mix --security mix

      Example, ten thousand in real time for five minutes:
        nbiot fleet --devices 10000 --interval 60s --for 5m --radio mix

      Example, a platform that is gone for two hours and forgets its sessions, and what must hold:
        nbiot fleet --devices 1000 --interval 5m --virtual 8h --scenario region-outage

      Example, in two parts that are put together:
        nbiot fleet --devices 1000 --interval 15m --virtual 24h \\
          --shard 1/2 --output json > 1.json
        nbiot fleet --devices 1000 --interval 15m --virtual 24h \\
          --shard 2/2 --output json > 2.json
        nbiot fleet merge 1.json 2.json

      Example, in real time against `nbiot simulate --device-list devices.csv`, with a list made before:
        (umask 077; nbiot fleet devices --devices 1000 > devices.csv)
        nbiot fleet --device-list devices.csv --interval 60s --for 5m \\
          --target 127.0.0.1:5682 --target-again 127.0.0.1:5682

      Example, with pages to watch it and to click faults, at http://127.0.0.1:8080:
        nbiot fleet --devices 1000 --interval 60s --for 5m \\
          --console 127.0.0.1:8080

      Each device is the project's own session with an identity, a radio and a token of its own; the platform is that \
      of nbiot simulate, in the same process. Datagrams go through a network with NAT, and with the faults of --fault and \
      of the scenario; a DTLS platform and a symmetric one have their own, so that times= and after= count in each. After a \
      failure a device waits as nbiot-agent does: 30 s, doubled up to an hour, and up to half of it more by chance. After \
      the time of the reports the fleet goes on until none waits, --settle at most. The same seed gives the same summary, \
      but for the line about this machine, and over DTLS with a certificate for some bytes, because signatures differ in \
      length.

      A scenario is a file in TOML: name; [[fault]] with at = "10m" and fault = "drop=10%,for=5m"; [[expect]] with \
      measure = "lost" and at-most = 0 or at-least. What it expects is checked for a whole fleet: of several parts by \
      merge. docs/fleet.md has the measures.

      Exit status: 0 done, 1 what the scenario expects does not hold, 2 usage, 4 nothing was delivered to --target, 5 \
      standard output cannot be written, 130 ended by Ctrl-C, after the summary.
      """
  )

  @Argument(
    help: ArgumentHelp(
      "merge and the results to put together, or devices for a list of the devices with their secrets.",
      valueName: "action"
    )
  )
  var words: [String] = []

  @Option(help: ArgumentHelp("How many devices, 1 to 200000.", valueName: "count"))
  var devices = 100

  @Option(
    help: ArgumentHelp("From one report to the next, 1s to 30d.", valueName: "time")
  )
  var interval = "60s"

  @Option(
    help: ArgumentHelp(
      "The time over which devices start (default: the interval), 0s to 30d.",
      valueName: "time"
    )
  )
  var ramp: String?

  @Option(
    help: ArgumentHelp("Simulate so much time, 1s to 365d, as fast as it goes.", valueName: "time")
  )
  var virtual: String?

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp(
      "Report in real time for so long (default: until Ctrl-C).",
      valueName: "time"
    )
  )
  var length: String?

  @Option(
    help: ArgumentHelp(
      "How long to wait for the remaining reports after that (default: 6h, in real time 5m).",
      valueName: "time"
    )
  )
  var settle: String?

  @Option(
    help: ArgumentHelp(
      "The coverage classes: ecl0, ecl1, ecl2, mix for 70, 20 and 10 %, or shares such as ecl0=50%,ecl2=50%.",
      valueName: "mix"
    )
  )
  var radio = "ecl0"

  @Option(
    help: ArgumentHelp(
      """
      The protection: symmetric, psk, dtls, mix for 70, 20 and 10 %, or shares such as symmetric=90%,psk=10%.
      """,
      valueName: "mix"
    )
  )
  var security = "symmetric"

  @Option(
    help: ArgumentHelp(
      """
      What a report says, with {n} for its number, and where you like {device}, {time} in milliseconds since 1970, \
      and {random}, 0 to 99 (default: a property post).
      """,
      valueName: "text|@file"
    )
  )
  var payloadTemplate: String?

  @Option(help: ArgumentHelp("What all random numbers begin with.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup var faults: FaultOption

  @Option(
    help: ArgumentHelp(
      "What happens meanwhile and must hold: a file, or region-outage.",
      valueName: "file"
    )
  )
  var scenario: String?

  @Option(help: ArgumentHelp("Run one part of the fleet alone, such as 2/8.", valueName: "k/n"))
  var shard: String?

  @OptionGroup var list: DeviceListOption

  @Option(
    help: ArgumentHelp(
      "Report in real time to a platform in another program, which is a load for it; --target-again confirms it.",
      valueName: "host:port"
    ),
    transform: EndpointArgument.read
  )
  var target: EndpointArgument?

  @Option(help: ArgumentHelp("The same again.", valueName: "host:port"))
  var targetAgain: String?

  @OptionGroup var pages: PagesOptions

  @OptionGroup var output: OutputOption

  private var isMerge: Bool { words.first == "merge" }

  func validate() throws {
    guard words.isEmpty || isMerge || words == ["devices"] else {
      throw ValidationError(
        "\(words[0]) is no action: there are merge and devices, or none to run a fleet"
      )
    }
    try checkTarget()
    guard !isMerge || words.count > 1 else {
      throw ValidationError("merge needs the files that nbiot fleet --output json has written")
    }
    guard !pages.isGiven || (virtual == nil && target == nil && words.isEmpty) else {
      throw ValidationError(
        virtual != nil
          ? "--console shows what happens in real time: give --for in place of --virtual"
          : "--console shows a fleet's own platform: one in another program has `nbiot simulate --console`"
      )
    }
    guard virtual == nil || length == nil else {
      throw ValidationError("--virtual is simulated time, --for real time: give one of them")
    }
    guard (1...200_000).contains(devices) else {
      throw ValidationError("--devices \(devices) is out of range: it is 1 to 200000")
    }
    _ = try times()
    _ = try mixes()
    // A file is read when the command runs: what is wrong with it is no mistake in an option.
    if payloadTemplate?.hasPrefix("@") == false { _ = try template() }
    _ = try part()
  }

  /// A load is not sent to somewhere by mistake, nor where faults of this process do nothing.
  private func checkTarget() throws {
    guard let target else {
      guard targetAgain == nil else {
        throw ValidationError("--target-again repeats --target: give both")
      }
      return
    }
    let again = try targetAgain.map { try EndpointArgument.read($0) }
    guard let again, again.host == target.host, again.port == target.port else {
      throw ValidationError(
        "a fleet is a load: give --target-again with the same host and port to say that it is yours to load"
      )
    }
    guard target.port != nil, target.transport == nil || target.transport == .coap else {
      throw ValidationError("--target is host:port of a platform over CoAP")
    }
    guard ["symmetric", "psk"].contains(security) else {
      throw ValidationError(
        "with --target --security is symmetric or psk: a port has one protection"
      )
    }
    guard virtual == nil, scenario == nil, faults.fault.isEmpty else {
      throw ValidationError(
        "--virtual, --scenario and --fault are for the platform in this process: another one has nbiot fault"
      )
    }
  }

  func run() async throws {
    guard !isMerge else { return try merge() }
    let plan = try makePlan()
    if words == ["devices"] { return printDevices(plan) }
    // Before the devices are made, which takes some seconds: the summary is promised from the start.
    let isInterrupted = Flag()
    let signal = InterruptSignal { isInterrupted.value.store(true, ordering: .relaxed) }
    defer { withExtendedLifetime(signal) {} }
    let book = pages.isGiven ? FleetPages.book(of: plan) : nil
    let fleet: FleetRun
    do throws(FleetError) {
      fleet = try FleetRun(plan, onRecord: book.map { FleetPages.writer($0) })
    } catch {
      switch error {
      case .endpoint(let code):
        let reason = code > 0 ? PrivateFile.text(code) : "its name has no address"
        throw Complaint("no sockets to \(target?.host ?? ""): \(reason)", .unreachable)
      case .names:
        throw Complaint(
          "the platform does not accept the product key or the name of a device: check --device-list",
          .usage
        )
      case .library:
        throw Complaint("the devices cannot be made: is the machine out of memory?")
      }
    }
    let platform = FleetPages()
    var console: ConsoleServer?
    if let book {
      console = try await pages.serve(book, platform) {
        Console.complain(PagesOptions.line($0, $1))
      }
    }
    var shown = MonotonicClock.now()
    let isInteractive = Console.isInteractive
    let summary = fleet.run(
      isInterrupted: { isInterrupted.value.load(ordering: .relaxed) },
      report: { progress in
        platform.serve(fleet)
        let now = MonotonicClock.now()
        guard now - shown >= Milliseconds(isInteractive ? 500 : 30_000) else { return }
        shown = now
        let progress = progress()
        let line =
          "\(progress.time.count / 1_000) s: \(progress.authenticated) devices authenticated, "
          + "\(progress.delivered) reports delivered, \(progress.waiting) waiting"
        if isInteractive { Console.show(line) } else { Console.complain(line) }
      }
    )
    platform.end()
    try? await console?.close()
    if isInteractive { Console.show("") }
    show(summary)
    if let target, summary.delivered == 0, summary.reports > 0 {
      throw Complaint(
        "no report was delivered: does a platform listen at \(target.host):\(target.port ?? 0), with --security "
          + "\(security) and these devices?",
        .unreachable
      )
    }
    try check(summary)
  }

  /// Says which of the scenario's expectations do not hold; they are those of a whole fleet.
  private func check(_ summary: FleetSummary) throws {
    guard !summary.expectations.isEmpty else { return }
    guard summary.isWhole else {
      return Console.complain(
        "nbiot: a part of a fleet: what the scenario expects is checked by nbiot fleet merge"
      )
    }
    let complaints = summary.expectations.compactMap { $0.complaint(about: summary) }
    for complaint in complaints { Console.complain("nbiot: \(complaint)") }
    guard complaints.isEmpty else { throw ExitStatus.undelivered.error }
  }

  private func show(_ summary: FleetSummary) {
    if output.form == .json {
      Console.print(json: summary.value.encoded(.json).span)
    } else {
      Console.print(lines: summary.lines.joined(separator: "\n"))
    }
  }

  private func printDevices(_ plan: FleetPlan) {
    for number in 0..<plan.devices {
      let identity = plan.identity(of: number)
      let secret = String(decoding: identity.secret, as: UTF8.self)
      Console.print("\(identity.productKey),\(identity.deviceName),\(secret)")
    }
  }

  private func merge() throws {
    var whole: FleetSummary?
    for file in words.dropFirst() {
      guard let value = PayloadValue(InputText.trimmed(try PrivateFile.read(file)), .json),
        let part = FleetSummary(value)
      else { throw Complaint("\(file) is no result of nbiot fleet --output json") }
      guard let sum = whole else {
        whole = part
        continue
      }
      guard sum.isComplemented(by: part) else {
        throw Complaint(
          "\(file) is of another fleet: its seed, interval, scenario or number of parts differs"
        )
      }
      if let number = part.parts.intersection(sum.parts).min() {
        throw Complaint("\(file): part \(number)/\(sum.partCount) is there already")
      }
      whole?.merge(part)
    }
    guard let whole else { return }
    show(whole)
    if let first = (1...whole.partCount).first(where: { !whole.parts.contains($0) }) {
      let count = whole.partCount - whole.parts.count
      Console.complain(
        "nbiot: not the whole fleet: \(count) of \(whole.partCount) parts "
          + "\(count == 1 ? "is" : "are") missing, the first is \(first)/\(whole.partCount)"
      )
    }
    try check(whole)
  }

  // MARK: Options

  private func makePlan() throws -> FleetPlan {
    var plan = FleetPlan()
    plan.identities = try list.devices().map {
      FleetIdentity(productKey: $0.productKey, deviceName: $0.deviceName, secret: $0.secret)
    }
    plan.devices = plan.identities.isEmpty ? devices : plan.identities.count
    plan.endpoint = target.map { FleetEndpoint(host: $0.host, port: $0.port ?? 0) }
    plan.seed = seed
    plan.isVirtual = virtual != nil
    let times = try times()
    (plan.interval, plan.ramp, plan.duration, plan.settling) =
      (times.interval, times.ramp, times.duration, times.settling)
    let mixes = try mixes()
    (plan.radio, plan.security) = (mixes.radio, mixes.security)
    plan.template = try template()
    plan.shard = try part()
    if let scenario {
      plan.scenario = try Self.scenario(scenario)
      if let step = plan.scenario.steps.last, step.time >= plan.duration {
        throw Complaint(
          "\(scenario): a fault begins \(step.time.count / 1_000) s after the start, when no report is made any more: "
            + "give --virtual or --for more time",
          .usage
        )
      }
    }
    let rules = try faults.rules()
    if !rules.isEmpty {
      plan.scenario.steps.insert(.init(time: Milliseconds(0), rules: rules), at: 0)
    }
    return plan
  }

  private func times() throws -> (
    interval: Milliseconds, ramp: Milliseconds, duration: Milliseconds, settling: Milliseconds
  ) {
    func time(
      _ option: String,
      _ text: String,
      _ range: ClosedRange<Int64>,
      _ limits: String
    ) throws -> Milliseconds {
      guard let count = FaultRule.milliseconds(text), range.contains(count) else {
        throw ValidationError("\(option) \(text): it is a time with its unit, \(limits)")
      }
      return Milliseconds(count)
    }
    let month: Int64 = 2_592_000_000
    let period = try time("--interval", interval, 1_000...month, "1s to 30d")
    let start = try ramp.map { try time("--ramp", $0, 0...month, "0s to 30d") } ?? period
    let year: Int64 = 31_536_000_000
    let duration =
      try virtual.map { try time("--virtual", $0, 1_000...year, "1s to 365d") }
      ?? length.map { try time("--for", $0, 1_000...year, "1s to 365d") } ?? Milliseconds(year)
    let settling =
      try settle.map { try time("--settle", $0, 0...month, "0s to 30d") }
      ?? Milliseconds(virtual == nil ? 300_000 : 21_600_000)
    return (period, start, duration, settling)
  }

  private func mixes() throws -> (radio: FleetMix<Int>, security: FleetMix<FleetSecurity>) {
    let classes = Dictionary(
      uniqueKeysWithValues: CoverageArgument.allCases.map { ($0.rawValue, $0.coverage) }
    )
    let kinds = Dictionary(
      uniqueKeysWithValues: FleetSecurity.allCases.map { ($0.rawValue, $0) }
    )
    return (
      try Self.mix("--radio", radio == "mix" ? "ecl0=70%,ecl1=20%,ecl2=10%" : radio, classes),
      try Self.mix(
        "--security",
        security == "mix" ? "symmetric=70%,psk=20%,dtls=10%" : security,
        kinds
      )
    )
  }

  private static func mix<Kind: Hashable & Sendable>(
    _ option: String,
    _ text: String,
    _ kinds: [String: Kind]
  ) throws -> FleetMix<Kind> {
    var parts: [(Kind, Double)] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let kind = kinds[String(pair[0])] else {
        let names = kinds.keys.sorted().joined(separator: ", ")
        throw ValidationError("\(option) \(word): there are \(names) and mix")
      }
      guard let share = pair.count == 1 ? 1 : FaultRule.share(pair[1]) else {
        throw ValidationError(
          "\(option) \(word): a share is above 0% and up to 100%, such as 5% or 0.05"
        )
      }
      guard !parts.contains(where: { $0.0 == kind }) else {
        throw ValidationError("\(option) \(word): \(pair[0]) is given twice")
      }
      parts.append((kind, share))
    }
    let sum = (parts.reduce(0) { $0 + $1.1 } * 1e6).rounded() / 1e4
    guard (99.9...100.1).contains(sum) else {
      throw ValidationError("\(option) \(text): the shares make \(sum)%, not 100%")
    }
    return FleetMix(parts)
  }

  private func template() throws -> ReportTemplate {
    guard let payloadTemplate else { return .standard }
    var text = payloadTemplate
    if text.hasPrefix("@") {
      let bytes = try PrivateFile.read(String(text.dropFirst()))
      text = String(decoding: InputText.trimmed(bytes), as: UTF8.self)
    }
    do throws(ReportTemplate.Failure) {
      return try ReportTemplate(text)
    } catch {
      switch error {
      case .noNumber:
        throw ValidationError(
          "--payload-template has no {n}, the number by which reports are told apart"
        )
      case .nothingBeforeNumber:
        throw ValidationError(
          "--payload-template has nothing right before {n} by which it can be found"
        )
      case .tooLong(let count):
        throw ValidationError(
          "--payload-template makes reports of up to \(count) bytes: the platform takes 1,024"
        )
      }
    }
  }

  private func part() throws -> FleetPlan.Shard {
    guard let shard else { return FleetPlan.Shard(1, of: 1) }
    let devices = list.file == nil ? self.devices : 200_000
    let parts = shard.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1],
      (1...devices).contains(count), (1...count).contains(number)
    else {
      throw ValidationError(
        "--shard \(shard): it is K/N, such as 2/8, with K at most N and N at most --devices"
      )
    }
    return FleetPlan.Shard(number, of: count)
  }

  private static func scenario(_ name: String) throws -> FleetScenario {
    let isKnown = name == "region-outage"
    let bytes = isKnown ? Array(FleetScenario.regionOutage.utf8) : try PrivateFile.read(name)
    let scenario: FleetScenario
    do throws(FleetScenarioError) {
      scenario = try FleetScenario(toml: bytes)
    } catch {
      throw Complaint("\(name), line \(error.line): \(error.description)")
    }
    guard !scenario.steps.isEmpty || !scenario.expectations.isEmpty else {
      throw Complaint("\(name) has neither [[fault]] nor [[expect]]")
    }
    return scenario
  }
}

/// Whether the run is to end.
private final class Flag: Sendable {
  let value = Atomic(false)
}
