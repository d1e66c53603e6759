// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Platform

/// `--device-secret-file`.
struct DeviceSecretOption: ParsableArguments {
  @Option(
    name: .customLong("device-secret-file"),
    help: ArgumentHelp(
      "A file with the device secret in its first line; else NBIOT_DEVICE_SECRET.",
      valueName: "file"
    ),
    completion: .file()
  )
  var file: String?

  /// The device's secret, which the caller wipes.
  func load(_ config: ConfigurationFile?) throws -> [UInt8] {
    try Secret.load(path: file, configured: config?.deviceSecretFile)
  }

  /// Signs a text with the device's secret.
  func sign(
    _ content: String,
    _ method: SignMethod,
    _ config: ConfigurationFile?
  ) throws -> Signature {
    var secret = try load(config)
    defer { Secret.erase(&secret) }
    return try Signature(content, method, secret)
  }
}

/// `--product-secret-file`.
struct ProductSecretOption: ParsableArguments {
  @Option(
    name: .customLong("product-secret-file"),
    help: ArgumentHelp(
      "A file with the product secret in its first line; else NBIOT_PRODUCT_SECRET.",
      valueName: "file"
    ),
    completion: .file()
  )
  var file: String?

  /// The product's secret, which the caller wipes.
  func load() throws -> [UInt8] { try Secret.load(path: file, .product) }

  /// Signs a text with the product's secret.
  func sign(_ content: String, _ method: SignMethod) throws -> Signature {
    var secret = try load()
    defer { Secret.erase(&secret) }
    return try Signature(content, method, secret)
  }
}
