// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation

/// Reports unknown options and subcommands, with the most similar name.
///
/// ArgumentParser reports missing arguments first, and then does not mention a misspelt option; of
/// subcommands it says only that they are unexpected.
enum UnknownNames {
  /// Refuses the first name in `arguments` that its command does not have.
  static func check(_ arguments: [String]) throws {
    // Completion scripts and the like are left to ArgumentParser.
    guard !arguments.contains(where: { $0.hasPrefix("---") || $0.hasPrefix("--experimental-") }),
      !arguments.contains(where: { $0.hasPrefix("--generate-completion-script") })
    else { return }
    var way = CommandWay(arguments)
    while !way.subcommands.isEmpty, let name = way.rest.first, !name.hasPrefix("-") {
      // The next argument is the name of a command, which ArgumentParser looks up.
      if name == CommandWay.help { return }
      guard way.follow() else {
        throw unknown("command", name, among: way.subcommands, [:], of: way.path)
      }
    }
    try check(way.rest, of: way.options, way.path)
  }

  /// Refuses the first name in `arguments` that should lead to a command's help but does not exist.
  static func checkCommand(_ arguments: [String]) throws(Complaint) {
    let isHelp = arguments.first == CommandWay.help
    var way = CommandWay(isHelp ? Array(arguments.dropFirst()) : arguments)
    while let name = way.rest.first, !name.hasPrefix("-"), name != CommandWay.help {
      // Behind a command's name stand its arguments.
      if way.subcommands.isEmpty, !isHelp || way.takesNextWord { return }
      guard way.follow() else {
        throw unknown("command", name, among: way.subcommands, [:], of: way.path)
      }
    }
  }

  /// The arguments with each value that begins with - joined to its option by =; `nil` if there is
  /// none.
  static func joined(_ arguments: [String]) -> [String]? {
    var way = CommandWay(arguments)
    while way.follow() {}
    var rest = way.rest
    var result = Array(arguments.prefix(arguments.count - rest.count))
    let options = way.options
    let names = Set(options.flatMap(\.texts)).union(["-h", "--help", "--version", "--", "-"])
    let taking = Set(options.filter { $0.kind == "option" }.flatMap(\.texts))
    while let argument = rest.popFirst() {
      if argument == "--" {
        return result.count + 1 + rest.count == arguments.count ? nil : result + [argument] + rest
      }
      if argument.hasPrefix("--"), taking.contains(argument), let value = rest.first,
        value.hasPrefix("-"), !names.contains(value)
      {
        result.append("\(argument)=\(value)")
        rest.removeFirst()
      } else {
        result.append(argument)
      }
    }
    return result.count == arguments.count ? nil : result
  }

  private static func check(
    _ arguments: ArraySlice<String>,
    of options: [Argument],
    _ path: String
  ) throws {
    let names = Set(options.flatMap(\.texts)).union(["-h", "--help", "--version"])
    let taking = Set(options.filter { $0.kind == "option" }.flatMap(\.texts))
    var isValue = false
    // Whether the option accepts any text as its value.
    var isText = false
    for argument in arguments {
      if isValue {
        isValue = false
        // A forgotten value: the next argument is an option, perhaps a misspelt one.
        let isSlip = !isText && argument.hasPrefix("--") && nearest(to: argument, names) != nil
        if !names.contains(argument), !isSlip { continue }
      }
      if argument == "--" { return }
      guard argument.hasPrefix("-"), argument != "-", !isNumber(argument) else { continue }
      let name = String(argument.prefix { $0 != "=" })
      if names.contains(name) {
        isValue = taking.contains(name) && name == argument
        isText = name == "--payload"
      } else if argument.hasPrefix("--") || !isCluster(argument, of: names) {
        throw unknown(
          "option",
          name,
          among: names.filter { $0.hasPrefix("--") },
          elsewhere,
          of: path
        )
      }
    }
  }

  /// Short flags combined in one argument, or a short option with its value.
  private static func isCluster(_ argument: String, of names: Set<String>) -> Bool {
    argument.dropFirst().first.map { names.contains("-\($0)") } == true
  }

  private static func isNumber(_ text: String) -> Bool { Double(text) != nil }

  private static func unknown(
    _ kind: String,
    _ name: String,
    among names: some Sequence<String>,
    _ elsewhere: [String: String],
    of path: String
  ) -> Complaint {
    let names = Set(names)
    let meant =
      elsewhere[name].flatMap { names.contains($0) ? $0 : nil } ?? nearest(to: name, names)
    let owner = path == "nbiot" ? "there is no" : "\(path.dropFirst(6)) has no"
    let suggestion =
      if let meant {
        "did you mean \(meant)? See"
      } else if kind == "command", !names.isEmpty {
        "it is one of \(names.sorted().joined(separator: ", ")); see"
      } else {
        "see"
      }
    return Complaint("\(owner) \(kind) \(name): \(suggestion) `\(path) --help`")
  }

  /// The names of such options in mosquitto_pub, coap-client and curl.
  private static let elsewhere = [
    "-t": "--topic", "-m": "--payload", "--message": "--payload", "-d": "--payload",
    "--data": "--payload", "-e": "--payload", "-f": "--payload", "--file": "--payload",
    "-l": "--payload", "-s": "--payload", "--host": "--endpoint", "-p": "--endpoint",
    "--server": "--endpoint", "--url": "--endpoint", "--cafile": "--ca-file",
    "--cacert": "--ca-file", "--cert": "--certificate-file", "--key": "--key-file",
    "-k": "--psk-key-file", "-u": "--psk-identity", "-i": "--client-id", "--id": "--client-id",
    "-o": "--output", "--debug": "--verbose", "--json": "--output", "--dtls": "--security",
    "--secret": "--device-secret-file", "--secret-file": "--device-secret-file",
    "--device-secret": "--device-secret-file", "--product": "--product-key",
    "--device": "--device-name", "--name": "--device-name", "--user": "--product-key",
    "--token": "--session-file", "--session": "--session-file", "--timeout": "--timing",
  ]

  /// The name that is one or two typing errors away, or that begins with this one.
  static func nearest(to name: String, _ names: Set<String>) -> String? {
    let slips = max(1, min(3, name.filter { $0 != "-" }.count / 3))
    let near = names.map { (distance(name, $0), $0) }.filter { $0.0 <= slips }.min { $0 < $1 }
    if let near { return near.1 }
    guard name.count(where: { $0 != "-" }) > 2 else { return nil }
    return names.filter { $0.hasPrefix(name) || $0.hasSuffix(name.drop { $0 == "-" }) }
      .min { ($0.count, $0) < ($1.count, $1) }
  }

  /// The number of characters omitted, added, replaced, or swapped with the next one.
  private static func distance(_ first: String, _ second: String) -> Int {
    let (first, second) = (Array(first.utf8), Array(second.utf8))
    var rows = [[Int]](
      repeating: [Int](repeating: 0, count: second.count + 1),
      count: first.count + 1
    )
    for i in 0...first.count { rows[i][0] = i }
    for j in 0...second.count { rows[0][j] = j }
    for i in first.indices {
      for j in second.indices {
        let change = first[i] == second[j] ? 0 : 1
        var best = min(rows[i][j + 1] + 1, rows[i + 1][j] + 1, rows[i][j] + change)
        if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
          best = min(best, rows[i - 1][j - 1] + 1)
        }
        rows[i + 1][j + 1] = best
      }
    }
    return rows[first.count][second.count]
  }
}

/// The way from the program to the command that the first arguments name.
private struct CommandWay {
  /// The name of the command that ArgumentParser adds to the program's own.
  static let help = "help"

  private var command: any ParsableCommand.Type = Nbiot.self
  private(set) var path = Nbiot._commandName
  /// The arguments behind the names.
  private(set) var rest: ArraySlice<String>

  init(_ arguments: [String]) {
    rest = arguments[...]
  }

  /// The names that may come next.
  var subcommands: [String] {
    let names = command.configuration.subcommands.map { $0._commandName }
    return command == Nbiot.self ? names + [Self.help] : names
  }

  /// Goes on to the command that the next argument names; `false` where it names none.
  mutating func follow() -> Bool {
    guard let name = rest.first,
      let next = command.configuration.subcommands.first(where: { $0._commandName == name })
    else { return false }
    command = next
    path += " " + name
    rest = rest.dropFirst()
    return true
  }

  /// The options of the command.
  var options: [Argument] { arguments.filter { $0.kind != "positional" } }

  /// Whether the next argument is a word that the command itself takes, such as `add` of `nbiot fault`.
  var takesNextWord: Bool {
    guard let word = rest.first else { return false }
    let usage = (command.configuration.usage ?? "").split(separator: "\n")
    return usage.contains { $0.drop { $0 == " " }.hasPrefix("\(path) \(word) ") }
      || arguments.contains { $0.kind == "positional" && $0.allValues?.contains(word) == true }
  }

  /// From ArgumentParser's description of the command.
  private var arguments: [Argument] {
    let tool = try? JSONDecoder().decode(Tool.self, from: Data(command._dumpHelp().utf8))
    return tool?.command.arguments ?? []
  }
}

/// The part of ArgumentParser's description of the program that is needed.
private struct Tool: Decodable {
  let command: Command
}

private struct Command: Decodable {
  let arguments: [Argument]?
}

private struct Argument: Decodable {
  struct Name: Decodable {
    let kind: String
    let name: String
  }

  let kind: String
  let names: [Name]?
  /// The words that it takes; `nil` if it takes any.
  let allValues: [String]?

  /// The names as typed.
  var texts: [String] { (names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name } }
}
