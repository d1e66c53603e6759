internal import ArgumentParser
internal import Foundation

/// A command's help as it is printed: what the command is for, how it is called, its options in the order in which
/// they are needed, and only then examples and explanations.
///
/// ArgumentParser makes the parts. It puts a command's discussion first, which fills a screen before the first
/// option, its other options behind those of titled groups, and breaks every line that is too long, so that an
/// example could not be pasted.
struct HelpPage {
  let text: String

  /// Rearranges what ArgumentParser would print; `nil` where that is no command's help.
  init?(_ message: String, root: any ParsableCommand.Type) {
    guard message.hasPrefix("OVERVIEW: "), let start = message.range(of: "\n\nUSAGE: ") else {
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
      .map { $0.trimmingCharacters(in: .newlines) }
      .filter { !$0.isEmpty }
      .joined(separator: "\n\n")
  }

  private static func isList(_ section: String) -> Bool { section.hasPrefix("SUBCOMMANDS:") }

  /// The command whose usage it is: that of the names which it begins with.
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

  /// Breaks lines that are too long at spaces, but for those that are indented: they are examples.
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

  /// Makes ArgumentParser lay its texts out for 40 columns on a narrower terminal: its descriptions begin in column
  /// 27, and without room behind it they are left out, or the program stops.
  static func boundWidth() {
    // SAFETY: the texts outlive the call, and no other thread runs yet.
    if width < 40 { _ = unsafe setenv("COLUMNS", "40", 1) }
  }

  /// How wide the terminal is, by the variable or the terminal itself, as ArgumentParser has it.
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
