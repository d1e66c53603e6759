// SPDX-License-Identifier: Apache-2.0
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
  func brokerAssumptions() -> BrokerAssumptions { decided() }

  /// The decisions of HTTPS that hold.
  func webAssumptions() -> WebAssumptions { decided() }

  /// The first of them that decides something of HTTPS; `nil` where none does.
  var ofWeb: String? { assume.first { WebAssumption.named(Self.parts($0).name) != nil } }

  /// The first of them that decides something of MQTT; `nil` where none does.
  var ofBroker: String? { assume.first { BrokerAssumption.named(Self.parts($0).name) != nil } }

  /// The decisions of CoAP and of the platform behind all fronts that hold; throws for one of any front that is not
  /// well given.
  func assumptions() throws -> SimulatorAssumptions {
    var names: Set<String> = []
    for text in assume {
      let (name, value) = Self.parts(text)
      guard let value else { throw ValidationError("--assume takes NAME=VALUE, or list") }
      guard
        let check = Self.check(SimulatorAssumptions.self, name, value)
          ?? Self.check(BrokerAssumptions.self, name, value)
          ?? Self.check(WebAssumptions.self, name, value)
      else {
        throw ValidationError("--assume does not know \(name): --assume list prints the names")
      }
      guard names.insert(name).inserted else {
        throw ValidationError("--assume is given twice for \(name): give it once")
      }
      guard check.isGood else {
        throw ValidationError("--assume \(name) is \(check.choices); not \(value)")
      }
    }
    return decided()
  }

  /// The decisions of one front.
  private func decided<Settings: AssumedSettings>() -> Settings {
    var settings = Settings()
    for text in assume {
      let (name, value) = Self.parts(text)
      guard let value, let known = NamedAssumption<Settings>.named(name) else { continue }
      _ = known.set(value, in: &settings)
    }
    return settings
  }

  /// Whether a decision can have that value, and which it can have; `nil` where the front does not know it.
  private static func check<Settings: AssumedSettings>(
    _: Settings.Type,
    _ name: String,
    _ value: String
  ) -> (isGood: Bool, choices: String)? {
    guard let known = NamedAssumption<Settings>.named(name) else { return nil }
    var settings = Settings()
    return (known.set(value, in: &settings), known.choices)
  }

  /// The name and, behind the first `=`, the value.
  private static func parts(_ text: String) -> (name: String, value: String?) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
  }

  /// All names, each with its values, the default first.
  private static var list: String {
    let all =
      lines(SimulatorAssumptions.self) + lines(BrokerAssumptions.self) + lines(WebAssumptions.self)
    let width = (all.map(\.0.count).max() ?? 0) + 2
    return all.map { name, choices, summary in
      name + String(repeating: " ", count: width - name.count) + choices + "\n    " + summary
    }.joined(separator: "\n")
  }

  private static func lines<Settings: AssumedSettings>(
    _: Settings.Type
  ) -> [(String, String, String)] {
    NamedAssumption<Settings>.all.map { ($0.name, $0.choices, $0.summary) }
  }
}
