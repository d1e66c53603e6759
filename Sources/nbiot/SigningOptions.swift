// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Platform

/// The fields signed with a device secret, and the form of the output.
struct DeviceSigningOptions: ParsableArguments {
  @OptionGroup var names: NameOptions

  @OptionGroup var secret: DeviceSecretOption

  @OptionGroup var client: ClientIDOption

  @OptionGroup var time: TimestampOption

  @OptionGroup var method: SignMethodOption

  @OptionGroup var deviceNames: DeviceNamesOption

  @OptionGroup var output: OutputOption

  var config: ConfigurationFile? { names.config }

  var clientID: Setting<String>? { client.setting(config) }

  func identity() throws -> DeviceIdentity {
    try names.identity(clientID: clientID, deviceNames: deviceNames.rule)
  }

  func sign(_ content: String, _ method: SignMethod) throws -> Signature {
    try secret.sign(content, method, config)
  }
}
