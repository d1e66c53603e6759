public import ConstrainedCore
public import PayloadValues

/// How the simulated platform behaves, whatever protocol devices come in by; the defaults are as strict as the
/// device guide.
public struct PlatformConfiguration: Sendable {
  /// Which sequence numbers a report may have.
  public enum SequenceRule: String, Sendable, CaseIterable {
    /// Above the offset, as the guide demands.
    case greater
    /// The offset itself too, with which the platform's C SDK starts.
    case greaterOrEqual
  }

  /// The devices that may authenticate.
  public var devices: [SimulatedDevice] = []

  /// The member `seqOffset` of the answer to `/auth`.
  public var sequenceOffset: UInt64 = 1

  /// How long a token is good for; 7 days in the platform's C SDK v4.
  public var tokenLifetime = Milliseconds(7 * 24 * 3_600 * 1_000)

  /// Which sequence numbers are taken.
  public var sequenceRule = SequenceRule.greater

  /// Which forms of the platform's own SDKs are taken beside those of the guide.
  public var leniencies: Set<Leniency> = []

  /// What refusals call the settings.
  public var settingNames = PlatformSettingNames()

  /// The plain payload of the answer to a report, instead of what the platform would answer.
  ///
  /// With it a report's payload is not looked at, and changes nothing.
  public var reply: (@Sendable (_ topic: String, _ payload: [UInt8]) -> [UInt8])?

  /// How many bytes the plain payload of a request may have, of one that authenticates too; the guide advises
  /// 1 KB (3.5).
  public var payloadLimit = 1_024

  /// What the console holds of products; those of devices that are not here have nothing.
  public var products: [SimulatedProduct] = []

  /// The sub-devices that gateways may bring.
  public var subDevices: [SimulatedSubDevice] = []

  /// The desired values that devices find (device guide 6.6), by `PRODUCTKEY/DEVICENAME`.
  public var desired: [String: [PayloadValue.Member]] = [:]

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

  /// The failures with which the platform answers the next requests.
  public var failures: [SimulatedFailure] = []

  /// What the thing models' steps, lengths and sizes mean.
  public var modelRules = SimulatedModelRules()

  /// Whether a property may be reported as `"Power":"on"`, without the object around it that the guide
  /// has (6.5) and the platform's C SDKs leave out.
  public var takesPlainValues = false

  /// Whether the check against the thing model fails with 6313.
  public var isModelServiceDown = false

  /// The product's script for raw payloads, `rawDataToProtocol` (device guide 6.5): the Alink request
  /// that bytes of `up_raw` stand for; `nil` where it makes nothing of them.
  public var rawScript: (@Sendable (_ payload: [UInt8]) -> PayloadValue?)?

  /// The strict platform, with no device.
  public init() {}
}

/// What a person calls the settings that a refusal names; a program's command line has its own words.
public struct PlatformSettingNames: Sendable {
  /// `PlatformConfiguration.leniencies`.
  public var leniencies = "SimulatorConfiguration.leniencies"

  /// `PlatformConfiguration.takesPlainValues`.
  public var plainValues = "SimulatorConfiguration.takesPlainValues"

  /// The names of the properties.
  public init() {}
}
