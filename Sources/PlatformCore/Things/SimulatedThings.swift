internal import ConstrainedCore
public import PayloadValues

/// What the platform holds of all devices' properties, events, tags, topology and firmware, and how it
/// answers them (device guide 4 and 6).
///
/// Its size is bounded by the number of devices in the configuration and their sub-devices: each one's
/// `DeviceState` is bounded. It survives a new `/auth`.
public struct SimulatedThings: Sendable {
  /// What follows from a request.
  struct Outcome {
    /// The Alink reply; `nil` for none.
    var reply: PayloadValue?
    /// Its code; `nil` where the topic has no codes.
    var code: ReplyCode?
    /// What a person should know of it.
    var note = ""
  }

  /// The products by key.
  public internal(set) var products: [String: SimulatedProduct]

  /// The failures with which the platform answers the next requests, in order.
  public var failures: [SimulatedFailure]

  var states: [String: DeviceState] = [:]
  /// The devices that are disabled.
  var disabled: Set<String> = []
  /// After how many more requests devices are disabled.
  var disabledAfter: [String: Int] = [:]
  /// The devices whose tokens the console has taken back since the last request.
  var takenBack: Set<String> = []
  var subDevices: [String: KnownSubDevice]
  let takesPlainValues: Bool
  let settingNames: PlatformSettingNames
  let isModelServiceDown: Bool
  let modelRules: SimulatedModelRules
  let deviceNames: SimulatedDeviceNames
  let rawScript: (@Sendable ([UInt8]) -> PayloadValue?)?
  let assumptions: PlatformAssumptions
  let devices: Set<String>
  private var nextIdentifier: Int64 = 0

  init(_ configuration: PlatformConfiguration, _ assumptions: PlatformAssumptions) {
    takesPlainValues = configuration.takesPlainValues
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

  // MARK: What the console and its programs do

  /// What is known of a device; `nil` for one that the configuration does not name.
  public func state(productKey: String, deviceName: String) -> DeviceState? {
    let path = "\(productKey)/\(deviceName)"
    return devices.contains(path) ? states[path] ?? DeviceState() : nil
  }

  /// Sets a property's desired value, and so its version: 1 the first time, then one more each time.
  ///
  /// `false` when the device is not known, or has 500 desired values already.
  @discardableResult
  public mutating func setDesired(
    _ property: String,
    _ value: PayloadValue,
    productKey: String,
    deviceName: String
  ) -> Bool {
    setDesired(property, value, at: "\(productKey)/\(deviceName)")
  }

  /// Lets a message wait for the device's `/pull`; of over 100 the oldest is dropped.
  ///
  /// `false` when the device is not known.
  @discardableResult
  public mutating func enqueue(
    _ message: DownlinkMessage,
    productKey: String,
    deviceName: String
  ) -> Bool {
    enqueue(message, at: "\(productKey)/\(deviceName)")
  }

  /// Lets a call wait for the device's `/pull`, in an envelope with an `id` of the platform's.
  ///
  /// `thing.service.property.set` goes to the topic `/sys/PK/DN/thing/service/property/set`, and so every
  /// method to its own. `false` when the device is not known, and when its product's thing model has no such
  /// service, or no such parameters for it.
  @discardableResult
  public mutating func call(
    _ method: String,
    _ parameters: PayloadValue,
    productKey: String,
    deviceName: String
  ) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard devices.contains(path) else { return false }
    guard fits(method, parameters, products[productKey]?.thingModel) else { return false }
    let identifier = makeIdentifier()
    let message = DownlinkMessage(
      topic: "/sys/\(path)/\(method.replacing(".", with: "/"))",
      payload: [
        "id": .text("\(identifier)"), "version": "1.0", "params": parameters,
        "method": .text(method),
      ]
    )
    return enqueue(message, at: path)
  }

  /// The messages that wait for a device, the oldest first.
  package func downlink(of device: SimulatedDevice) -> [DownlinkMessage] {
    states[device.path]?.downlink ?? []
  }

  /// Forgets the first messages that wait for a device, which it has been given.
  package mutating func dropDownlink(_ count: Int, of device: SimulatedDevice) {
    states[device.path]?.downlink.removeFirst(count)
  }

  /// Puts a firmware on a product's page, or takes it away.
  public mutating func setFirmware(_ firmware: SimulatedFirmware?, productKey: String) {
    products[productKey]?.firmware = firmware
  }

  /// Lets the product's firmware wait for the device's `/pull`, as the platform pushes it.
  ///
  /// `false` when the device is not known or the product has no firmware.
  @discardableResult
  public mutating func pushFirmware(productKey: String, deviceName: String) -> Bool {
    guard let firmware = products[productKey]?.firmware else { return false }
    let message = DownlinkMessage(
      topic: "/ota/device/upgrade/\(productKey)/\(deviceName)",
      payload: firmwareMessage(firmware)
    )
    return enqueue(message, productKey: productKey, deviceName: deviceName)
  }

  /// Puts a file on a product's page of remote configuration, or takes it away.
  public mutating func setRemoteConfiguration(
    _ configuration: SimulatedProduct.RemoteConfiguration,
    productKey: String
  ) {
    products[productKey]?.remoteConfiguration = configuration
  }

  /// Lets the product's configuration wait for the device's `/pull`, as the platform pushes it.
  ///
  /// `false` when the device is not known or the product has no file.
  @discardableResult
  public mutating func pushConfiguration(productKey: String, deviceName: String) -> Bool {
    guard case .file(let file)? = products[productKey]?.remoteConfiguration else { return false }
    return call(
      "thing.config.push",
      file.description,
      productKey: productKey,
      deviceName: deviceName
    )
  }

  // MARK: What a device asks for

  /// Takes in a request on one of the guide's topics.
  ///
  /// `format` is the payload's; it does not matter for `up_raw`.
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
        // Of all replies the guide prints this one with a version.
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

  // MARK: Inside

  /// Whether a service may be called so; methods of the platform's own are not in the model.
  private func fits(_ method: String, _ parameters: PayloadValue, _ model: ProductModel?) -> Bool {
    let parts = method.split(separator: ".", omittingEmptySubsequences: false)
    guard let model, parts.count == 3, parts[0] == "thing", parts[1] == "service" else {
      return true
    }
    return model.objection(toService: String(parts[2]), parameters, modelRules) == nil
  }

  @discardableResult
  private mutating func setDesired(
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
  private mutating func enqueue(_ message: DownlinkMessage, at path: String) -> Bool {
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
  /// The platform's own name of it, once it was registered.
  var identifier: String?
  /// Whether it has been used with its secret, which then stays.
  var isActive: Bool
  /// The gateway that has registered it, or has proved to know its secret last.
  var gateway: DeviceState.Identity?
}
