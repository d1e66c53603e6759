public import ConstrainedCore

/// A device that the simulated platform knows.
public struct SimulatedDevice: Sendable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The device's secret, as the console would show it.
  public let secret: [UInt8]

  /// A device with its three credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }

  var path: String { "\(productKey)/\(deviceName)" }
}

/// Which characters a device's name may have beside letters and digits; it has 4 to 32 in any case.
///
/// The same rule holds for the device that authenticates and for those that it has found.
public enum SimulatedDeviceNames: Sendable {
  /// `_`, `@`, `.`, `-` and `:`, as the platform's newer pages allow.
  case current
  /// `_`, `@` and `.`, the device guide's words for code 6280 (6.3).
  case guide

  /// Whether a name keeps to the rule.
  public func allows(_ name: String) -> Bool {
    let marks: Set<Unicode.Scalar> =
      self == .current ? ["_", "@", ".", "-", ":"] : ["_", "@", "."]
    return (4...32).contains(name.unicodeScalars.count)
      && name.unicodeScalars.allSatisfy {
        SimulatedThings.isLetterOrDigit($0) || marks.contains($0)
      }
  }
}

/// What the simulated platform reads into a thing model where the device guide says no more than a name (6.5 and
/// 6.10).
///
/// Unverified: each of them.
public struct SimulatedModelRules: Equatable, Sendable {
  /// What the `length` of a text counts.
  public enum TextLength: Sendable {
    /// Bytes of UTF-8.
    case bytes
    /// Unicode scalar values.
    case characters
  }

  /// Whether a number must be `min`, or 0 without it, and some steps of `step`.
  public var checksSteps = false
  /// What the `length` of a text counts.
  public var textLength = TextLength.bytes
  /// Whether an array has exactly `size` items, not at most so many.
  public var needsWholeArrays = false

  /// The rules that no example of the guide breaks.
  public init() {}
}

/// How the simulated platform behaves; the defaults are as strict as the device guide.
public struct SimulatorConfiguration: Sendable {
  /// How requests are answered when `/auth` did not ask for one of the two.
  public enum AnswerMode: String, Sendable, CaseIterable {
    /// Acknowledgement and answer in one message.
    case piggybacked
    /// An empty acknowledgement first, the answer in a confirmable message of its own.
    case separate
  }

  /// Which sequence numbers a report may have.
  public enum SequenceRule: String, Sendable, CaseIterable {
    /// Above the offset, as the guide demands.
    case greater
    /// The offset itself too, with which the platform's C SDK starts.
    case greaterOrEqual
  }

  /// How messages are protected.
  public enum Protection: String, Sendable {
    /// Payloads and sequence numbers are encrypted (port 5682).
    case symmetric
    /// The messages lie in DTLS records (port 5684), and are plain.
    case dtls
  }

  /// The devices that may authenticate.
  public var devices: [SimulatedDevice] = []

  /// How messages are protected.
  public var protection = Protection.symmetric

  /// The member `seqOffset` of the answer to `/auth`.
  public var sequenceOffset: UInt64 = 1

  /// How long a token is good for; 7 days in the platform's C SDK v4.
  public var tokenLifetime = Milliseconds(7 * 24 * 3_600 * 1_000)

  /// How requests are answered by default.
  public var answerMode = AnswerMode.piggybacked

  /// Which sequence numbers are taken.
  public var sequenceRule = SequenceRule.greater

  /// The number of the option that carries the token: 2088, or 61 for the platform's older SDKs.
  public var tokenOption: UInt16 = 2088

  /// Which forms of the platform's own SDKs are taken beside those of the guide.
  public var leniencies: Set<Leniency> = []

  /// What refusals call the settings.
  public var settingNames = SimulatorSettingNames()

  /// How long a request is remembered to know its duplicates by: EXCHANGE_LIFETIME, 247 seconds with
  /// the standard parameters (RFC 7252 Section 4.8.2).
  public var exchangeLifetime = Milliseconds(247_000)

  /// The plain payload of the answer to a report, instead of what the platform would answer.
  ///
  /// With it a report's payload is not looked at, and changes nothing.
  public var reply: (@Sendable (_ topic: String, _ payload: [UInt8]) -> [UInt8])?

  /// How many bytes the plain payload of a request may have, of `/auth` too; the guide advises 1 KB (3.5).
  public var payloadLimit = 1_024

  /// What the console holds of products; those of devices that are not here have nothing.
  public var products: [SimulatedProduct] = []

  /// The sub-devices that gateways may bring.
  public var subDevices: [SimulatedSubDevice] = []

  /// The desired values that devices find (device guide 6.6), by `PRODUCTKEY/DEVICENAME`.
  public var desired: [String: [PlatformValue.Member]] = [:]

  /// The messages that wait for devices' `/pull`, by `PRODUCTKEY/DEVICENAME`.
  public var downlink: [String: [DownlinkMessage]] = [:]

  /// Which names devices may have.
  public var deviceNames = SimulatedDeviceNames.current

  /// The topic classes of all products.
  public var topicClasses = TopicClass.standard

  /// Whether devices may publish to every topic that bears their name.
  public var takesAnyTopic = false

  /// After how many reports and pulls that it takes the platform takes a token back; `nil` for never.
  public var tokenUses: Int?

  /// The devices that the console disables, by `PRODUCTKEY/DEVICENAME`, each after so many reports and pulls
  /// that the platform takes; 0 disables it from the start.
  public var disabledDevices: [String: Int] = [:]

  /// The codes with which the platform answers the next requests.
  public var failures: [SimulatedFailure] = []

  /// What only the cloud could tell.
  public var assumptions = SimulatorAssumptions()

  /// What the thing models' steps, lengths and sizes mean.
  public var modelRules = SimulatedModelRules()

  /// Whether a property may be reported as `"Power":"on"`, without the object around it that the guide
  /// has (6.5) and the platform's C SDKs leave out.
  public var takesPlainValues = false

  /// Whether the check against the thing model fails with 6313.
  public var isModelServiceDown = false

  /// The product's script for raw payloads, `rawDataToProtocol` (device guide 6.5): the Alink request
  /// that bytes of `up_raw` stand for; `nil` where it makes nothing of them.
  public var rawScript: (@Sendable (_ payload: [UInt8]) -> PlatformValue?)?

  /// The platform's end of the DTLS associations; `protection` must be `dtls`.
  public var dtls = SimulatedDTLS()

  /// The strict platform, with no device.
  public init() {}
}
