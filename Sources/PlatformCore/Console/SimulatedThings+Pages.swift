public import PayloadValues

/// What the console's pages and its programs do: desired values, messages and calls, firmware, remote
/// configuration.
extension SimulatedThings {
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

  /// Whether a service may be called so; methods of the platform's own are not in the model.
  private func fits(_ method: String, _ parameters: PayloadValue, _ model: ProductModel?) -> Bool {
    let parts = method.split(separator: ".", omittingEmptySubsequences: false)
    guard let model, parts.count == 3, parts[0] == "thing", parts[1] == "service" else {
      return true
    }
    return model.objection(toService: String(parts[2]), parameters, modelRules) == nil
  }
}
