// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc

/// A command's help page: purpose, usage, options in the order of need, and only then examples and
/// explanations.
///
/// ArgumentParser generates the parts. It puts a command's discussion first, which fills a screen
/// before the first option, puts its other options after those of titled groups, and breaks every
/// long line, so that examples could not be pasted.
struct HelpPage {
  let text: String

  /// Rearranges ArgumentParser's output; `nil` if it is not a command's help.
  init?(_ message: String, root: any ParsableCommand.Type) {
    guard message.hasPrefix("OVERVIEW: "), let start = message.firstRange(of: "\n\nUSAGE: ") else {
      return nil
    }
    let overview = message[..<start.lowerBound].components(separatedBy: "\n\n")[0]
    var parts = message[start.upperBound...].components(separatedBy: "\n\n")
    let usage = parts.removeFirst()
    let width = Self.width
    var sections: [String] = []
    for part in parts {
      // The list of subcommands and the line below it belong together.
      if part.hasPrefix("  "), let last = sections.popLast() {
        sections.append(last + "\n\n" + part)
      } else {
        sections.append(part)
      }
    }
    if let index = sections.firstIndex(where: { $0.hasPrefix("OPTIONS:") }) {
      let options = sections.remove(at: index)
      let place = sections.firstIndex { !$0.hasPrefix("ARGUMENTS:") } ?? sections.endIndex
      sections.insert(
        options,
        at: sections.contains(where: Self.isList) ? sections.endIndex : place
      )
    }
    let discussion = Self.command(in: usage, root).configuration.discussion
    text =
      ([overview, "USAGE: " + usage] + sections + [Self.laidOut(discussion, width)])
      .map { Self.withoutNewlines($0) }
      .filter { !$0.isEmpty }
      .joined(separator: "\n\n")
  }

  /// The text without line breaks at either end.
  private static func withoutNewlines(_ text: String) -> String {
    let start = text.drop { $0.isNewline }
    return String(start.prefix(start.count - start.reversed().prefix { $0.isNewline }.count))
  }

  private static func isList(_ section: String) -> Bool { section.hasPrefix("SUBCOMMANDS:") }

  /// The command of a usage line, found by its leading names.
  private static func command(
    in usage: String,
    _ root: any ParsableCommand.Type
  ) -> any ParsableCommand.Type {
    var command = root
    for word in usage.split(whereSeparator: \.isWhitespace).dropFirst() {
      let next = command.configuration.subcommands.first {
        $0.configuration.commandName.map { $0 == word } ?? false
      }
      guard let next else { break }
      command = next
    }
    return command
  }

  /// Breaks long lines at spaces, except indented ones, which are examples.
  private static func laidOut(_ text: String, _ width: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard !line.hasPrefix(" ") else { return String(line) }
      var lines: [String] = [""]
      for word in line.split(separator: " ") {
        let last = lines[lines.count - 1]
        if last.isEmpty {
          lines[lines.count - 1] = String(word)
        } else if last.count + 1 + word.count < width {
          lines[lines.count - 1] += " " + word
        } else {
          lines.append(String(word))
        }
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n")
  }

  /// Makes ArgumentParser format for 40 columns on narrower terminals: its descriptions begin in
  /// column 27, and without room after it they are left out, or the program traps.
  static func boundWidth() {
    // SAFETY: the texts outlive the call, and no other thread runs yet.
    if width < 40 { _ = unsafe setenv("COLUMNS", "40", 1) }
  }

  /// The terminal's width, from the variable or the terminal itself, as in ArgumentParser.
  private static var width: Int {
    if let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap({ Int($0) }) {
      return columns
    }
    var size = winsize()
    // SAFETY: the call fills in the size and keeps no pointer.
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return 80
    }
    return Int(size.ws_col)
  }
}
