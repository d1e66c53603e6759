// SPDX-License-Identifier: Apache-2.0
package import PayloadValues

/// What a front needs that sends the console's messages to devices at once.
extension SimulatedThings {
  /// A number for a message of the platform's own.
  package mutating func makePushIdentifier() -> Int64 { makeIdentifier() }

  /// The version of the firmware that a device has been offered; `nil` where there is none.
  package func offeredFirmware(of device: SimulatedDevice) -> String? {
    states[device.path]?.upgrade?.version
  }

  /// The firmware that a device is to be told of: its product's, unless the device has it; with `ifInformed` only
  /// where the device has reported another version.
  ///
  /// Notes that it has been offered.
  package mutating func firmware(
    for device: SimulatedDevice,
    ifInformed: Bool
  ) -> (version: String, message: PayloadValue)? {
    guard let firmware = products[device.productKey]?.firmware else { return nil }
    let known = states[device.path]?.firmwareVersion
    guard known != firmware.version, !ifInformed || known != nil else { return nil }
    offer(firmware.version, at: device.path)
    return (firmware.version, firmwareMessage(firmware))
  }

  /// Notes that a device has been offered a firmware of which nothing but its message is known.
  package mutating func noteOffer(_ version: String, to device: SimulatedDevice) {
    offer(version, at: device.path)
  }

  /// The message by which a firmware is pushed.
  package mutating func message(of firmware: SimulatedFirmware) -> PayloadValue {
    firmwareMessage(firmware)
  }

  /// The product's firmware.
  package func firmware(ofProduct key: String) -> SimulatedFirmware? { products[key]?.firmware }

  /// The product's remote configuration, as devices are told of it.
  package func configuration(ofProduct key: String) -> PayloadValue? {
    guard case .file(let file)? = products[key]?.remoteConfiguration else { return nil }
    return file.description
  }

  /// Why the platform itself would not set a device's properties so; `nil` where it would.
  package func objection(
    toProperties values: PayloadValue,
    ofProduct key: String
  ) -> String? {
    guard let members = values.members else { return "params is no object" }
    guard let model = products[key]?.thingModel else { return nil }
    for member in members {
      if let objection = model.objection(toProperty: member.name, member.value, modelRules) {
        return "\(member.name) \(objection)"
      }
    }
    return nil
  }

  /// Why the platform itself would not call a device's service so; `nil` where it would.
  package func objection(
    toService identifier: String,
    _ values: PayloadValue,
    ofProduct key: String
  ) -> String? {
    guard ThingMethod.isIdentifier(identifier[...]) else {
      return "\(identifier) is no identifier of letters, digits and _"
    }
    guard let model = products[key]?.thingModel else { return nil }
    return model.objection(toService: identifier, values, modelRules).map { "\(identifier) \($0)" }
  }

  /// Sets a property's desired value for a front that pushes it as well; `false` where that is not possible.
  package mutating func setDesired(
    _ property: String,
    _ value: PayloadValue,
    of device: SimulatedDevice
  ) -> Bool {
    setDesired(property, value, at: device.path)
  }

  /// Keeps a message for a device that asks by `/pull`.
  package mutating func enqueue(_ message: DownlinkMessage, of device: SimulatedDevice) -> Bool {
    enqueue(message, at: device.path)
  }
}
