// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation
internal import PayloadValues
internal import PlatformCore
internal import PlatformSimulator

/// The digest of a firmware.
enum FirmwareSignArgument: String, ExpressibleByArgument, CaseIterable {
  case md5, sha256
}

/// The console's settings of the simulated products and their devices.
struct ProductOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "With DTLS, MQTT over TLS or HTTPS: a device that may register itself with its product's secret; repeat it for "
        + "more.",
      valueName: "pk,dn,productsecretfile"
    )
  )
  var register: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      A sub-device that gateways may add; without a file it gets its secret by thing.sub.register. \
      Repeat it for more.
      """,
      valueName: "pk,dn[,secretfile]"
    )
  )
  var subDevice: [String] = []

  @Option(
    help: ArgumentHelp(
      "Whether sub-devices get secrets by thing.sub.register (default: on).",
      valueName: "[pk=]on|off"
    )
  )
  var subRegister: [String] = []

  @Option(
    help: ArgumentHelp(
      "How many sub-devices a gateway may have online (default: 1500).",
      valueName: "count"
    )
  )
  var maxSubDevices: Int?

  @Option(
    help: ArgumentHelp(
      """
      The thing model, as the console exports it (default: every property and event passes). With \
      PK= it is one product's, here and in the options below: repeat them for more.
      """,
      valueName: "[pk=]file"
    ),
    completion: .file()
  )
  var thingModel: [String] = []

  @OptionGroup var plain: PlainValuesOption

  @Option(help: ArgumentHelp("The version of the firmware on offer.", valueName: "[pk=]version"))
  var firmwareVersion: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where devices find the firmware (default: at --https).",
      valueName: "[pk=]url"
    )
  )
  var firmwareUrl: [String] = []

  @Option(
    help: ArgumentHelp("The firmware itself, for its size and digests.", valueName: "[pk=]file"),
    completion: .file()
  )
  var firmwareFile: [String] = []

  @Option(help: "What signs the firmware.")
  var firmwareSign = FirmwareSignArgument.md5

  @Option(
    help: ArgumentHelp(
      "Where devices find their configuration (default: at --https).",
      valueName: "[pk=]url"
    )
  )
  var configUrl: [String] = []

  @Option(
    help: ArgumentHelp(
      "The configuration itself, for its size and digest.",
      valueName: "[pk=]file"
    ),
    completion: .file()
  )
  var configFile: [String] = []

  @Option(
    help: ArgumentHelp(
      "Whether remote configuration is switched on (default: on); off is 6713.",
      valueName: "[pk=]on|off"
    )
  )
  var remoteConfig: [String] = []

  @Option(
    help: ArgumentHelp(
      "A desired value of every device: JSON, or else a text. Repeat it for more.",
      valueName: "name=value"
    )
  )
  var desired: [String] = []

  @Option(
    help: ArgumentHelp(
      #"What waits for /pull: a JSON array of {"topic":"/sys/PK/DN/…","payload":{…}}."#,
      valueName: "file"
    ),
    completion: .file()
  )
  var downlink: String?

  /// Reports contradictions in a sentence.
  func validate() throws {
    guard (1...100_000).contains(maxSubDevices ?? 1) else {
      throw ValidationError("--max-sub-devices is 1 to 100,000")
    }
    guard firmwareVersion.isEmpty == firmwareFile.isEmpty,
      firmwareUrl.isEmpty || !firmwareFile.isEmpty
    else {
      throw ValidationError(
        "firmware needs --firmware-version and --firmware-file together, and --firmware-url or "
          + "--https"
      )
    }
    guard configUrl.isEmpty || !configFile.isEmpty else {
      throw ValidationError(
        "a configuration needs --config-file together with --config-url or --https"
      )
    }
  }

  /// Puts all of it into the configuration, whose devices are there already; returns the files without a URL, which
  /// the simulator itself serves if `hosts`.
  func apply(
    to configuration: inout SimulatorConfiguration,
    hosts: Bool
  ) throws -> HostedFiles {
    configuration.takesPlainValues = plain.plainValues
    if let maxSubDevices { configuration.subDeviceLimit = maxSubDevices }
    var products: [String: SimulatedProduct] = [:]
    for device in configuration.devices {
      products[device.productKey] = SimulatedProduct(key: device.productKey)
    }
    var deviceNames = NamedOnce("--register or --device")
    for device in configuration.devices {
      try deviceNames.add("\(device.productKey),\(device.deviceName)")
    }
    for text in register {
      let parts = try Self.parts(text, 3...3, "--register takes PRODUCTKEY,DEVICENAME,SECRETFILE")
      try deviceNames.add("\(parts[0]),\(parts[1])")
      var product = products[parts[0]] ?? SimulatedProduct(key: parts[0])
      let secret = try Secret.read(parts[2])
      guard product.secret == nil || product.secret == secret else {
        throw Complaint("--register gives the product \(parts[0]) two secrets: it has one")
      }
      product.secret = secret
      product.registrable.append(parts[1])
      products[parts[0]] = product
    }
    // Values without a product apply to these products, not to those of sub-devices.
    let common = Set(products.keys)
    var subNames = NamedOnce("--sub-device")
    for text in subDevice {
      let parts = try Self.parts(
        text,
        2...3,
        "--sub-device takes PRODUCTKEY,DEVICENAME or PRODUCTKEY,DEVICENAME,SECRETFILE"
      )
      try subNames.add("\(parts[0]),\(parts[1])")
      configuration.subDevices.append(
        SimulatedSubDevice(
          productKey: parts[0],
          deviceName: parts[1],
          secret: parts.count == 3 ? try Secret.read(parts[2]) : nil
        )
      )
      products[parts[0]] = products[parts[0]] ?? SimulatedProduct(key: parts[0])
    }
    let pages = try ProductPages(self, products: Set(products.keys), common: common)
    var files = HostedFiles()
    for product in products.values {
      configuration.products.append(try pages.filled(product, hosts: hosts, &files))
    }
    var properties = NamedOnce("--desired")
    let values = try desired.map { text in
      let member = try Self.member(text)
      try properties.add(member.name)
      return member
    }
    let names = configuration.products.flatMap { product in
      product.registrable.map { "\(product.key)/\($0)" }
    }
    let devices = configuration.devices.map { "\($0.productKey)/\($0.deviceName)" } + names
    for path in devices { configuration.desired[path] = values }
    for (path, message) in try loadDownlink() {
      guard devices.contains(path) else {
        throw Complaint("a topic in the file of --downlink names \(path), which is no --device")
      }
      configuration.downlink[path, default: []].append(message)
    }
    return files
  }

  private func loadDownlink() throws -> [(String, DownlinkMessage)] {
    guard let downlink else { return [] }
    guard let elements = PayloadValue(try InputText.read(downlink), .json)?.elements else {
      throw Complaint("\(downlink) is no JSON array")
    }
    return try elements.map { element in
      guard let topic = element["topic"]?.string, let payload = element["payload"],
        let path = Self.device(of: topic)
      else {
        throw Complaint(
          #"an element of \#(downlink) is not {"topic":"/sys/PK/DN/…","payload":{…}}"#
        )
      }
      return (path, DownlinkMessage(topic: topic, payload: payload))
    }
  }

  /// The device named in a topic: `/sys/PK/DN/…`, `/ota/device/X/PK/DN` or `/PK/DN/…`.
  private static func device(of topic: String) -> String? {
    let segments = topic.split(separator: "/")
    let start = segments.first == "sys" ? 1 : segments.starts(with: ["ota", "device"]) ? 3 : 0
    guard segments.count >= start + 2 else { return nil }
    return "\(segments[start])/\(segments[start + 1])"
  }

  private static func member(_ text: String) throws -> PayloadValue.Member {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw Complaint("--desired takes NAME=VALUE, not \(text)")
    }
    let value = String(parts[1])
    return PayloadValue.Member(
      String(parts[0]),
      PayloadValue(Array(value.utf8), .json) ?? .text(value)
    )
  }

  private static func parts(
    _ text: String,
    _ count: ClosedRange<Int>,
    _ rule: String
  ) throws -> [String] {
    let parts = text.split(
      separator: ",",
      maxSplits: count.upperBound - 1,
      omittingEmptySubsequences: false
    )
    guard count.contains(parts.count), !parts.contains(where: \.isEmpty) else {
      throw Complaint("\(rule), not \(text)")
    }
    return parts.map { InputText.trimmed(String($0)) }
  }
}
