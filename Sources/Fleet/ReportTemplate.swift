// SPDX-License-Identifier: Apache-2.0
/// What reports say: a text with `{n}`, the report's number, `{device}`, `{time}` in milliseconds since 1970, and
/// `{random}`, 0 to 99.
public struct ReportTemplate: Sendable {
  private enum Part {
    case text([UInt8])
    case number, device, time, random
  }

  /// What is wrong with a template.
  public enum Failure: Error, Equatable, Sendable {
    /// It does not have `{n}`, by which the platform's record tells reports apart.
    case noNumber
    /// There is nothing but digits, or nothing at all, right before `{n}`, so that its beginning cannot be told.
    case nothingBeforeNumber
    /// A digit or another placeholder stands right behind `{n}`, so that its end cannot be told.
    case digitBehindNumber
    /// The report would be longer than 1,024 bytes.
    case tooLong(Int)
  }

  /// A property post.
  public static let standard: ReportTemplate = {
    let text =
      #"{"id":"{n}","version":"1.0","params":{"Temperature":{"value":{random}}},"#
      + #""method":"thing.event.property.post"}"#
    do throws(Failure) { return try ReportTemplate(text) } catch {
      preconditionFailure("the template has a number")
    }
  }()

  /// What it was read from.
  let text: String
  private let parts: [Part]

  /// Reads a template.
  public init(_ text: String) throws(Failure) {
    var parts: [Part] = []
    var rest = Array(text.utf8)[...]
    let names: [(String, Part)] = [
      ("{n}", .number), ("{device}", .device), ("{time}", .time), ("{random}", .random),
    ]
    var literal: [UInt8] = []
    while let byte = rest.first {
      if let (name, part) = names.first(where: { rest.starts(with: $0.0.utf8) }) {
        if !literal.isEmpty { parts.append(.text(literal)) }
        literal = []
        parts.append(part)
        rest = rest.dropFirst(name.utf8.count)
      } else {
        literal.append(byte)
        rest = rest.dropFirst()
      }
    }
    if !literal.isEmpty { parts.append(.text(literal)) }
    try Self.check(parts)
    self.text = text
    self.parts = parts
    let longest = report(
      number: Int(UInt32.max),
      device: String(repeating: "x", count: 32),
      time: 9_999_999_999_999,
      random: 99
    )
    guard longest.count <= 1_024 else { throw .tooLong(longest.count) }
  }

  /// A report.
  func report(number: Int, device: String, time: Int64, random: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for part in parts {
      switch part {
      case .text(let text): bytes += text
      case .number: bytes += Array(String(number).utf8)
      case .device: bytes += Array(device.utf8)
      case .time: bytes += Array(String(time).utf8)
      case .random: bytes += Array(String(random).utf8)
      }
    }
    return bytes
  }

  /// The number in a report of a device; `nil` where there is none.
  ///
  /// It is read along the template: what stands before it may come earlier in the report, in a device's name.
  func number(in report: [UInt8], of device: String) -> Int? {
    // Where the next part may begin: it is not known how many digits a time or a random number has.
    var starts = [0]
    for part in parts {
      switch part {
      case .number:
        for start in starts {
          let digits = Self.digits(in: report, from: start, atMost: 18)
          guard !digits.isEmpty else { continue }
          return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        return nil
      case .text(let text):
        starts = starts.filter { report[$0...].starts(with: text) }.map { $0 + text.count }
      case .device:
        let name = device.utf8
        starts = starts.filter { report[$0...].starts(with: name) }.map { $0 + name.count }
      case .time: starts = Self.ends(of: report, from: starts, digits: 19)
      case .random: starts = Self.ends(of: report, from: starts, digits: 2)
      }
    }
    return nil
  }

  /// Throws unless a number can be found in a report of these parts.
  private static func check(_ parts: [Part]) throws(Failure) {
    guard
      let place = parts.firstIndex(where: { if case .number = $0 { true } else { false } })
    else { throw .noNumber }
    guard place > 0, case .text(let before) = parts[place - 1], !before.allSatisfy(isDigit) else {
      throw .nothingBeforeNumber
    }
    guard place + 1 < parts.count else { return }
    guard case .text(let behind) = parts[place + 1], behind.first.map(isDigit) == false else {
      throw .digitBehindNumber
    }
  }

  /// Where numbers that begin at one of `starts` may end, each place once.
  private static func ends(of report: [UInt8], from starts: [Int], digits count: Int) -> [Int] {
    let ends = starts.flatMap { start in
      digits(in: report, from: start, atMost: count).indices.map { $0 + 1 }
    }
    return Set(ends).sorted()
  }

  private static func digits(
    in report: [UInt8],
    from start: Int,
    atMost count: Int
  ) -> ArraySlice<UInt8> {
    report[start...].prefix(count).prefix(while: isDigit)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
