// SPDX-License-Identifier: Apache-2.0
/// The unit of a `RadioConstant`, and what a model file or an option may write in its place.
public enum RadioUnit: String, Sendable, CaseIterable {
  case milliseconds = "ms"
  case bytes = "B"
  case watts = "W"
  case joules = "J"
  case volts = "V"
  /// Ampere-hours.
  case charge = "Ah"
  /// A part of 1; written as a number of percent with %.
  case percent = "%"
  /// A number of things.
  case count = ""
  /// One value over another.
  case ratio = "x"

  /// The units that may be written, each with what one of it is.
  public var names: [(name: String, factor: Double)] {
    switch self {
    case .milliseconds:
      [
        ("ms", 1), ("s", 1_000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000),
        ("d", 86_400_000),
      ]
    case .bytes: [("B", 1)]
    case .watts: [("W", 1), ("mW", 0.001), ("uW", 0.000_001)]
    case .joules: [("J", 1), ("mJ", 0.001), ("mWh", 3.6), ("uWh", 0.003_6)]
    case .volts: [("V", 1), ("mV", 0.001)]
    case .charge: [("Ah", 1), ("mAh", 0.001)]
    case .percent: [("%", 0.01)]
    case .count: []
    case .ratio: [("x", 1)]
    }
  }

  /// What is wrong with a quantity.
  public enum Problem: Error, Equatable, Sendable {
    /// It does not begin with a number.
    case noNumber
    /// What follows the number is no unit of this kind.
    case unknownUnit(String)
  }

  /// Reads a number and its unit, with or without a space between; without a unit the number is in this one, and of
  /// percent a part of 1.
  public func value(of text: String) throws(Problem) -> Double {
    if let number = Double(text) {
      guard number.isFinite else { throw .noNumber }
      return number
    }
    let isDigit: (Character) -> Bool = {
      ("0"..."9").contains($0) || $0 == "." || $0 == "+" || $0 == "-"
    }
    let digits = text.prefix(while: isDigit)
    guard let number = Double(String(digits)), number.isFinite else { throw .noNumber }
    var rest = text[digits.endIndex...]
    if rest.first == " " { rest.removeFirst() }
    if rest.isEmpty { return number }
    guard let unit = names.first(where: { $0.name == rest }) else {
      throw .unknownUnit(String(rest))
    }
    return number * unit.factor
  }

  /// The units that may be written, for an error.
  public var choices: String { names.map(\.name).joined(separator: ", ") }
}
