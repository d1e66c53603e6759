internal import ArgumentParser
internal import PlatformCore
internal import PlatformSimulator

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

  /// The decisions that hold.
  func assumptions() throws -> SimulatorAssumptions {
    var assumptions = SimulatorAssumptions()
    var names: Set<String> = []
    for text in assume {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw ValidationError("--assume takes NAME=VALUE, or list") }
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

  /// All names, each with its values, the default first.
  private static var list: String {
    let width = (Assumption.all.map(\.name.count).max() ?? 0) + 2
    return Assumption.all.map { assumption in
      let name = assumption.name
      return name + String(repeating: " ", count: width - name.count) + assumption.choices
        + "\n    " + assumption.summary
    }.joined(separator: "\n")
  }
}
