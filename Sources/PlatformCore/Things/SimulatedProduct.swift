internal import PayloadValues

/// What the console holds of a product.
public struct SimulatedProduct: Sendable {
  /// What the page "remote configuration" holds (device guide 6.12).
  public enum RemoteConfiguration: Sendable {
    /// It is switched off: 6713.
    case unavailable
    /// It is switched on and has no file: 6710.
    case empty
    /// The file that devices get.
    case file(RemoteFile)
  }

  /// The product's key.
  public let key: String

  /// The secret that devices register themselves with, with the switch of dynamic registration on;
  /// `nil` with the switch off.
  public var secret: [UInt8]?

  /// The names of devices that may register themselves (device guide 6.2).
  public var registrable: [String] = []

  /// The thing model; `nil` lets every property and event pass.
  public var thingModel: ProductModel?

  /// The firmware that devices with another version get.
  public var firmware: SimulatedFirmware?

  /// The remote configuration.
  public var remoteConfiguration = RemoteConfiguration.empty

  /// The topic classes that it has beside those of all products.
  public var topicClasses: [TopicClass] = []

  /// A product without any of it.
  public init(key: String) {
    self.key = key
  }
}

/// A file that devices load by HTTPS, as the platform describes it.
///
/// The simulator does not serve it, and its URL is as good after 24 hours as before.
public struct RemoteFile: Sendable {
  /// Its identifier.
  public var identifier: String
  /// Where it is.
  public var url: String
  /// Its size in bytes.
  public var size: Int64
  /// Its SHA-256 in hexadecimal digits.
  public var sha256: String

  /// A file with all that the platform says of it.
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
  /// What signs it.
  public enum DigestMethod: String, Sendable, CaseIterable {
    /// Its MD5, which the member `md5` repeats.
    case md5 = "Md5"
    /// Its SHA-256; there is no member `md5` then.
    case sha256 = "Sha256"
  }

  /// The version that a device has to report afterwards.
  public var version: String
  /// Where it is.
  public var url: String
  /// Its size in bytes.
  public var size: Int64
  /// Its MD5 in hexadecimal digits.
  public var md5: String
  /// Its SHA-256 in hexadecimal digits.
  public var sha256: String
  /// What signs it.
  public var signMethod = DigestMethod.md5

  /// A firmware with all that the platform says of it, signed by its MD5.
  public init(version: String, url: String, size: Int64, md5: String, sha256: String) {
    self.version = version
    self.url = url
    self.size = size
    self.md5 = md5
    self.sha256 = sha256
  }

  /// The member `data` of what a device gets.
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

/// A sub-device that a gateway may bring (device guide 6.2 and 6.3).
public struct SimulatedSubDevice: Sendable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The device's secret; `nil` for one that gets its secret by `thing.sub.register`.
  public let secret: [UInt8]?

  /// A sub-device with its credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]? = nil) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }
}
