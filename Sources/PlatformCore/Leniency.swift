// SPDX-License-Identifier: Apache-2.0
/// A deviation of the platform's own SDKs from the device guide (protocol facts 2.1 and 2.3); each
/// front adds those of its protocol.
///
/// The simulator refuses each of them unless `PlatformConfiguration.leniencies` contains it, and
/// reports each request that needs one.
public struct Leniency: RawRepresentable, Hashable, Sendable {
  /// The name in the log.
  public let rawValue: String

  /// The leniency with that name.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The field `seq` of `/auth` in hexadecimal, in either case: the C SDK v4.
  public static let hexadecimalSequence = Leniency(rawValue: "hexadecimal-seq")
  /// The field `seq`, `timestamp` or `ackMode` of `/auth` as an integer instead of a string: the
  /// Java sample.
  public static let number = Leniency(rawValue: "number")
  /// A report whose number is the offset itself, with which all C SDKs begin.
  public static let offsetAsSequence = Leniency(rawValue: "seq-offset")
  /// The field `signmethod`, name or value, in another case, also in a pre-shared key's identity:
  /// as in other sections of the guide (6.2, 6.3).
  public static let signMethodCase = Leniency(rawValue: "signmethod-case")
}

/// A leniency needed by a request.
public struct ToleratedForm: Sendable, Equatable {
  /// The leniency.
  public let leniency: Leniency
  /// The deviation in the request.
  public let note: String
}

/// The granted leniencies, and those that a request needed.
package struct LeniencyUse: Sendable {
  private let granted: Set<Leniency>
  private let settingName: String
  /// The needed leniencies, in order.
  package private(set) var entries: [ToleratedForm] = []

  /// Grants no leniencies.
  package init() {
    granted = []
    settingName = ""
  }

  package init(_ configuration: PlatformConfiguration) {
    granted = configuration.leniencies
    settingName = configuration.settingNames.leniencies
  }

  /// Records that the request needs a leniency; if it is not granted, throws the `refusal` made
  /// from a note with the setting's name.
  package mutating func need<Failure: Error>(
    _ leniency: Leniency,
    _ note: String,
    else refusal: (String) -> Failure
  ) throws(Failure) {
    guard granted.contains(leniency) else { throw refusal("\(note); \(settingName) takes it") }
    let entry = ToleratedForm(leniency: leniency, note: note)
    if !entries.contains(entry) { entries.append(entry) }
  }
}
