internal import AliyunIoT
internal import ArgumentParser

/// Who the device is, for what is signed.
struct NameOptions: ParsableArguments {
  @Option(help: "The product's key.", transform: InputText.trimmed)
  var productKey: String

  @Option(help: "The device's name.", transform: InputText.trimmed)
  var deviceName: String

  @Option(help: "Which names devices may have: with _ @ . - : (current) or with _ @ . (guide).")
  var deviceNames = DeviceNamesArgument.current

  func identity(clientID: String?) throws -> DeviceIdentity {
    let (key, name) = (Array(productKey.utf8), Array(deviceName.utf8))
    do throws(IdentityError) {
      guard let clientID else {
        return try DeviceIdentity(
          productKey: key.span,
          deviceName: name.span,
          deviceNames: deviceNames.rule
        )
      }
      let client = Array(clientID.utf8)
      return try DeviceIdentity(
        productKey: key.span,
        deviceName: name.span,
        clientID: client.span,
        deviceNames: deviceNames.rule
      )
    } catch {
      throw Complaint(error.description)
    }
  }
}

/// What is signed with a device secret, and how the result is printed.
struct DeviceSigningOptions: ParsableArguments {
  @OptionGroup var names: NameOptions

  @Option(help: "A file with the device secret in its first line.")
  var deviceSecretFile: String?

  @Option(help: "The client id (default: PRODUCTKEY&DEVICENAME).", transform: InputText.trimmed)
  var clientId: String?

  @Option(help: "Milliseconds since 1970, or now; signed too.")
  var timestamp: TimestampArgument?

  @Option(help: "How results are printed.")
  var output = OutputArgument.text

  func identity() throws -> DeviceIdentity { try names.identity(clientID: clientId) }

  func sign(_ content: String, _ method: SignMethod) throws -> Signature {
    try Signature(content, method, secretFile: deviceSecretFile, .device)
  }
}
