internal import ArgumentParser
internal import PlatformBroker
internal import PlatformCore
internal import PlatformSimulator
internal import PlatformWebServer

/// The simulator's assumptions where only the cloud could show the real behaviour.
struct AssumptionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Decide otherwise what only the cloud could confirm, such as unknown-device=4.04; \
      list prints all names with their values. Repeat it for more.
      """,
      valueName: "name=value"
    )
  )
  var assume: [String] = []

  func validate() throws {
    if assume.contains("list") { throw CleanExit.message(Self.list) }
    _ = try assumptions()
  }

  /// The decisions of MQTT that hold.
  func brokerAssumptions() -> BrokerAssumptions {
    var assumptions = BrokerAssumptions()
    for text in assume {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let known = BrokerAssumption.named(String(parts[0])) else { continue }
      _ = known.set(String(parts[1]), in: &assumptions)
    }
    return assumptions
  }

  /// The decisions of HTTPS that hold.
  func webAssumptions() -> WebAssumptions {
    var assumptions = WebAssumptions()
    for text in assume {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let known = WebAssumption.named(String(parts[0])) else { continue }
      _ = known.set(String(parts[1]), in: &assumptions)
    }
    return assumptions
  }

  /// The first of them that decides something of HTTPS; `nil` where none does.
  var ofWeb: String? {
    assume.first { WebAssumption.named(String($0.prefix { $0 != "=" })) != nil }
  }

  /// The first of them that decides something of MQTT; `nil` where none does.
  var ofBroker: String? {
    assume.first { BrokerAssumption.named(String($0.prefix { $0 != "=" })) != nil }
  }

  /// The decisions that hold.
  func assumptions() throws -> SimulatorAssumptions {
    var assumptions = SimulatorAssumptions()
    var names: Set<String> = []
    for text in assume {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw ValidationError("--assume takes NAME=VALUE, or list") }
      let (name, value) = (String(parts[0]), String(parts[1]))
      if let known = BrokerAssumption.named(name) {
        var others = BrokerAssumptions()
        try check(name, known.choices, value, known.set(value, in: &others), &names)
        continue
      }
      if let known = WebAssumption.named(name) {
        var others = WebAssumptions()
        try check(name, known.choices, value, known.set(value, in: &others), &names)
        continue
      }
      guard let assumption = Assumption.named(String(parts[0])) else {
        throw ValidationError(
          "--assume does not know \(parts[0]): --assume list prints the names"
        )
      }
      guard names.insert(assumption.name).inserted else {
        throw ValidationError("--assume is given twice for \(assumption.name): give it once")
      }
      guard assumption.set(String(parts[1]), in: &assumptions) else {
        throw ValidationError(
          "--assume \(assumption.name) is \(assumption.choices); not \(parts[1])"
        )
      }
    }
    return assumptions
  }

  private func check(
    _ name: String,
    _ choices: String,
    _ value: String,
    _ isGood: Bool,
    _ names: inout Set<String>
  ) throws {
    guard names.insert(name).inserted else {
      throw ValidationError("--assume is given twice for \(name): give it once")
    }
    guard isGood else {
      throw ValidationError("--assume \(name) is \(choices); not \(value)")
    }
  }

  /// All names, each with its values, the default first.
  private static var list: String {
    let all =
      Assumption.all.map { ($0.name, $0.choices, $0.summary) }
      + BrokerAssumption.all.map { ($0.name, $0.choices, $0.summary) }
      + WebAssumption.all.map { ($0.name, $0.choices, $0.summary) }
    let width = (all.map(\.0.count).max() ?? 0) + 2
    return all.map { name, choices, summary in
      name + String(repeating: " ", count: width - name.count) + choices + "\n    " + summary
    }.joined(separator: "\n")
  }
}
