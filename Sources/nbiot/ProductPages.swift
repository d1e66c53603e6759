// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import FoundationEssentials
internal import Glibc
internal import OpenSSLSupport
internal import PlatformCore
internal import PlatformSimulator

/// The options for each product's pages in the console: thing model, firmware, remote
/// configuration.
struct ProductPages {
  private let common: Set<String>
  private let sign: FirmwareSignArgument
  private let model: PerProduct
  private let version: PerProduct
  private let firmwareURL: PerProduct
  private let firmwareFile: PerProduct
  private let configurationURL: PerProduct
  private let configurationFile: PerProduct
  private let configurationSwitch: PerProduct
  private let registrationSwitch: PerProduct

  /// Values without a product apply to the `common` ones.
  init(_ options: ProductOptions, products: Set<String>, common: Set<String>) throws {
    self.common = common
    sign = options.firmwareSign
    model = try PerProduct(options.thingModel, "--thing-model", products: products)
    version = try PerProduct(options.firmwareVersion, "--firmware-version", products: products)
    firmwareURL = try PerProduct(options.firmwareUrl, "--firmware-url", products: products)
    firmwareFile = try PerProduct(options.firmwareFile, "--firmware-file", products: products)
    configurationURL = try PerProduct(options.configUrl, "--config-url", products: products)
    configurationFile = try PerProduct(options.configFile, "--config-file", products: products)
    registrationSwitch = try PerProduct(
      options.subRegister,
      "--sub-register",
      products: products
    )
    configurationSwitch = try PerProduct(
      options.remoteConfig,
      "--remote-config",
      products: products
    )
  }

  /// The product with its pages; a file without a URL is added to `files` instead, if `hosts`.
  func filled(
    _ product: SimulatedProduct,
    hosts: Bool,
    _ files: inout HostedFiles
  ) throws -> SimulatedProduct {
    var product = product
    // Unlike the others it is for the products of sub-devices first of all.
    switch registrationSwitch.value(of: product.key, takesCommon: true) {
    case nil, "on": break
    case "off": product.registersSubDevices = false
    case let other?: throw Complaint("--sub-register is on or off, not \(other)")
    }
    product.thingModel = try value(model, product).map(Self.thingModel)
    product.firmware = try firmware(of: product, hosts: hosts)
    product.remoteConfiguration = try configuration(of: product, hosts: hosts)
    if let firmware = product.firmware, firmware.url.isEmpty {
      files.add(firmware, value(firmwareFile, product) ?? "", of: product.key)
      product.firmware = nil
    }
    if case .file(let description) = product.remoteConfiguration, description.url.isEmpty {
      files.add(description, value(configurationFile, product) ?? "", of: product.key)
      product.remoteConfiguration = .empty
    }
    return product
  }

  private func value(_ option: PerProduct, _ product: SimulatedProduct) -> String? {
    option.value(of: product.key, takesCommon: common.contains(product.key))
  }

  private static func thingModel(_ file: String) throws -> ProductModel {
    let bytes = try InputText.read(file)
    do {
      return try ProductModel(json: bytes)
    } catch {
      throw Complaint("\(file) cannot be used: \(error.reason)")
    }
  }

  /// The firmware, with an empty URL where the simulator itself serves it.
  private func firmware(
    of product: SimulatedProduct,
    hosts: Bool
  ) throws -> SimulatedFirmware? {
    let url = value(firmwareURL, product)
    let given = [version, firmwareFile].compactMap { value($0, product) }
    guard !given.isEmpty || url != nil else { return nil }
    guard given.count == 2, url != nil || hosts else {
      throw Complaint(
        "the firmware of \(product.key) needs --firmware-version, --firmware-file, and --firmware-url or --https"
      )
    }
    guard (url ?? "https://").lowercased().hasPrefix("https://") else {
      throw Complaint(
        "--firmware-url must begin with https://: devices take no other (device guide 4)"
      )
    }
    let digests = try FileDigests(given[1])
    guard digests.size > 0 else { throw Complaint("the firmware \(given[1]) is empty") }
    var firmware = SimulatedFirmware(
      version: given[0],
      url: url ?? "",
      size: digests.size,
      md5: digests.md5,
      sha256: digests.sha256
    )
    firmware.signMethod = sign == .md5 ? .md5 : .sha256
    return firmware
  }

  private func configuration(
    of product: SimulatedProduct,
    hosts: Bool
  ) throws -> SimulatedProduct.RemoteConfiguration {
    switch value(configurationSwitch, product) {
    case nil, "on": break
    case "off": return .unavailable
    case let other?: throw Complaint("--remote-config is on or off, not \(other)")
    }
    let url = value(configurationURL, product)
    let file = value(configurationFile, product)
    guard url != nil || file != nil else { return .empty }
    guard let file, url != nil || hosts else {
      throw Complaint(
        "the configuration of \(product.key) needs --config-file, and --config-url or --https"
      )
    }
    let digests = try FileDigests(file)
    return .file(
      RemoteFile(
        identifier: String(digests.sha256.prefix(16)),
        url: url ?? "",
        size: digests.size,
        sha256: digests.sha256
      )
    )
  }
}

/// Size and digests of a file, read in pieces.
private struct FileDigests {
  private(set) var size: Int64 = 0
  let md5: String
  let sha256: String

  init(_ path: String) throws {
    let (descriptor, _) = try PrivateFile.open(path)
    defer { close(descriptor) }
    var first = try StreamingDigest(.md5)
    var second = try StreamingDigest(.sha256)
    do {
      while case let bytes = try Descriptor.read(descriptor, upTo: 65_536), !bytes.isEmpty {
        size += Int64(bytes.count)
        try first.update(bytes.span)
        try second.update(bytes.span)
      }
    } catch {
      throw Complaint("the file \(path) cannot be read: give a regular one")
    }
    md5 = String(hexadecimal: try first.finish().bytes)
    sha256 = String(hexadecimal: try second.finish().bytes)
  }
}
