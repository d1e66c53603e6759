public import ConstrainedCore
public import PayloadCoding

/// A file that the platform has for a device: a firmware (device guide 4 and 6.11) or a configuration
/// (6.12).
public struct FileOffer: Sendable {
  /// How the file's digest is made.
  public enum DigestMethod: Sendable {
    /// 16 bytes, which anybody can make fit: proof against accidents alone.
    case md5
    /// 32 bytes.
    case sha256
  }

  /// The firmware's version; for a configuration its id.
  public private(set) var version = FixedBytes<128>()
  /// Where it is to be had by HTTPS, for 24 hours.
  public private(set) var url = FixedBytes<1_024>()
  /// Its size in bytes.
  public private(set) var size: UInt64 = 0
  /// How `digest` is made.
  public private(set) var digestMethod = DigestMethod.md5
  /// What the file's bytes must come to.
  public private(set) var digest = FixedBytes<32>()

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
    var method: DigestMethod?
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
        guard method == nil else { throw .repeated }
        method = try Self.method(reader.fixed(token))
      } else {
        try reader.pass(token)
      }
    }
    guard let foundSize, !version.isEmpty, !url.isEmpty else { throw .member }
    size = foundSize
    // Devices of old know the member `md5` alone.
    digestMethod = method ?? .md5
    digest = try Self.digest(sign.isEmpty && digestMethod == .md5 ? md5 : sign, digestMethod)
  }

  private static func once<let capacity: Int>(
    _ old: FixedBytes<capacity>,
    _ new: FixedBytes<capacity>
  ) throws(AlinkMessageError) -> FixedBytes<capacity> {
    guard old.isEmpty else { throw .repeated }
    return new
  }

  /// The guide spells `Md5` and `Sha256`; case is not compared.
  private static func method(_ name: FixedBytes<16>) throws(AlinkMessageError) -> DigestMethod {
    var lower = FixedBytes<16>()
    lower.write { (writer: inout ByteWriter) in
      for index in 0..<name.count { try? writer.append(name.bytes[index] | 0x20) }
    }
    // The bit that makes letters small leaves digits as they are.
    if lower.bytes.isEqual(to: "md5") { return .md5 }
    guard lower.bytes.isEqual(to: "sha256") else { throw .member }
    return .sha256
  }

  private static func digest(
    _ digits: FixedBytes<64>,
    _ method: DigestMethod
  ) throws(AlinkMessageError) -> FixedBytes<32> {
    guard digits.count == (method == .md5 ? 32 : 64) else { throw .member }
    var digest = FixedBytes<32>()
    try digest.write { (writer: inout ByteWriter) throws(AlinkMessageError) in
      for index in 0..<digits.count / 2 {
        guard let high = nibble(digits.bytes[2 * index]),
          let low = nibble(digits.bytes[2 * index + 1])
        else { throw .member }
        do throws(CapacityError) {
          try writer.append(high &<< 4 | low)
        } catch {
          throw .member
        }
      }
    }
    return digest
  }

  private static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }
}
