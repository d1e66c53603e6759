// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// A product's settings in the console.
public struct SimulatedProduct: Sendable {
  /// The state of the page "remote configuration" (device guide 6.12).
  public enum RemoteConfiguration: Sendable {
    /// Switched off: 6713.
    case unavailable
    /// Switched on, without a file: 6710.
    case empty
    /// The file for devices.
    case file(RemoteFile)
  }

  /// The product's key.
  public let key: String

  /// The secret with which devices register if dynamic registration is on; `nil` if it is off.
  public var secret: [UInt8]?

  /// The names of devices that may register (device guide 6.2).
  public var registrable: [String] = []

  /// Whether sub-devices get secrets by `thing.sub.register`: dynamic registration of a product of sub-devices.
  public var registersSubDevices = true

  /// The thing model; `nil` accepts every property and event.
  public var thingModel: ProductModel?

  /// The firmware offered to devices with another version.
  public var firmware: SimulatedFirmware?

  /// The remote configuration.
  public var remoteConfiguration = RemoteConfiguration.empty

  /// The product's own topic classes, in addition to those of all products.
  public var topicClasses: [TopicClass] = []

  /// Creates a product without settings.
  public init(key: String) {
    self.key = key
  }
}

/// A file that devices download over HTTPS, as described by the platform.
///
/// The HTTPS front can serve it; its URL does not expire after 24 hours.
public struct RemoteFile: Sendable {
  /// The file's id.
  public var identifier: String
  /// The file's URL.
  public var url: String
  /// The size in bytes.
  public var size: Int64
  /// The SHA-256 in hexadecimal.
  public var sha256: String

  /// Creates a description of a file.
  public init(identifier: String, url: String, size: Int64, sha256: String) {
    self.identifier = identifier
    self.url = url
    self.size = size
    self.sha256 = sha256
  }

  /// The members of the answer to `thing.config.get`.
  var description: PayloadValue {
    [
      "configId": .text(identifier), "configSize": .integer(size), "sign": .text(sha256),
      "signMethod": "Sha256", "url": .text(url), "getType": "file",
    ]
  }
}

/// A firmware in the console (device guide 4 and 6.11).
public struct SimulatedFirmware: Sendable {
  /// The digest in the member `sign`.
  public enum DigestMethod: String, Sendable, CaseIterable {
    /// MD5, repeated in the member `md5`.
    case md5 = "Md5"
    /// SHA-256; there is no member `md5`.
    case sha256 = "Sha256"
  }

  /// The version that a device has to report afterwards.
  public var version: String
  /// The firmware's URL.
  public var url: String
  /// The size in bytes.
  public var size: Int64
  /// The MD5 in hexadecimal.
  public var md5: String
  /// The SHA-256 in hexadecimal.
  public var sha256: String
  /// The digest in the member `sign`.
  public var signMethod = DigestMethod.md5

  /// Creates a description of a firmware, with its MD5 as signature.
  public init(version: String, url: String, size: Int64, md5: String, sha256: String) {
    self.version = version
    self.url = url
    self.size = size
    self.md5 = md5
    self.sha256 = sha256
  }

  /// The member `data` of an offer.
  var description: PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("size", .integer(size)), .init("version", .text(version)), .init("url", .text(url)),
      .init("sign", .text(signMethod == .md5 ? md5 : sha256)),
      .init("signMethod", .text(signMethod.rawValue)),
    ]
    if signMethod == .md5 { members.append(.init("md5", .text(md5))) }
    return .object(members)
  }
}

/// A sub-device that a gateway may add (device guide 6.2 and 6.3).
public struct SimulatedSubDevice: Sendable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The device's secret; `nil` if it gets one by `thing.sub.register`.
  public let secret: [UInt8]?

  /// Creates a sub-device with its credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]? = nil) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }
}
