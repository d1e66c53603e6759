// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
internal import PayloadValues

/// What is wrong with a model file.
public struct RadioFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line, counted from 1.
  public let line: Int
  /// The reason, and the range where there is one.
  public let description: String
}

extension RadioModel {
  /// Replaces the constants that a file in JSON or TOML gives.
  ///
  /// JSON is `{"class0": {"loss": "1 %", "wakeUp": 800}}`; TOML has a table `[class0]` with `loss = "1 %"` and
  /// `wakeUp = 800`. A file in JSON is told by its brace.
  ///
  /// A value is a number in the constant's unit, or text with a unit. A name that is unknown or comes twice is an error,
  /// and so are values that contradict each other.
  public mutating func replace(with file: Span<UInt8>) throws(RadioFileError) {
    if Self.isTOML(file) { return try replace(withTOML: file) }
    var reader = JSONReader(file)
    var lines: [String: Int] = [:]
    var group: String?
    var name: String?
    var depth = 0
    while true {
      let token: JSONToken?
      do throws(JSONError) {
        token = try reader.next()
      } catch {
        throw Self.error(file, Self.offset(of: error, in: file), "not JSON: \(error)")
      }
      guard let token else { break }
      let offset = reader.tokenOffset
      switch token {
      case .beginObject:
        depth += 1
        guard depth == 1 || depth == 2 && group != nil && name == nil else {
          throw Self.error(file, offset, "a value is a number or a text with a unit")
        }
      case .endObject:
        depth -= 1
        group = nil
      case .key(let range):
        let key = Self.text(reader, range)
        if depth == 1 {
          group = key
          guard Self.isGroup(key) else {
            throw Self.error(file, offset, Self.unknownGroup(key))
          }
        } else {
          name = key
        }
      case .string(let range), .number(let range):
        guard depth == 2, let group, let key = name else {
          throw Self.error(file, offset, "a value belongs into a group: \(Self.groups)")
        }
        let full = "\(group).\(key)"
        guard lines.updateValue(Self.line(file, offset), forKey: full) == nil else {
          throw Self.error(file, offset, "\(full) is given twice")
        }
        try set(full, to: Self.text(reader, range), Self.line(file, offset))
        name = nil
      case .beginArray, .endArray, .boolean, .null:
        throw Self.error(file, offset, "a value is a number or a text with a unit")
      }
    }
    try checkOrder(lines)
  }

  /// Whether the first byte that is no white space begins a table, a comment or a key.
  private static func isTOML(_ file: Span<UInt8>) -> Bool {
    for index in file.indices {
      switch file[index] {
      case 0x09, 0x0A, 0x0D, 0x20: continue
      case UInt8(ascii: "["), UInt8(ascii: "#"), UInt8(ascii: "_"): return true
      case let byte:
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte >= 0x41
      }
    }
    return false
  }

  private mutating func replace(withTOML file: Span<UInt8>) throws(RadioFileError) {
    let document: TOMLDocument
    do throws(TOMLError) {
      document = try TOMLDocument(file.indices.map { file[$0] })
    } catch {
      throw RadioFileError(line: error.line, description: error.description)
    }
    var lines: [String: Int] = [:]
    for table in document.tables {
      guard table.name.isEmpty || !table.isElement && Self.isGroup(table.name) else {
        throw RadioFileError(line: table.line, description: Self.unknownGroup(table.name))
      }
      for entry in table.entries {
        guard !table.name.isEmpty else {
          throw RadioFileError(
            line: entry.line,
            description: "a value belongs into a group: \(Self.groups)"
          )
        }
        let text: String
        switch entry.value {
        case .text(let given): text = given
        case .integer(let number): text = "\(number)"
        case .double(let number): text = "\(number)"
        default:
          throw RadioFileError(
            line: entry.line,
            description: "a value is a number or a text with a unit"
          )
        }
        try set("\(table.name).\(entry.name)", to: text, entry.line)
        lines["\(table.name).\(entry.name)"] = entry.line
      }
    }
    try checkOrder(lines)
  }

  /// Refuses a file that makes one constant larger than another which it cannot be above; `lines` has what it gives.
  private func checkOrder(_ lines: [String: Int]) throws(RadioFileError) {
    let orders = [
      ["lowest", "lowerQuartile", "upperQuartile", "highest"],
      ["roundTripMedian", "roundTripHigh"],
    ]
    for coverage in 0...2 {
      for order in orders {
        let constants = order.compactMap { name in
          RadioConstant.all.first { $0.name == "class\(coverage).\(name)" }
        }
        for (low, high) in zip(constants, constants.dropFirst())
        where low.value(in: self) > high.value(in: self) {
          guard let line = [lines[low.name], lines[high.name]].compactMap({ $0 }).max() else {
            continue
          }
          throw RadioFileError(
            line: line,
            description:
              "\(low.name) is \(low.value(in: self)), and cannot be above \(high.name), which is "
              + "\(high.value(in: self))"
          )
        }
      }
    }
  }

  private static func isGroup(_ name: String) -> Bool {
    RadioConstant.all.contains { $0.name.hasPrefix(name + ".") }
  }

  private static func unknownGroup(_ name: String) -> String {
    "unknown group \"\(name)\": there are \(groups)"
  }

  private mutating func set(
    _ name: String,
    to text: String,
    _ line: Int
  ) throws(RadioFileError) {
    guard let constant = RadioConstant.all.first(where: { $0.name == name }) else {
      let group = name.prefix { $0 != "." }
      let names = RadioConstant.all.filter { $0.name.hasPrefix("\(group).") }
        .map { String($0.name.drop { $0 != "." }.dropFirst()) }
      throw RadioFileError(
        line: line,
        description: "unknown constant \(name): \(group) has \(names.joined(separator: ", "))"
      )
    }
    let unit =
      [.percent, .ratio, .count].contains(constant.unit) ? "" : " \(constant.unit.rawValue)"
    let range = "\(constant.range.lowerBound) to \(constant.range.upperBound)\(unit)"
    let value: Double
    do throws(RadioUnit.Problem) {
      value = try constant.unit.value(of: text)
    } catch {
      switch error {
      case .noNumber:
        throw RadioFileError(
          line: line,
          description: "\(name): \"\(text)\" is no number; it is \(range)"
        )
      case .unknownUnit(let unit):
        let known = constant.unit.choices
        throw RadioFileError(
          line: line,
          description: "\(name): unknown unit \"\(unit)\""
            + (known.isEmpty ? ": it has none" : ": it is one of \(known)")
            + "; the range is \(range)"
        )
      }
    }
    guard constant.range.contains(value) else {
      throw RadioFileError(
        line: line,
        description: "\(name): \(value) is outside of \(range)"
      )
    }
    constant.write(&self, value)
  }

  private static var groups: String {
    var groups: [String] = []
    for constant in RadioConstant.all {
      let group = String(constant.name.prefix { $0 != "." })
      if groups.last != group && !groups.contains(group) { groups.append(group) }
    }
    return groups.joined(separator: ", ")
  }

  private static func text(_ reader: borrowing JSONReader, _ range: Range<Int>) -> String {
    var buffer = [UInt8](repeating: 0, count: 3 * range.count)
    var writer = ByteWriter(buffer.mutableSpan)
    // Escapes never get longer when they are resolved, but half of a surrogate pair is refused here anyway.
    do throws(CapacityError) { try reader.copyString(range, into: &writer) } catch { return "" }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  private static func offset(of error: JSONError, in file: Span<UInt8>) -> Int {
    switch error {
    case .truncated: file.count
    case .unexpectedByte(let offset), .tooDeep(let offset), .invalidUTF8(let offset),
      .loneSurrogate(let offset), .numberTooLarge(let offset):
      offset
    }
  }

  private static func line(_ file: Span<UInt8>, _ offset: Int) -> Int {
    var line = 1
    for index in 0..<min(offset, file.count) where file[index] == UInt8(ascii: "\n") { line += 1 }
    return line
  }

  private static func error(
    _ file: Span<UInt8>,
    _ offset: Int,
    _ reason: String
  ) -> RadioFileError {
    RadioFileError(line: line(file, offset), description: reason)
  }
}
