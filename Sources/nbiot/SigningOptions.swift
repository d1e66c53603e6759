internal import ArgumentParser
internal import Platform

/// The fields signed with a device secret, and the form of the output.
struct DeviceSigningOptions: ParsableArguments {
  @OptionGroup var names: NameOptions

  @Option(
    help: ArgumentHelp(
      "A file with the device secret in its first line; else NBIOT_DEVICE_SECRET.",
      valueName: "file"
    )
  )
  var deviceSecretFile: String?

  @Option(
    name: .customLong("client-id"),
    help: ArgumentHelp("The client id (default: PRODUCTKEY&DEVICENAME).", valueName: "id"),
    transform: InputText.trimmed
  )
  var givenClientID: String?

  @Option(
    help: ArgumentHelp(
      "Milliseconds since 1970, or now; signed too.",
      valueName: "milliseconds"
    )
  )
  var timestamp: TimestampArgument?

  @Option(help: "Which names devices may have: with _ @ . - : (current) or with _ @ . (guide).")
  var deviceNames = DeviceNamesArgument.current

  @Option(help: "How results are printed.")
  var output = OutputArgument.text

  var config: ConfigurationFile? { names.config }

  var clientID: Setting<String>? {
    givenClientID.map { Setting(value: $0, origin: "--client-id") } ?? config?.clientID
  }

  func identity() throws -> DeviceIdentity {
    try names.identity(clientID: clientID, deviceNames: deviceNames)
  }

  func sign(_ content: String, _ method: SignMethod) throws -> Signature {
    try Signature(
      content,
      method,
      secretFile: deviceSecretFile,
      .device,
      configured: config?.deviceSecretFile
    )
  }
}
