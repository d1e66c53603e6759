internal import CoAPMessage

/// A form that the device guide does not have and one of the platform's own SDKs sends (protocol facts 2.1
/// and 2.3).
///
/// The simulator refuses each of them unless `SimulatorConfiguration.leniencies` has it, and tells of each
/// request that needs one.
public enum Leniency: String, Sendable, CaseIterable {
  /// Accept 42, application/octet-stream: the C SDKs 2.3.0 and 3.0. The answer is in the request's format.
  case acceptOctetStream = "accept-42"
  /// An `/auth` without Content-Format: the C SDK v4. Its payload counts as JSON.
  case missingContentFormat = "no-content-format"
  /// The field `seq` of `/auth` in hexadecimal digits of either case: the C SDK v4.
  case hexadecimalSequence = "hexadecimal-seq"
  /// The field `seq`, `timestamp` or `ackMode` of `/auth` as a whole number, not a text: the Java sample.
  case number = "number"
  /// A report whose number is the offset itself: all the C SDKs begin with it.
  case offsetAsSequence = "seq-offset"
  /// The token in the other one of the options 2088 and 61: the C SDKs 3.0 to 3.2.
  case otherTokenOption = "token-option"
  /// The field `signmethod`, its name or its value, in another case, also in a pre-shared key's identity: the
  /// guide's own other sections (6.2, 6.3).
  case signMethodCase = "signmethod-case"
}

/// What a person calls the settings that a refusal names; a program's command line has its own words.
public struct SimulatorSettingNames: Sendable {
  /// `SimulatorConfiguration.leniencies`.
  public var leniencies = "SimulatorConfiguration.leniencies"

  /// `SimulatorConfiguration.takesPlainValues`.
  public var plainValues = "SimulatorConfiguration.takesPlainValues"

  /// `SimulatedDTLS.allowsLegacySuites`.
  public var legacySuites = "SimulatedDTLS.allowsLegacySuites"

  /// The names of the properties.
  public init() {}
}

/// Which leniencies are granted, and which ones a request has needed.
struct LeniencyUse: Sendable {
  private let granted: Set<Leniency>
  private let settingName: String
  private(set) var entries: [RequestRecord.Tolerated] = []

  /// Grants none.
  init() {
    granted = []
    settingName = ""
  }

  init(_ configuration: SimulatorConfiguration) {
    granted = configuration.leniencies
    settingName = configuration.settingNames.leniencies
  }

  /// Notes that the request needs a leniency; throws `refusal` where that is not granted, with a note that
  /// names the setting.
  mutating func need(
    _ leniency: Leniency,
    _ note: String,
    else refusal: (String) -> Refusal
  ) throws(Refusal) {
    guard granted.contains(leniency) else {
      var refusal = refusal("\(note); \(settingName) takes it")
      refusal.namesSetting = true
      throw refusal
    }
    let entry = RequestRecord.Tolerated(leniency: leniency, note: note)
    if !entries.contains(entry) { entries.append(entry) }
  }
}

extension RequestRecord {
  /// A leniency that a request has needed.
  public struct Tolerated: Sendable, Equatable {
    /// Which one.
    public let leniency: Leniency
    /// What the request had.
    public let note: String
  }

  /// The leniencies that the request has needed, in the order in which it did.
  ///
  /// A duplicate has needed none: its answer is there already.
  public var tolerated: [Tolerated] { leniencies.entries }

  /// A line of its own for each of them.
  public var toleratedLines: [String] {
    let request = kind == .association ? "its DTLS hello" : "\(requestMethodName) \(path)"
    let parts = [peer] + (device.map { [$0] } ?? [])
    return tolerated.map { entry in
      Self.shown((parts + ["tolerated in \(request): \(entry.note)"]).joined(separator: " "))
    }
  }
}
