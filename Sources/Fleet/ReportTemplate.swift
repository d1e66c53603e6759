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
    /// There is nothing right before `{n}` by which it can be found.
    case nothingBeforeNumber
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
  /// What stands before the number.
  private let mark: [UInt8]

  /// Reads a template.
  public init(_ text: String) throws(Failure) {
    var parts: [Part] = []
    var rest = Array(text.utf8)[...]
    let names: [(String, Part)] = [
      ("{n}", .number), ("{device}", .device), ("{time}", .time), ("{random}", .random),
    ]
    var literal: [UInt8] = []
    var mark: [UInt8]?
    while let byte = rest.first {
      if let (name, part) = names.first(where: { rest.starts(with: $0.0.utf8) }) {
        if case .number = part, mark == nil { mark = literal }
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
    guard let mark else { throw .noNumber }
    guard !mark.isEmpty else { throw .nothingBeforeNumber }
    self.text = text
    self.parts = parts
    self.mark = mark
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

  /// The number in a report; `nil` where there is none.
  func number(in report: [UInt8]) -> Int? {
    guard report.count > mark.count else { return nil }
    for start in 0..<(report.count - mark.count) where report[start...].starts(with: mark) {
      let digits = report[(start + mark.count)...].prefix { (0x30...0x39).contains($0) }.prefix(18)
      guard !digits.isEmpty else { continue }
      return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    return nil
  }
}
