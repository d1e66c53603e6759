// SPDX-License-Identifier: Apache-2.0
/// The simulated platform's behaviour where only the cloud could show the real one, for all
/// protocols; `Assumption.all` of PlatformSimulator describes each decision.
///
/// Unverified: each of them. The defaults follow the device guide as closely as possible; failing
/// that, they are values that the platform's own SDKs can handle.
public struct PlatformAssumptions: Equatable, Sendable {
  // MARK: Refusals

  /// Whether a member of `/auth` that is not in the guide is refused; otherwise it is ignored.
  ///
  /// The signature covers an ignored member: a text unchanged, a number by its digits, a boolean by
  /// its word; arrays, objects and null are not covered.
  public var refusesUnknownMembers = true
  /// Whether an Alink payload that does not match its format is refused; otherwise it gets an Alink
  /// reply with 460.
  public var refusesBrokenPayloads = false

  // MARK: Alink codes

  /// The code for an `id` with characters other than digits; `nil` accepts it.
  public var lettersInIdentifier: ReplyCode? = .parameterError
  /// The code for an event that violates the thing model.
  public var eventMismatch = ReplyCode.parameterError
  /// The code for a gateway's message of which a part violates the thing model.
  public var packMismatch = ReplyCode.parameterError
  /// The code for a gateway's message about a sub-device that is not its own.
  public var packForeign = ReplyCode.noTopology
  /// The code for a sub-device that is not in the register.
  public var subDeviceUnknown = ReplyCode.authenticationError
  /// The code for a request for the secret of another gateway's sub-device.
  public var subDeviceForeign = ReplyCode.authenticationError
  /// The code for adding to a gateway that has 1,500 sub-devices.
  public var topologyFull = ReplyCode.tooManySubDevices
  /// The code for `thing.dsltemplate.get` of a product without a thing model.
  public var noModel = ReplyCode.noModel

  // MARK: Rules

  /// Whether a new `/auth` ends the earlier token; otherwise a device's last eight are kept.
  public var endsEarlierToken = true
  /// Whether pre-shared keys are accepted only as computed by the platform's C SDK v4: HMAC-SHA256,
  /// and the timestamp 2524608000000.
  public var takesSDKKeysOnly = false
  /// Whether `thing/status/update`, which is not in the guide, is refused as a topic.
  public var refusesStatusUpdate = false
  /// Whether the limits of a gateway's message apply to each device's part separately.
  public var countsPackPerDevice = false
  /// Whether every gateway may obtain a sub-device's secret.
  public var tellsAnyGateway = false
  /// Whether the method `Sha256` of `thing.topo.add` means HMAC-SHA256; otherwise it is refused.
  public var takesPlainSHA256 = true
  /// Whether the version of a desired value restarts with 1 after it was cleared.
  public var restartsVersions = false
  /// Whether only U+4E00 to U+9FFF count as Chinese in a tag, instead of all of Unicode's
  /// ideographs and 〇.
  public var takesBasicIdeographsOnly = false

  /// The platform as close to the device guide as possible.
  public init() {}
}
