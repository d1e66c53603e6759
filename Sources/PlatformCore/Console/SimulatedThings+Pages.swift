// SPDX-License-Identifier: Apache-2.0
public import PayloadValues

/// The functions of the console's pages and API: desired values, messages and calls, firmware,
/// remote configuration.
extension SimulatedThings {
  /// The state of a device; `nil` for one that is not in the configuration.
  public func state(productKey: String, deviceName: String) -> DeviceState? {
    let path = "\(productKey)/\(deviceName)"
    return devices.contains(path) ? states[path] ?? DeviceState() : nil
  }

  /// Sets a property's desired value and its version: 1 at first, then increasing by one.
  ///
  /// Returns `false` if the device is unknown, or already has 500 desired values.
  @discardableResult
  public mutating func setDesired(
    _ property: String,
    _ value: PayloadValue,
    productKey: String,
    deviceName: String
  ) -> Bool {
    setDesired(property, value, at: "\(productKey)/\(deviceName)")
  }

  /// Queues a message for the device's `/pull`; above 100 messages the oldest is dropped.
  ///
  /// Returns `false` if the device is unknown.
  @discardableResult
  public mutating func enqueue(
    _ message: DownlinkMessage,
    productKey: String,
    deviceName: String
  ) -> Bool {
    enqueue(message, at: "\(productKey)/\(deviceName)")
  }

  /// Queues a call for the device's `/pull`, in an envelope with an `id` of the platform's own.
  ///
  /// The topic follows from the method: `thing.service.property.set` is sent to
  /// `/sys/PK/DN/thing/service/property/set`. Returns `false` if the device is unknown, or if its
  /// product's thing model has no such service or parameters.
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

  /// Sets the firmware on a product's page; `nil` removes it.
  public mutating func setFirmware(_ firmware: SimulatedFirmware?, productKey: String) {
    products[productKey]?.firmware = firmware
  }

  /// Sets the remote configuration on a product's page.
  public mutating func setRemoteConfiguration(
    _ configuration: SimulatedProduct.RemoteConfiguration,
    productKey: String
  ) {
    products[productKey]?.remoteConfiguration = configuration
  }

  /// Queues the product's firmware for the device's `/pull`, as a push of the platform.
  ///
  /// Returns `false` if the device is unknown or the product has no firmware.
  @discardableResult
  public mutating func pushFirmware(productKey: String, deviceName: String) -> Bool {
    guard let firmware = products[productKey]?.firmware else { return false }
    let message = DownlinkMessage(
      topic: "/ota/device/upgrade/\(productKey)/\(deviceName)",
      payload: firmwareMessage(firmware)
    )
    return enqueue(message, productKey: productKey, deviceName: deviceName)
  }

  /// Queues the product's configuration for the device's `/pull`, as a push of the platform.
  ///
  /// Returns `false` if the device is unknown or the product has no file.
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

  /// Whether a service may be called with these parameters; the platform's own methods are not in
  /// the model.
  private func fits(_ method: String, _ parameters: PayloadValue, _ model: ProductModel?) -> Bool {
    let parts = method.split(separator: ".", omittingEmptySubsequences: false)
    guard let model, parts.count == 3, parts[0] == "thing", parts[1] == "service" else {
      return true
    }
    return model.objection(toService: String(parts[2]), parameters, modelRules) == nil
  }
}
