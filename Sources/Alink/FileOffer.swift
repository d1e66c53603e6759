public import AliyunIoT
public import ConstrainedCore
public import PayloadCoding

/// A file that the platform has for a device: a firmware (device guide 4 and 6.11) or a configuration
/// (6.12).
public struct FileOffer: Sendable {
  /// The firmware's version; for a configuration its id.
  public private(set) var version = FixedBytes<128>()
  /// Where it is to be had by HTTPS, for 24 hours.
  public private(set) var url = FixedBytes<1_024>()
  /// Its size in bytes.
  public private(set) var size: UInt64 = 0
  /// What the file's bytes must come to.
  public let digest: FirmwareDigest

  /// Reads `data` of the reply to a `FirmwareRequest`, or of an upgrade that was pushed.
  public init<Reader: PayloadReader & ~Escapable>(
    firmware data: Reader
  ) throws(AlinkMessageError) {
    try self.init(data, version: "version", size: "size")
  }

  /// Reads `data` of the reply to a `ConfigurationGet`, or `params` of a configuration that was pushed.
  public init<Reader: PayloadReader & ~Escapable>(
    configuration data: Reader
  ) throws(AlinkMessageError) {
    try self.init(data, version: "configId", size: "configSize")
  }

  private init<Reader: PayloadReader & ~Escapable>(
    _ data: Reader,
    version versionName: StaticString,
    size sizeName: StaticString
  ) throws(AlinkMessageError) {
    var reader = data
    var foundSize: UInt64?
    var sign = FixedBytes<64>()
    var md5 = FixedBytes<64>()
    var method = FixedBytes<16>()
    guard try reader.next() == .beginObject else { throw .notAnObject }
    while case .key(let name)? = try reader.next() {
      guard let token = try reader.next() else { throw .malformed }
      if reader.text(name, equals: versionName) {
        version = try Self.once(version, reader.fixed(token))
      } else if reader.text(name, equals: "url") {
        url = try Self.once(url, reader.fixed(token))
      } else if reader.text(name, equals: sizeName) {
        guard foundSize == nil else { throw .repeated }
        foundSize = try reader.number(token)
      } else if reader.text(name, equals: "sign") {
        sign = try Self.once(sign, reader.fixed(token))
      } else if reader.text(name, equals: "md5") {
        md5 = try Self.once(md5, reader.fixed(token))
      } else if reader.text(name, equals: "signMethod") {
        method = try Self.once(method, reader.fixed(token))
      } else {
        try reader.pass(token)
      }
    }
    guard let foundSize, !version.isEmpty, !url.isEmpty else { throw .member }
    size = foundSize
    // Devices of old know the member `md5` alone.
    digest = try Self.digest(sign.isEmpty ? md5 : sign, method)
  }

  private static func once<let capacity: Int>(
    _ old: FixedBytes<capacity>,
    _ new: FixedBytes<capacity>
  ) throws(AlinkMessageError) -> FixedBytes<capacity> {
    guard old.isEmpty else { throw .repeated }
    return new
  }

  /// The guide spells `Md5` and `Sha256`; case is not compared.
  private static func digest(
    _ digits: FixedBytes<64>,
    _ method: FixedBytes<16>
  ) throws(AlinkMessageError) -> FirmwareDigest {
    guard let digest = FirmwareDigest(hexadecimal: digits.bytes) else { throw .member }
    var lower = FixedBytes<16>()
    lower.write { (writer: inout ByteWriter) in
      // The bit that makes letters small leaves digits as they are.
      for index in 0..<method.count { try? writer.append(method.bytes[index] | 0x20) }
    }
    switch digest {
    case .md5: guard lower.isEmpty || lower.bytes.isEqual(to: "md5") else { throw .member }
    case .sha256: guard lower.bytes.isEqual(to: "sha256") else { throw .member }
    }
    return digest
  }
}
