// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadValues
public import PlatformFaults

/// What happens to a fleet, and what must hold.
public struct FleetScenario: Sendable {
  /// Faults that begin at a time.
  public struct Step: Sendable {
    /// From the start.
    public var time: Milliseconds
    /// What happens.
    public var rules: [FaultRule]

    /// Faults that begin so long after the start.
    public init(time: Milliseconds, rules: [FaultRule]) {
      self.time = time
      self.rules = rules
    }
  }

  /// What must hold at the end.
  public struct Expectation: Equatable, Sendable {
    /// Of what.
    public var measure: FleetMeasure
    /// At least so much, if that is given.
    public var least: Double?
    /// At most so much, if that is given.
    public var most: Double?
  }

  /// What it is called.
  public var name = ""
  /// What happens, in order.
  public var steps: [Step] = []
  /// What must hold.
  public var expectations: [Expectation] = []

  /// Nothing happens, and nothing must hold.
  public init() {}

  /// Reads a scenario in TOML.
  public init(toml file: [UInt8]) throws(FleetScenarioError) {
    let document: TOMLDocument
    do throws(TOMLError) {
      document = try TOMLDocument(file)
    } catch {
      throw FleetScenarioError(line: error.line, error.description)
    }
    for table in document.tables {
      switch table.name {
      case "":
        for entry in table.entries {
          guard entry.name == "name", let text = entry.value.string else {
            throw FleetScenarioError(
              entry,
              "outside of [[fault]] and [[expect]] there is only name, a text"
            )
          }
          name = text
        }
      case "fault" where table.isElement: steps.append(try Self.step(table))
      case "expect" where table.isElement: expectations.append(try Self.expectation(table))
      default:
        throw FleetScenarioError(
          line: table.line,
          "unknown table \(table.name): there are [[fault]] and [[expect]]"
        )
      }
    }
    steps.sort { $0.time < $1.time }
  }

  private static func step(_ table: TOMLDocument.Table) throws(FleetScenarioError) -> Step {
    var time: Milliseconds?
    var rules: [FaultRule]?
    for entry in table.entries {
      switch entry.name {
      case "at":
        guard let count = entry.value.string.flatMap({ FaultRule.milliseconds($0) }), count >= 0
        else { throw FleetScenarioError(entry, #"at is a time with its unit, such as "2h""#) }
        time = Milliseconds(count)
      case "fault":
        guard let text = entry.value.string else {
          throw FleetScenarioError(entry, #"fault is a text, such as "drop=10%""#)
        }
        do throws(FaultTextError) { rules = try FaultRule.rules(text) } catch {
          throw FleetScenarioError(entry, error.description)
        }
      default:
        throw FleetScenarioError(entry, "unknown key \(entry.name): a fault has at and fault")
      }
    }
    guard let time, let rules else {
      throw FleetScenarioError(line: table.line, "a fault has both at and fault")
    }
    return Step(time: time, rules: rules)
  }

  private static func expectation(
    _ table: TOMLDocument.Table
  ) throws(FleetScenarioError) -> Expectation {
    var measure: FleetMeasure?
    var (least, most): (Double?, Double?)
    for entry in table.entries {
      switch entry.name {
      case "measure":
        measure = entry.value.string.flatMap { FleetMeasure(rawValue: $0) }
        guard measure != nil else {
          let names = FleetMeasure.allCases.map(\.rawValue).joined(separator: ", ")
          throw FleetScenarioError(entry, "unknown measure: there are \(names)")
        }
      case "at-least":
        least = entry.value.number
        guard least != nil else { throw FleetScenarioError(entry, "at-least is a number") }
      case "at-most":
        most = entry.value.number
        guard most != nil else { throw FleetScenarioError(entry, "at-most is a number") }
      default:
        throw FleetScenarioError(
          entry,
          "unknown key \(entry.name): an expectation has measure, at-least and at-most"
        )
      }
    }
    guard let measure, least != nil || most != nil else {
      throw FleetScenarioError(
        line: table.line,
        "an expectation has measure, and at-least or at-most"
      )
    }
    return Expectation(measure: measure, least: least, most: most)
  }

  /// A region's network is bad, its platform is gone for two hours, and comes back without any session.
  public static let regionOutage = """
    name = "region outage"

    # The network loses a tenth of the datagrams, all the time.
    [[fault]]
    at = "0s"
    fault = "drop=10%"

    # The platform is gone for two hours, and has forgotten all tokens when it is back.
    [[fault]]
    at = "2h"
    fault = "restart=2h"

    # Everybody delivers everything.
    [[expect]]
    measure = "missing"
    at-most = 0

    [[expect]]
    measure = "waiting"
    at-most = 0

    # No thundering herd: authentications in the busiest second, by reports that devices make in a second; in the
    # busiest minute where these are fewer than 100.
    [[expect]]
    measure = "authentication-peak"
    at-most = 1.5
    """
}

/// What is wrong with a scenario.
public struct FleetScenarioError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line, counted from 1.
  public let line: Int
  /// The reason, and the range where there is one.
  public let description: String

  init(line: Int, _ description: String) {
    self.line = line
    self.description = description
  }

  init(_ entry: TOMLDocument.Entry, _ description: String) {
    self.init(line: entry.line, description)
  }
}
