/// What the simulated platform does where only the cloud could tell, whatever protocol devices come in by;
/// `Assumption.all` of PlatformSimulator describes each one.
///
/// Unverified: each of them. The defaults are what the device guide comes nearest to, or else what the
/// platform's own SDKs can live with.
public struct PlatformAssumptions: Equatable, Sendable {
  // MARK: What is refused

  /// Whether a member of `/auth` that the guide does not know is refused; it is passed over otherwise, though it
  /// is signed: a text as it is, a number by its digits, a truth value by its word; arrays, objects and null are
  /// not.
  public var refusesUnknownMembers = true
  /// Whether an Alink payload that is no value of its format is refused; it gets an Alink reply with 460
  /// otherwise.
  public var refusesBrokenPayloads = false

  // MARK: Codes of Alink

  /// For an `id` with other characters than digits; `nil` takes it.
  public var lettersInIdentifier: ReplyCode? = .parameterError
  /// For an event that the thing model does not allow.
  public var eventMismatch = ReplyCode.parameterError
  /// For a gateway's message of which the thing model does not allow a part.
  public var packMismatch = ReplyCode.parameterError
  /// For a gateway's message of a sub-device that is not its own.
  public var packForeign = ReplyCode.noTopology
  /// For a sub-device that is not in the register.
  public var subDeviceUnknown = ReplyCode.authenticationError
  /// For the secret of a sub-device that another gateway has.
  public var subDeviceForeign = ReplyCode.authenticationError
  /// For a gateway that has 1,500 sub-devices.
  public var topologyFull = ReplyCode.tooManySubDevices
  /// For `thing.dsltemplate.get` of a product without a thing model.
  public var noModel = ReplyCode.noModel

  // MARK: Rules

  /// Whether a new `/auth` ends the token of the earlier one; a device's last eight are kept otherwise.
  public var endsEarlierToken = true
  /// Whether pre-shared keys are taken only as the platform's C SDK v4 makes them: HMAC-SHA256, and the
  /// timestamp 2524608000000.
  public var takesSDKKeysOnly = false
  /// Whether `thing/status/update`, which the guide does not have, is no topic.
  public var refusesStatusUpdate = false
  /// Whether the limits of a gateway's message count each device's part alone.
  public var countsPackPerDevice = false
  /// Whether every gateway is told a sub-device's secret.
  public var tellsAnyGateway = false
  /// Whether the method `Sha256` of `thing.topo.add` is HMAC-SHA256; it is refused otherwise.
  public var takesPlainSHA256 = true
  /// Whether the version of a desired value begins again with 1 once it was cleared.
  public var restartsVersions = false
  /// Whether only U+4E00 to U+9FFF are Chinese in a tag, not all of Unicode's ideographs and 〇.
  public var takesBasicIdeographsOnly = false

  /// The platform that the device guide comes nearest to.
  public init() {}
}
