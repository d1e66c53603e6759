// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import Fleet
internal import PayloadValues
internal import PlatformConsole
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
      merge, which exits with 1 as long as a part is missing. docs/fleet.md has the measures.

      Exit status: 0 done, 1 what the scenario expects does not hold or cannot be checked by merge, 2 usage, 4 nothing was delivered to --target, 5 \
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

  @Option(
    help: ArgumentHelp(
      "How devices speak to the platform: coap. mqtt and https have no simulated time, see docs/fleet.md."
    )
  )
  var transport = TransportArgument.coap

  @OptionGroup var faults: FaultOption

  @Option(
    help: ArgumentHelp(
      "What happens meanwhile and must hold: a file, or region-outage.",
      valueName: "file"
    ),
    completion: .file()
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

  @OptionGroup var assumptions: AssumptionOptions

  @OptionGroup var pages: PagesOptions

  @OptionGroup var output: OutputOption

  var isMerge: Bool { words.first == "merge" }

  func validate() throws {
    guard words.isEmpty || isMerge || words == ["devices"] else {
      throw ValidationError(
        "\(words[0]) is no action: there are merge and devices, or none to run a fleet"
      )
    }
    guard transport == .coap else {
      let other =
        transport == .mqtt
        ? "Paho, the library for MQTT," : "libcurl, the library for HTTPS,"
      throw ValidationError(
        "--transport \(transport.rawValue): a fleet's devices are the session over CoAP on the run's own clock; "
          + "\(other) has threads and a clock of its own. Start nbiot publish --transport \(transport.rawValue) "
          + "against nbiot simulate once for each device"
      )
    }
    try checkTarget()
    if let other = assumptions.ofBroker ?? assumptions.ofWeb {
      throw ValidationError("--assume \(other) is not about CoAP, which is all that a fleet speaks")
    }
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
    guard virtual == nil, scenario == nil, faults.fault.isEmpty, assumptions.assume.isEmpty else {
      throw ValidationError(
        "--virtual, --scenario, --fault and --assume are for the platform in this process: another one has nbiot fault "
          + "and `nbiot simulate --assume`"
      )
    }
  }

  func run() async throws {
    guard !isMerge else { return try merge() }
    let plan = try makePlan()
    if words == ["devices"] { return printDevices(plan) }
    for fault in plan.idleFaults {
      Console.complain(
        "nbiot: \(fault) happens to nobody: no device of the fleet has that name or topic, makes that request or "
          + "understands that code"
      )
    }
    // Before the devices are made, which takes some seconds: the summary is promised from the start.
    let isInterrupted = Flag()
    let signal = InterruptSignal { isInterrupted.value.store(true, ordering: .relaxed) }
    defer { withExtendedLifetime(signal) {} }
    let book = pages.isGiven ? FleetPages.book(of: plan) : nil
    let platform = FleetPages()
    var console: ServedPages?
    if let book { console = try await pages.serve(book, platform) }
    let fleet: FleetRun
    do throws(FleetError) {
      fleet = try FleetRun(plan, onRecord: book.map { FleetPages.writer($0) })
    } catch {
      switch error {
      case .endpoint(let code):
        let reason = code > 0 ? PrivateFile.text(code) : "its name has no address"
        throw Complaint("no sockets to \(target?.host ?? ""): \(reason)", .unreachable)
      case .name(let device):
        throw Complaint(
          "the platform does not accept the product key or the name of the device \(device)",
          .usage
        )
      case .library:
        throw Complaint("the devices cannot be made: is the machine out of memory?")
      }
    }
    if let console { Console.complain(console.line) }
    let idle = fleet.idleDevices
    if idle > 0 {
      Console.complain(
        "nbiot: \(idle) of \(plan.numbers.count) devices start after the time of the reports and make none: raise "
          + "--virtual or --for, or lower --ramp"
      )
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
    try? await console?.server.close()
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

  func show(_ summary: FleetSummary) {
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
}

/// Whether the run is to end.
private final class Flag: Sendable {
  let value = Atomic(false)
}
