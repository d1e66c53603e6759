// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadValues
public import PlatformFaults

/// The behaviour of the simulated platform for all protocols; the defaults are as strict as the
/// device guide.
public struct PlatformConfiguration: Sendable {
  /// The rule for a report's sequence numbers.
  public enum SequenceRule: String, Sendable, CaseIterable {
    /// Above the offset, as required by the guide.
    case greater
    /// The offset itself as well, with which the platform's C SDK starts.
    case greaterOrEqual
  }

  /// The devices that may authenticate.
  public var devices: [SimulatedDevice] = []

  /// The member `seqOffset` of the answer to `/auth`.
  public var sequenceOffset: UInt64 = 1

  /// How long a token is valid; 7 days in the platform's C SDK v4.
  public var tokenLifetime = Milliseconds(7 * 24 * 3_600 * 1_000)

  /// The rule for sequence numbers.
  public var sequenceRule = SequenceRule.greater

  /// The accepted deviations of the platform's own SDKs.
  public var leniencies: Set<Leniency> = []

  /// The names of the settings in refusals.
  public var settingNames = PlatformSettingNames()

  /// The plain payload of the answer to a report, instead of the platform's own.
  ///
  /// If it is set, a report's payload is neither checked nor processed.
  public var reply: (@Sendable (_ topic: String, _ payload: [UInt8]) -> [UInt8])?

  /// The maximum length of a request's plain payload in bytes, including `/auth`; the guide advises
  /// 1 KB (3.5).
  public var payloadLimit = 1_024

  /// The products in the console; a device of any other product has no product settings.
  public var products: [SimulatedProduct] = []

  /// The sub-devices that gateways may add.
  public var subDevices: [SimulatedSubDevice] = []

  /// How many sub-devices a gateway may have online; 1,500 in the device guide (5).
  ///
  /// It may have as many in its topology, and never fewer than 1,500.
  public var subDeviceLimit = 1_500

  /// The initial desired values (device guide 6.6), by `PRODUCTKEY/DEVICENAME`.
  public var desired: [String: [PayloadValue.Member]] = [:]

  /// The messages waiting for devices' `/pull`, by `PRODUCTKEY/DEVICENAME`.
  public var downlink: [String: [DownlinkMessage]] = [:]

  /// The rule for device names.
  public var deviceNames = SimulatedDeviceNames.current

  /// The topic classes of all products.
  public var topicClasses = TopicClass.standard

  /// Whether devices may publish to every topic that contains their name.
  public var takesAnyTopic = false

  /// The number of accepted reports and pulls after which the platform revokes a token; `nil` for
  /// no limit.
  public var tokenUses: Int?

  /// The devices that the console disables, by `PRODUCTKEY/DEVICENAME`, each after a number of
  /// accepted reports and pulls; 0 disables it from the start.
  public var disabledDevices: [String: Int] = [:]

  /// The failures planned for the next requests.
  public var failures: [SimulatedFailure] = []

  /// The faults that hold from the start.
  public var faults: [FaultRule] = []

  /// What the faults' random numbers begin with: the same for the same run.
  public var faultSeed: UInt64 = 1

  /// The interpretation of steps, lengths and sizes in thing models.
  public var modelRules = SimulatedModelRules()

  /// Whether a property may be reported as `"Power":"on"`, without the object in the guide (6.5),
  /// which the platform's C SDKs leave out.
  public var takesPlainValues = false

  /// Whether the check against the thing model fails with 6313.
  public var isModelServiceDown = false

  /// The product's script for raw payloads, `rawDataToProtocol` (device guide 6.5).
  ///
  /// It converts the bytes of `up_raw` to an Alink request, or returns `nil`.
  public var rawScript: (@Sendable (_ payload: [UInt8]) -> PayloadValue?)?

  /// The strict platform without devices.
  public init() {}
}

/// The names of the settings in refusals; a program's command line has its own.
public struct PlatformSettingNames: Sendable {
  /// `PlatformConfiguration.leniencies`.
  public var leniencies = "SimulatorConfiguration.leniencies"

  /// `PlatformConfiguration.takesPlainValues`.
  public var plainValues = "SimulatorConfiguration.takesPlainValues"

  /// Uses the names of the properties.
  public init() {}
}
