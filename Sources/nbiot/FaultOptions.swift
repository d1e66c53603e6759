// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PlatformCore
internal import PlatformFaults
internal import PlatformSimulator

/// Faults of the platform and of the network in front of it.
struct FaultOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Delay and lose datagrams over CoAP as NB-IoT radios of that coverage class do: ecl0, ecl1 or ecl2.",
      valueName: "class"
    )
  )
  var radio: CoverageArgument?

  @OptionGroup var faults: FaultOption

  @Option(
    name: .customLong("fault-seed"),
    help: ArgumentHelp(
      "The seed of --fault and --radio: the same seed, the same faults.",
      valueName: "number"
    )
  )
  var seed: UInt64 = 1

  /// Puts them into the configuration.
  func apply(to configuration: inout SimulatorConfiguration) throws {
    configuration.faults = try faults.rules()
    configuration.faultSeed = seed
    configuration.coverage = radio?.coverage
  }
}

/// `--fault`.
struct FaultOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Fail on purpose: drop, duplicate, corrupt or reorder (each =SHARE), delay=TIME or TIME..TIME, nat=TIME, \
      answer=CODE, forget, restart=TIME, clock=TIME; restricted by way, on, device, topic, share, after, times and for. \
      Repeat it for more.
      """,
      valueName: "fault,…"
    )
  )
  var fault: [String] = []

  func validate() throws { _ = try rules() }

  /// All of them, in order.
  func rules() throws -> [FaultRule] {
    let rules = try fault.flatMap { try FaultText.rules("--fault", $0) }
    let count = rules.count { !$0.isMomentary }
    guard count <= FaultTable.limit else {
      throw ValidationError("--fault names \(count) faults: \(FaultTable.limit) are the most")
    }
    return rules
  }
}

/// Reads faults from an argument.
enum FaultText {
  static func rules(_ option: String, _ text: String) throws -> [FaultRule] {
    do throws(FaultTextError) {
      return try FaultRule.rules(text)
    } catch {
      throw ValidationError("\(option) \(error.description)")
    }
  }
}

/// A coverage class by its name in 3GPP's texts.
enum CoverageArgument: String, ExpressibleByArgument, CaseIterable {
  case ecl0, ecl1, ecl2

  /// Its number.
  var coverage: Int {
    switch self {
    case .ecl0: 0
    case .ecl1: 1
    case .ecl2: 2
    }
  }
}
