// SPDX-License-Identifier: Apache-2.0
/// What a front does where only the cloud could tell.
public protocol AssumedSettings: Equatable, Sendable {
  /// The platform that the device guide comes nearest to.
  init()

  /// Each of its decisions.
  static var decisions: [NamedAssumption<Self>] { get }
}

/// A decision of `Settings` under its name, for a command line and its documentation.
public struct NamedAssumption<Settings: AssumedSettings> {
  /// The decision's name, such as `unknown-device`.
  public let name: String
  /// The possible values, the default first.
  public let choices: String
  /// The decision in a few words.
  public let summary: String
  private let read: (Settings) -> String
  private let write: (inout Settings, String) -> Bool

  package init(
    name: String,
    choices: String,
    summary: String,
    read: @escaping (Settings) -> String,
    write: @escaping (inout Settings, String) -> Bool
  ) {
    self.name = name
    self.choices = choices
    self.summary = summary
    self.read = read
    self.write = write
  }

  /// All decisions.
  public static var all: [NamedAssumption] { Settings.decisions }

  /// The decision with that name; `nil` if there is none.
  public static func named(_ name: String) -> NamedAssumption? { all.first { $0.name == name } }

  /// The current value.
  public func value(in settings: Settings) -> String { read(settings) }

  /// The default value.
  public var standard: String { read(Settings()) }

  /// Sets the value; returns `false` if it is not allowed.
  public func set(_ value: String, in settings: inout Settings) -> Bool { write(&settings, value) }

  /// A decision about a number of `range` that is no success; `others` says what else there is beside the default.
  package static func code<Code: FixedWidthInteger>(
    _ name: String,
    _ path: WritableKeyPath<Settings, Code>,
    _ summary: String,
    in range: ClosedRange<Code>,
    others: String,
    isRefusal: @escaping (Code) -> Bool = { _ in true }
  ) -> NamedAssumption {
    NamedAssumption(
      name: name,
      choices: "\(Settings()[keyPath: path]), \(others)",
      summary: summary,
      read: { "\($0[keyPath: path])" },
      write: { settings, text in
        guard let code = Code(text), range.contains(code), isRefusal(code), text == "\(code)"
        else { return false }
        settings[keyPath: path] = code
        return true
      }
    )
  }

  /// A decision between two words, the first for `true`.
  package static func either(
    _ name: String,
    _ path: WritableKeyPath<Settings, Bool>,
    _ yes: String,
    _ no: String,
    _ summary: String
  ) -> NamedAssumption {
    NamedAssumption(
      name: name,
      choices: Settings()[keyPath: path] ? "\(yes), \(no)" : "\(no), \(yes)",
      summary: summary,
      read: { $0[keyPath: path] ? yes : no },
      write: { settings, text in
        guard text == yes || text == no else { return false }
        settings[keyPath: path] = text == yes
        return true
      }
    )
  }
}
