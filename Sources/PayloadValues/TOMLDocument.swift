// SPDX-License-Identifier: Apache-2.0
/// A file in TOML 1.0, as far as configurations of this project need it: tables, arrays of tables, and keys with a
/// text, a number or a boolean.
///
/// What else TOML has, such as inline tables, arrays of values, dates and texts of several lines, is refused with its
/// line. Memory: as much as the file.
public struct TOMLDocument: Equatable, Sendable {
  /// A key with its value.
  public struct Entry: Equatable, Sendable {
    /// The key.
    public let name: String
    /// A text, an integer, a double or a boolean.
    public let value: PayloadValue
    /// Its line, counted from 1.
    public let line: Int
  }

  /// A table, or an element of an array of tables.
  public struct Table: Equatable, Sendable {
    /// Its name; empty for the keys before the first table.
    public let name: String
    /// Whether it stands in double brackets.
    public let isElement: Bool
    /// Its line, counted from 1.
    public let line: Int
    /// Its keys, in order.
    public internal(set) var entries: [Entry] = []
  }

  /// The tables in order; the first one has the keys before all others.
  public private(set) var tables = [Table(name: "", isElement: false, line: 1)]

  /// Reads a file.
  public init(_ file: [UInt8]) throws(TOMLError) {
    // By bytes: for a text a carriage return and a line feed are one character.
    let lines = file.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, part) in lines.enumerated() {
      let bytes = part.last == 0x0D ? part.dropLast() : part
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TOMLError(line: index + 1, "the line is not UTF-8")
      }
      try read(Self.trimmed(text[...]), line: index + 1)
    }
  }

  private mutating func read(_ text: Substring, line: Int) throws(TOMLError) {
    guard let first = text.first, first != "#" else { return }
    if first == "[" { return try readHeader(text, line: line) }
    guard let end = text.firstIndex(of: "=") else {
      throw TOMLError(line: line, "a line is KEY = VALUE, [TABLE] or [[TABLE]]")
    }
    let name = Self.trimmed(text[..<end])
    guard Self.isBareKey(name) else {
      throw TOMLError(line: line, "a key is of letters, digits, - and _")
    }
    guard !tables[tables.count - 1].entries.contains(where: { $0.name == name }) else {
      throw TOMLError(line: line, "\(name) is given twice")
    }
    let value = try Self.value(Self.trimmed(text[end...].dropFirst()), line: line)
    tables[tables.count - 1].entries.append(Entry(name: String(name), value: value, line: line))
  }

  private mutating func readHeader(_ text: Substring, line: Int) throws(TOMLError) {
    let isElement = text.hasPrefix("[[")
    let closing = isElement ? "]]" : "]"
    let rest = text.dropFirst(closing.count)
    guard let start = rest.firstIndex(of: "]"), rest[start...].hasPrefix(closing),
      Self.isNothing(rest[start...].dropFirst(closing.count))
    else { throw TOMLError(line: line, "a table is [NAME] or [[NAME]]") }
    let name = Self.trimmed(rest[..<start])
    guard Self.isBareKey(name) else {
      throw TOMLError(line: line, "a table's name is of letters, digits, - and _")
    }
    guard !tables.contains(where: { $0.name == name && !($0.isElement && isElement) }) else {
      throw TOMLError(line: line, "the table \(name) is there twice")
    }
    tables.append(Table(name: String(name), isElement: isElement, line: line))
  }

  private static func value(_ text: Substring, line: Int) throws(TOMLError) -> PayloadValue {
    guard let first = text.first else { throw TOMLError(line: line, "the value is missing") }
    if first == "\"" || first == "'" {
      return .text(try quoted(text.dropFirst(), by: first, line: line))
    }
    let word = trimmed(text.prefix { $0 != "#" })
    switch word {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default: break
    }
    let digits = word.filter { $0 != "_" }
    let isNumber = digits.allSatisfy { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
    guard isNumber, !word.hasPrefix("_"), !word.hasSuffix("_"), !word.contains("__") else {
      throw TOMLError(line: line, "a value is a text in quotes, a number, true or false")
    }
    if let number = Int64(digits) { return .integer(number) }
    guard let number = Double(digits), number.isFinite else {
      throw TOMLError(line: line, "\(word) is no number")
    }
    return .double(number)
  }

  /// The text up to its closing quote, behind which there is nothing; `rest` is what follows the opening one.
  private static func quoted(
    _ rest: Substring,
    by quote: Character,
    line: Int
  ) throws(TOMLError) -> String {
    var result = ""
    var rest = rest
    if rest.hasPrefix("\(quote)\(quote)") {
      throw TOMLError(line: line, "texts of several lines are not taken")
    }
    while let character = rest.popFirst() {
      if character == quote {
        guard isNothing(rest) else { throw TOMLError(line: line, "behind the value stands more") }
        return result
      }
      guard character == "\\", quote == "\"" else {
        result.append(character)
        continue
      }
      switch rest.popFirst() {
      case "\"": result.append("\"")
      case "\\": result.append("\\")
      case "n": result.append("\n")
      case "t": result.append("\t")
      default: throw TOMLError(line: line, #"behind \ stands ", \, n or t"#)
      }
    }
    throw TOMLError(line: line, "the text has no end")
  }

  private static func isNothing(_ text: Substring) -> Bool {
    let rest = trimmed(text)
    return rest.isEmpty || rest.hasPrefix("#")
  }

  private static func isBareKey(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == 0x2D || $0 == 0x5F
      }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}

/// What is wrong with a file in TOML.
public struct TOMLError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line, counted from 1.
  public let line: Int
  /// The reason.
  public let description: String

  init(line: Int, _ description: String) {
    self.line = line
    self.description = description
  }
}
