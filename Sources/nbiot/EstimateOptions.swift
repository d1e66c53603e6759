// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import EnergyEstimate
internal import RadioModel

/// A number with a unit, checked against a range.
enum Quantity {
  /// Reads the value of an option.
  static func read(
    _ option: String,
    _ text: String,
    _ unit: RadioUnit,
    _ range: ClosedRange<Double>,
    _ limits: String
  ) throws -> Double {
    let value: Double
    do throws(RadioUnit.Problem) {
      value = try unit.value(of: text)
    } catch {
      switch error {
      case .noNumber: throw ValidationError("\(option) \(text): that is no number; it is \(limits)")
      case .unknownUnit(let given):
        throw ValidationError(
          "\(option) \(text): unknown unit \"\(given)\"; there are \(unit.choices)"
        )
      }
    }
    guard range.contains(value) else {
      throw ValidationError("\(option) \(text) is out of range: it is \(limits)")
    }
    return value
  }

  /// A time, which must have a unit, in milliseconds.
  static func time(
    _ option: String,
    _ text: String,
    _ range: ClosedRange<Double>,
    _ limits: String
  ) throws -> Double {
    if let number = Double(text) {
      throw ValidationError(
        "\(option) \(text) has no unit: write \(text)s, \(text)m or \(text)h"
          + (number > 0 ? "" : ", and more than 0; it is \(limits)")
      )
    }
    return try read(option, text, .milliseconds, range, limits)
  }
}

/// What a report is protected by.
enum ReportSecurityArgument: String, ExpressibleByArgument, CaseIterable {
  case symmetric, dtls, psk

  var security: ReportPlan.Security {
    switch self {
    case .symmetric: .symmetric
    case .dtls: .certificate
    case .psk: .preSharedKey
    }
  }
}

/// What carries reports.
enum ReportTransportArgument: String, ExpressibleByArgument, CaseIterable {
  case coap, mqtt, https

  var transport: ReportPlan.Transport {
    switch self {
    case .coap: .coap
    case .mqtt: .mqtt
    case .https: .https
    }
  }
}

/// Whose energy is counted.
enum ScopeArgument: String, ExpressibleByArgument, CaseIterable {
  case modem, device

  var scope: RadioPowers.Scope { self == .modem ? .modem : .device }
}

/// The radio's habits of `nbiot estimate`.
struct HabitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The coverage class: 0 near a base station, 1, or 2 in a cellar (default: 0; with --compare all).",
      valueName: "class"
    )
  )
  var coverage: Int?

  @Flag(help: "The modem sleeps in PSM between reports (3GPP TS 24.008); nobody can reach it then.")
  var psm = false

  @Option(
    help: ArgumentHelp(
      "The cycle of eDRX, 20.48s to 10485.76s; it matters while the modem is idle and not asleep.",
      valueName: "time"
    )
  )
  var edrx: String?

  @Flag(
    help:
      "The device says when nothing more will come (release assistance), as hint-command of nbiot-agent can."
  )
  var releaseAssistance = false

  /// The cycle of eDRX in milliseconds.
  var cycle: Double? {
    get throws {
      try edrx.map {
        try Quantity.time("--edrx", $0, 20_480...10_485_760, "20.48s to 10485.76s")
      }
    }
  }

  /// What they say together, class 0 where none is given.
  func habits(_ scope: RadioPowers.Scope) throws -> RadioHabits {
    RadioHabits(
      coverage: coverage ?? 0,
      sleeps: psm,
      extendedCycle: try cycle,
      assistsRelease: releaseAssistance,
      scope: scope
    )
  }

  func validate() throws {
    if let coverage, !(0...2).contains(coverage) {
      throw ValidationError("--coverage \(coverage) is out of range: it is 0, 1 or 2")
    }
    _ = try cycle
  }
}

/// The battery of `nbiot estimate`.
struct BatteryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What the battery holds, and its voltage.",
      valueName: "charge@voltage"
    )
  )
  var battery = "8.5Ah@3.6V"

  @Option(
    help: ArgumentHelp(
      "The part of what is left that the battery loses by itself in a year.",
      valueName: "percent"
    )
  )
  var selfDischarge = "1%"

  func load() throws -> Battery {
    let parts = battery.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      throw ValidationError("--battery \(battery): write it as 8.5Ah@3.6V")
    }
    guard !parts.contains(where: { Double($0) ?? 0 > 0 }) else {
      throw ValidationError(
        "--battery \(battery) has no units: write it as 8.5Ah@3.6V or 2400mAh@3V"
      )
    }
    guard selfDischarge.hasSuffix("%") else {
      throw ValidationError("--self-discharge \(selfDischarge): write it as 1%; it is 0% to 50%")
    }
    return Battery(
      charge: try Quantity.read(
        "--battery",
        parts[0],
        .charge,
        0.000_1...10_000,
        "0.1mAh to 10000Ah"
      ),
      voltage: try Quantity.read("--battery", parts[1], .volts, 0.5...60, "0.5V to 60V"),
      selfDischarge: try Quantity.read(
        "--self-discharge",
        selfDischarge,
        .percent,
        0...0.5,
        "0% to 50%"
      )
    )
  }

  func validate() throws { _ = try load() }
}
