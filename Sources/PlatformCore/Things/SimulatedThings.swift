// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues

/// The platform's state of all devices' properties, events, tags, topology and firmware, and its
/// answers about them (device guide 4 and 6).
///
/// Its size is limited by the number of devices in the configuration and of their sub-devices,
/// because each `DeviceState` is limited. It survives a new `/auth`.
public struct SimulatedThings: Sendable {
  /// The result of a request.
  struct Outcome {
    /// The Alink reply; `nil` for none.
    var reply: PayloadValue?
    /// The code; `nil` for a topic without codes.
    var code: ReplyCode?
    /// A note for people.
    var note = ""
  }

  /// The products by key.
  public internal(set) var products: [String: SimulatedProduct]

  /// The failures planned for the next requests, in order.
  public var failures: [SimulatedFailure]

  var states: [String: DeviceState] = [:]
  /// The disabled devices.
  var disabled: Set<String> = []
  /// The number of further requests after which devices are disabled.
  var disabledAfter: [String: Int] = [:]
  /// The devices whose tokens the console has revoked since the last request.
  var takenBack: Set<String> = []
  var subDevices: [String: KnownSubDevice]
  /// The sub-devices that the console has deleted.
  var deleted: Set<String> = []
  /// The sub-devices whose session may have lost its ground since the last look.
  var changedSubDevices: Set<String> = []
  let topologyLimit: Int
  let takesPlainValues: Bool
  let settingNames: PlatformSettingNames
  let isModelServiceDown: Bool
  let modelRules: SimulatedModelRules
  let deviceNames: SimulatedDeviceNames
  let rawScript: (@Sendable ([UInt8]) -> PayloadValue?)?
  let assumptions: PlatformAssumptions
  var devices: Set<String>
  private var nextIdentifier: Int64 = 0

  init(_ configuration: PlatformConfiguration, _ assumptions: PlatformAssumptions) {
    takesPlainValues = configuration.takesPlainValues
    topologyLimit = max(1_500, configuration.subDeviceLimit)
    settingNames = configuration.settingNames
    isModelServiceDown = configuration.isModelServiceDown
    modelRules = configuration.modelRules
    deviceNames = configuration.deviceNames
    rawScript = configuration.rawScript
    self.assumptions = assumptions
    failures = configuration.failures
    products = Dictionary(configuration.products.map { ($0.key, $0) }) { $1 }
    subDevices = Dictionary(
      configuration.subDevices.map {
        let identity = DeviceState.Identity(productKey: $0.productKey, deviceName: $0.deviceName)
        return (identity.path, KnownSubDevice(secret: $0.secret, isActive: $0.secret != nil))
      }
    ) { $1 }
    for key in configuration.devices.map(\.productKey) + configuration.subDevices.map(\.productKey)
    where products[key] == nil {
      products[key] = SimulatedProduct(key: key)
    }
    let registrable = configuration.products.flatMap { product in
      product.registrable.map { "\(product.key)/\($0)" }
    }
    devices = Set(configuration.devices.map(\.path) + registrable + subDevices.keys)
    for (path, requests) in configuration.disabledDevices where devices.contains(path) {
      if requests > 0 { disabledAfter[path] = requests } else { disabled.insert(path) }
    }
    for (path, values) in configuration.desired {
      for member in values { setDesired(member.name, member.value, at: path) }
    }
    for (path, messages) in configuration.downlink {
      for message in messages { enqueue(message, at: path) }
    }
  }

  // MARK: Messages for a device

  /// The messages waiting for a device, the oldest first.
  package func downlink(of device: SimulatedDevice) -> [DownlinkMessage] {
    states[device.path]?.downlink ?? []
  }

  /// Removes the first messages waiting for a device, which were delivered to it.
  package mutating func dropDownlink(_ count: Int, of device: SimulatedDevice) {
    states[device.path]?.downlink.removeFirst(count)
  }

  // MARK: Requests of a device

  /// Handles a request on one of the guide's topics.
  ///
  /// `format` is the payload's; it is irrelevant for `up_raw`.
  mutating func execute(
    _ method: ThingMethod,
    topic: String,
    _ payload: [UInt8],
    _ format: PayloadValue.Format,
    of device: DeviceState.Identity,
    random: inout any RandomSource
  ) -> Outcome {
    switch method {
    case .postRaw: return takeRaw(payload, of: device, random: &random)
    case .answer: return takeAnswer(payload, format, topic: topic, of: device)
    default: return execute(method, PayloadValue(payload, format), of: device, random: &random)
    }
  }

  mutating func execute(
    _ method: ThingMethod,
    _ value: PayloadValue?,
    of device: DeviceState.Identity,
    random: inout any RandomSource
  ) -> Outcome {
    let request = ThingRequest(value, method, assumptions)
    var outcome = Outcome()
    do throws(ThingRefusal) {
      let parameters = try request.parameters.get()
      if method == .requestFirmware {
        return try requestFirmware(parameters, of: device)
      }
      let data = try run(method, parameters, of: device, random: &random, note: &outcome.note)
      outcome.code = .success
      outcome.reply = [
        "id": request.identifier, "code": .integer(Int64(ReplyCode.success.rawValue)), "data": data,
      ]
      if method == .getConfiguration, case .object(var members)? = outcome.reply {
        // Of all replies in the guide only this one has a version.
        members.insert(.init("version", "1.0"), at: 1)
        outcome.reply = .object(members)
      }
    } catch {
      outcome.note = error.note
      outcome.code = error.code
      outcome.reply = [
        "id": request.identifier, "code": .integer(Int64(error.code.rawValue)), "data": [:],
        "message": .text(error.code.message),
      ]
    }
    if method.isUnanswered { outcome.reply = nil }
    return outcome
  }

  private mutating func run(
    _ method: ThingMethod,
    _ parameters: PayloadValue,
    of device: DeviceState.Identity,
    random: inout any RandomSource,
    note: inout String
  ) throws(ThingRefusal) -> PayloadValue {
    switch method {
    case .postProperties: try postProperties(parameters, of: device, note: &note)
    case .postEvent(let identifier): try postEvent(identifier, parameters, of: device)
    case .postPack: try postPack(parameters, of: device)
    case .updateTags: try updateTags(parameters, of: device)
    case .deleteTags: try deleteTags(parameters, of: device)
    case .getDesired: return try desired(parameters, of: device)
    case .deleteDesired: try deleteDesired(parameters, of: device, note: &note)
    case .getConfiguration: return try remoteConfiguration(parameters, of: device)
    case .getModel: return try model(parameters, of: device)
    case .addTopology: try addTopology(parameters, of: device)
    case .deleteTopology: try deleteTopology(parameters, of: device)
    case .getTopology: return try topology(parameters, of: device)
    case .reportFound: try reportFound(parameters, of: device)
    case .registerSubDevices:
      return try registerSubDevices(parameters, of: device, random: &random)
    case .informFirmware: try informFirmware(parameters, of: device, note: &note)
    case .reportProgress: try reportProgress(parameters, of: device, note: &note)
    case .requestFirmware, .postRaw, .answer: break
    }
    return [:]
  }

  /// A number for a message of the platform's own.
  mutating func makeIdentifier() -> Int64 {
    nextIdentifier += 1
    return nextIdentifier
  }

  // MARK: Private

  @discardableResult
  mutating func setDesired(
    _ property: String,
    _ value: PayloadValue,
    at path: String
  ) -> Bool {
    guard devices.contains(path) else { return false }
    var desired = states[path]?.desired ?? [:]
    let version = desired[property]?.version ?? 0
    guard version > 0 || desired.count < DeviceState.maxProperties else { return false }
    let isNew = assumptions.restartsVersions && desired[property]?.value == nil
    desired[property] = DeviceState.Desired(value: value, version: isNew ? 1 : version + 1)
    states[path, default: DeviceState()].desired = desired
    return true
  }

  @discardableResult
  mutating func enqueue(_ message: DownlinkMessage, at path: String) -> Bool {
    guard devices.contains(path) else { return false }
    DeviceState.append(message, to: &states[path, default: DeviceState()].downlink)
    if message.topic == "/ota/device/upgrade/\(path)",
      let version = message.payload["data"]?["version"]?.string
    {
      offer(version, at: path)
    }
    return true
  }
}

/// A sub-device in the platform's register.
struct KnownSubDevice: Sendable {
  var secret: [UInt8]?
  /// The platform's own id of the device, once it is registered.
  var identifier: String?
  /// Whether its secret has been used, and is therefore permanent.
  var isActive: Bool
  /// The gateway that registered it, or was the last to prove its knowledge of the secret.
  var gateway: DeviceState.Identity?
}
