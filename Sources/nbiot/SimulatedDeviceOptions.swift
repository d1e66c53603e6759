// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PlatformCore
internal import PlatformSimulator

/// The devices that may authenticate.
struct SimulatedDeviceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A device that may authenticate; repeat it for more. Without it, that of NBIOT_PRODUCT_KEY, "
        + "NBIOT_DEVICE_NAME and NBIOT_DEVICE_SECRET, or of --config.",
      valueName: "pk,dn,secretfile"
    )
  )
  var device: [String] = []

  @OptionGroup var list: DeviceListOption

  @OptionGroup var file: ConfigurationOption

  private var productKey: Setting<String>? {
    Variable.productKey.setting ?? file.config?.productKey
  }

  private var deviceName: Setting<String>? {
    Variable.deviceName.setting ?? file.config?.deviceName
  }

  /// Whether the options name a device.
  var isGiven: Bool {
    !device.isEmpty || list.file != nil || (productKey != nil && deviceName != nil)
  }

  /// The security mode of the configuration's device; `nil` if another device is given, or the
  /// configuration does not say.
  var security: SecurityArgument? {
    guard device.isEmpty, let config = file.config else { return nil }
    // The configuration's reader has already rejected invalid endpoints.
    return config.security ?? config.endpoint(.coap).flatMap { try? EndpointArgument($0) }?.security
  }

  /// The devices in the options, or else the one in the environment or the configuration, which is
  /// required only if `isNeeded`.
  func devices(or isNeeded: Bool) throws -> [SimulatedDevice] {
    guard device.isEmpty, list.file == nil else {
      var known = NamedOnce("--device")
      let single = try device.map { text in
        let device = try Self.parse(text)
        try known.add("\(device.productKey),\(device.deviceName)")
        return device
      }
      return single + (try list.devices())
    }
    guard let productKey, let deviceName, isNeeded || file.config != nil else { return [] }
    let secretFile = file.config?.deviceSecretFile
    guard secretFile != nil || Secret.isInEnvironment() else {
      throw Complaint(
        "no secret for the device \(deviceName.value): set \(Secret.Kind.device.variable), or give a configuration "
          + "file with device-secret-file, or --device PK,DN,SECRETFILE"
      )
    }
    return [
      SimulatedDevice(
        productKey: productKey.value,
        deviceName: deviceName.value,
        secret: try Secret.load(path: nil, configured: secretFile)
      )
    ]
  }

  private static func parse(_ text: String) throws -> SimulatedDevice {
    let parts = text.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts.contains(where: \.isEmpty) else {
      throw Complaint("--device takes PRODUCTKEY,DEVICENAME,SECRETFILE, not \(text)")
    }
    return SimulatedDevice(
      productKey: InputText.trimmed(String(parts[0])),
      deviceName: InputText.trimmed(String(parts[1])),
      secret: try Secret.read(String(parts[2]))
    )
  }
}
