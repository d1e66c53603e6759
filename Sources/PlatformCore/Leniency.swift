/// A form that the device guide does not have and one of the platform's own SDKs sends (protocol facts 2.1
/// and 2.3); each front adds those of its protocol.
///
/// The simulator refuses each of them unless `PlatformConfiguration.leniencies` has it, and tells of each
/// request that needs one.
public struct Leniency: RawRepresentable, Hashable, Sendable {
  /// Its name in the log.
  public let rawValue: String

  /// The leniency of that name.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The field `seq` of `/auth` in hexadecimal digits of either case: the C SDK v4.
  public static let hexadecimalSequence = Leniency(rawValue: "hexadecimal-seq")
  /// The field `seq`, `timestamp` or `ackMode` of `/auth` as a whole number, not a text: the Java sample.
  public static let number = Leniency(rawValue: "number")
  /// A report whose number is the offset itself: all the C SDKs begin with it.
  public static let offsetAsSequence = Leniency(rawValue: "seq-offset")
  /// The field `signmethod`, its name or its value, in another case, also in a pre-shared key's identity: the
  /// guide's own other sections (6.2, 6.3).
  public static let signMethodCase = Leniency(rawValue: "signmethod-case")
}

/// A leniency that a request has needed.
public struct ToleratedForm: Sendable, Equatable {
  /// Which one.
  public let leniency: Leniency
  /// What the request had.
  public let note: String
}

/// Which leniencies are granted, and which ones a request has needed.
package struct LeniencyUse: Sendable {
  private let granted: Set<Leniency>
  private let settingName: String
  /// Those that were needed, in the order in which they were.
  package private(set) var entries: [ToleratedForm] = []

  /// Grants none.
  package init() {
    granted = []
    settingName = ""
  }

  package init(_ configuration: PlatformConfiguration) {
    granted = configuration.leniencies
    settingName = configuration.settingNames.leniencies
  }

  /// Notes that the request needs a leniency; throws the `refusal` made of a note that names the setting where
  /// that is not granted.
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
