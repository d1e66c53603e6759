// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PayloadCoding
internal import PayloadValues
internal import RadioModel

/// `--radio-file`.
struct RadioFileOption: ParsableArguments {
  @Option(
    name: .customLong("radio-file"),
    help: ArgumentHelp(
      "A TOML or JSON file with constants of the radio model in place of its own; `nbiot radio` prints their names and units.",
      valueName: "file"
    ),
    completion: .file()
  )
  var path: String?

  /// The model with the file's constants, which are those of nobody's publication.
  func load() throws -> RadioModel {
    var model = RadioModel()
    guard let path else { return model }
    let bytes = try DataArgument.read("--radio-file", path, "radio model", limit: 1_048_576)
    do throws(RadioFileError) {
      try model.replace(with: bytes.span)
    } catch {
      throw Complaint("--radio-file: \(path):\(error.line): \(error.description)")
    }
    return model
  }
}

/// The constants of the radio model, and where they come from.
struct RadioCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "radio",
    abstract: "Prints the constants of the NB-IoT radio model, each with its source.",
    discussion: """
      Example, all of them:
        nbiot radio

      Example, a file with the constants that differ on your network, and what it changes:
        printf '[network]\\ninactivity = "10 s"\\n' > radio.toml
        nbiot radio --radio-file radio.toml --output json

      A constant is published, fitted to published measurements, or assumed where nobody has published anything. \
      A file gives each in its group: a number in the unit that is printed here (of %, a part of 1), or a text with \
      its own unit. docs/energy.md says what the model does with them and how far it was off.

      Exit status: 0 printed, 2 usage, or the file is not valid, 5 standard output cannot be written.
      """
  )

  @OptionGroup var file: RadioFileOption

  @OptionGroup var output: OutputOption

  func run() throws {
    let model = try file.load()
    switch output.form {
    case .text: Console.print(lines: Self.text(model))
    case .json: Console.print(json: Self.json(model).encoded(.json).span)
    }
  }

  private static func text(_ model: RadioModel) -> String {
    let usual = RadioModel()
    let rows = RadioConstant.all.map { constant in
      let (value, own) = (constant.value(in: model), constant.value(in: usual))
      let origin = value == own ? constant.origin.rawValue : "given"
      let source = value == own ? constant.source : "by --radio-file, in place of \(number(own))"
      return [constant.name, number(value), constant.unit.written, origin, source]
    }
    return NumberTable(rows, numeric: [1]).description
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  private static func json(_ model: RadioModel) -> PayloadValue {
    let usual = RadioModel()
    return .array(
      RadioConstant.all.map { constant in
        let isOwn = constant.value(in: model) == constant.value(in: usual)
        return .object([
          PayloadValue.Member("name", .text(constant.name)),
          PayloadValue.Member("value", .double(constant.value(in: model))),
          PayloadValue.Member("unit", .text(constant.unit.written)),
          PayloadValue.Member("origin", .text(isOwn ? constant.origin.rawValue : "given")),
          PayloadValue.Member("source", .text(isOwn ? constant.source : "--radio-file")),
          PayloadValue.Member("least", .double(constant.range.lowerBound)),
          PayloadValue.Member("most", .double(constant.range.upperBound)),
        ])
      }
    )
  }
}

extension RadioUnit {
  /// The unit of a number without one, as it is printed.
  var written: String {
    switch self {
    case .percent: "of 1"
    case .ratio, .count: ""
    default: rawValue
    }
  }
}

/// Lines of columns as wide as their longest cell, but for the last.
struct NumberTable: CustomStringConvertible {
  private let rows: [[String]]
  private let numeric: Set<Int>

  /// Rows of as many cells each; the columns `numeric` are aligned at the right.
  init(_ rows: [[String]], numeric: Set<Int>) {
    self.rows = rows
    self.numeric = numeric
  }

  var description: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = row.enumerated().map { column, cell in
        let fill = String(repeating: " ", count: widths[column] - cell.count)
        return numeric.contains(column) ? fill + cell : cell + fill
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
