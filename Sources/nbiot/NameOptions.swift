// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import Platform

/// The option `--config` of commands that take only a secret from it.
struct ConfigurationOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An agent's configuration file; options and variables take precedence.",
      valueName: "file"
    ),
    completion: .file(),
    transform: ConfigurationFile.read
  )
  var config: ConfigurationFile?
}

/// The device's identity: from options, variables or the agent's configuration file, in this order.
struct NameOptions: ParsableArguments {
  @Option(
    name: .customLong("product-key"),
    help: ArgumentHelp("The product's key; else NBIOT_PRODUCT_KEY.", valueName: "key"),
    transform: InputText.trimmed
  )
  var givenProductKey: String?

  @Option(
    name: .customLong("device-name"),
    help: ArgumentHelp("The device's name; else NBIOT_DEVICE_NAME.", valueName: "name"),
    transform: InputText.trimmed
  )
  var givenDeviceName: String?

  @OptionGroup var file: ConfigurationOption

  var config: ConfigurationFile? { file.config }

  /// The product key with its source; `nil` if it was not given.
  var productKeySetting: Setting<String>? {
    givenProductKey.map { Setting(value: $0, origin: "--product-key") }
      ?? Variable.productKey.setting ?? config?.productKey
  }

  /// The device's name with its source; `nil` if it was not given.
  var deviceNameSetting: Setting<String>? {
    givenDeviceName.map { Setting(value: $0, origin: "--device-name") }
      ?? Variable.deviceName.setting ?? config?.deviceName
  }

  /// The product key; `validate` has checked that there is one.
  var productKey: String { productKeySetting?.value ?? "" }

  /// The device's name; `validate` has checked that there is one.
  var deviceName: String { deviceNameSetting?.value ?? "" }

  func validate() throws {
    var missing: [String] = []
    if productKeySetting == nil {
      missing.append("no product key: give --product-key KEY or set NBIOT_PRODUCT_KEY")
    }
    if deviceNameSetting == nil {
      missing.append("no device name: give --device-name NAME or set NBIOT_DEVICE_NAME")
    }
    guard missing.isEmpty else {
      throw ValidationError(
        missing.joined(separator: "; ") + "; or give --config FILE, a configuration of nbiot-agent"
          + (config == nil ? "" : ", that has it")
      )
    }
  }

  /// The error in a name, with its source.
  func explain(_ error: IdentityError, clientID: Setting<String>? = nil) -> String {
    let origin =
      switch error {
      case .productKey: productKeySetting?.origin
      case .deviceNameLength, .deviceNameCharacter: deviceNameSetting?.origin
      case .clientIDLength, .clientIDCharacter: clientID?.origin
      }
    return (origin.map { "\($0): " } ?? "") + error.description
  }

  func identity(
    clientID: Setting<String>?,
    deviceNames: DeviceNameRule
  ) throws -> DeviceIdentity {
    let (key, name) = (Array(productKey.utf8), Array(deviceName.utf8))
    do throws(IdentityError) {
      guard let clientID else {
        return try DeviceIdentity(
          productKey: key.span,
          deviceName: name.span,
          deviceNames: deviceNames
        )
      }
      let client = Array(clientID.value.utf8)
      return try DeviceIdentity(
        productKey: key.span,
        deviceName: name.span,
        clientID: client.span,
        deviceNames: deviceNames
      )
    } catch {
      throw Complaint(explain(error, clientID: clientID))
    }
  }
}
