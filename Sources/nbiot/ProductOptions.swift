internal import ArgumentParser
internal import ConstrainedCore
internal import Foundation
internal import OpenSSLSupport
internal import PlatformSimulator

/// What signs a firmware.
enum FirmwareSignArgument: String, ExpressibleByArgument, CaseIterable {
  case md5, sha256
}

/// What the console would hold of the simulated products and their devices.
struct ProductOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "With DTLS: a device that may register itself with its product's secret; repeat it for more.",
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
      "The thing model, as the console exports it (default: every property and event passes).",
      valueName: "file"
    )
  )
  var thingModel: String?

  @Flag(help: "Take properties without the object around the value, as the C SDKs send them.")
  var plainValues = false

  @Option(help: ArgumentHelp("The version of the firmware on offer.", valueName: "version"))
  var firmwareVersion: String?

  @Option(help: ArgumentHelp("Where devices find the firmware.", valueName: "url"))
  var firmwareUrl: String?

  @Option(
    help: ArgumentHelp("The firmware itself, for its size and digests.", valueName: "file")
  )
  var firmwareFile: String?

  @Option(help: "What signs the firmware.")
  var firmwareSign = FirmwareSignArgument.md5

  @Option(help: ArgumentHelp("Where devices find their configuration.", valueName: "url"))
  var configUrl: String?

  @Option(
    help: ArgumentHelp("The configuration itself, for its size and digest.", valueName: "file")
  )
  var configFile: String?

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
    )
  )
  var downlink: String?

  /// What does not fit together, in a sentence.
  func validate() throws {
    let firmware = [firmwareVersion, firmwareUrl, firmwareFile].compactMap { $0 }
    guard firmware.isEmpty || firmware.count == 3 else {
      throw ValidationError(
        "firmware needs --firmware-version, --firmware-url and --firmware-file together"
      )
    }
    guard (configUrl == nil) == (configFile == nil) else {
      throw ValidationError("a configuration needs --config-url and --config-file together")
    }
  }

  /// Puts all of it into the configuration, whose devices are there already.
  func apply(to configuration: inout SimulatorConfiguration) throws {
    configuration.takesPlainValues = plainValues
    var products: [String: SimulatedProduct] = [:]
    for device in configuration.devices {
      products[device.productKey] = SimulatedProduct(key: device.productKey)
    }
    for text in register {
      let parts = try Self.parts(text, 3...3, "--register takes PRODUCTKEY,DEVICENAME,SECRETFILE")
      var product = products[parts[0]] ?? SimulatedProduct(key: parts[0])
      product.secret = try Secret.read(parts[2])
      product.registrable.append(parts[1])
      products[parts[0]] = product
    }
    let model = try loadModel()
    let firmware = try loadFirmware()
    let file = try loadConfiguration()
    configuration.products = products.values.map { product in
      var product = product
      product.thingModel = model
      product.firmware = firmware
      if let file { product.remoteConfiguration = .file(file) }
      return product
    }
    for text in subDevice {
      let parts = try Self.parts(
        text,
        2...3,
        "--sub-device takes PRODUCTKEY,DEVICENAME or PRODUCTKEY,DEVICENAME,SECRETFILE"
      )
      configuration.subDevices.append(
        SimulatedSubDevice(
          productKey: parts[0],
          deviceName: parts[1],
          secret: parts.count == 3 ? try Secret.read(parts[2]) : nil
        )
      )
    }
    let values = try desired.map(Self.member)
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
  }

  private func loadModel() throws -> ThingModel? {
    guard let thingModel else { return nil }
    let bytes = try InputText.read(thingModel)
    do {
      return try ThingModel(json: bytes)
    } catch {
      throw Complaint("\(thingModel) cannot be used: \(error.reason)")
    }
  }

  private func loadFirmware() throws -> SimulatedFirmware? {
    guard let firmwareVersion, let firmwareUrl, let firmwareFile else { return nil }
    guard firmwareUrl.lowercased().hasPrefix("https://") else {
      throw Complaint(
        "--firmware-url must begin with https://: devices take no other (device guide 4)"
      )
    }
    let digests = try FileDigests(firmwareFile)
    guard digests.size > 0 else { throw Complaint("the firmware \(firmwareFile) is empty") }
    var firmware = SimulatedFirmware(
      version: firmwareVersion,
      url: firmwareUrl,
      size: digests.size,
      md5: digests.md5,
      sha256: digests.sha256
    )
    firmware.signMethod = firmwareSign == .md5 ? .md5 : .sha256
    return firmware
  }

  private func loadConfiguration() throws -> RemoteFile? {
    guard let configUrl, let configFile else { return nil }
    let digests = try FileDigests(configFile)
    return RemoteFile(
      identifier: String(digests.sha256.prefix(16)),
      url: configUrl,
      size: digests.size,
      sha256: digests.sha256
    )
  }

  private func loadDownlink() throws -> [(String, DownlinkMessage)] {
    guard let downlink else { return [] }
    guard let elements = PlatformValue(try InputText.read(downlink), .json)?.elements else {
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

  /// The device that a topic names: `/sys/PK/DN/…`, `/ota/device/X/PK/DN` or `/PK/DN/…`.
  private static func device(of topic: String) -> String? {
    let segments = topic.split(separator: "/")
    let start = segments.first == "sys" ? 1 : segments.starts(with: ["ota", "device"]) ? 3 : 0
    guard segments.count >= start + 2 else { return nil }
    return "\(segments[start])/\(segments[start + 1])"
  }

  private static func member(_ text: String) throws -> PlatformValue.Member {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw Complaint("--desired takes NAME=VALUE, not \(text)")
    }
    let value = String(parts[1])
    return PlatformValue.Member(
      String(parts[0]),
      PlatformValue(Array(value.utf8), .json) ?? .text(value)
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

/// Size and digests of a file, which is read piece by piece.
private struct FileDigests {
  private(set) var size: Int64 = 0
  let md5: String
  let sha256: String

  init(_ path: String) throws {
    let (descriptor, _) = try PrivateFile.open(path)
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    defer { try? handle.close() }
    var first = try StreamingDigest(.md5)
    var second = try StreamingDigest(.sha256)
    do {
      while let data = try handle.read(upToCount: 65_536), !data.isEmpty {
        let bytes = Array(data)
        size += Int64(bytes.count)
        try first.update(bytes.span)
        try second.update(bytes.span)
      }
    } catch {
      throw Complaint("the file \(path) cannot be read: give a regular one")
    }
    md5 = Self.digits(try first.finish())
    sha256 = Self.digits(try second.finish())
  }

  private static func digits(_ digest: FixedBytes<32>) -> String {
    (0..<digest.count).map { index in
      let byte = digest.bytes[index]
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
