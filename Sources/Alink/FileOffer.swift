// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// A file that the platform offers to a device: a firmware (device guide 4 and 6.11), a
/// configuration (6.12), or the configuration of a gateway's sub-devices (6.7).
public struct FileOffer: Sendable {
  /// The firmware's version, or a configuration's id; empty for sub-devices' configurations.
  public private(set) var version = FixedBytes<128>()
  /// The HTTPS address of the file, valid for 24 hours.
  public private(set) var url = FixedBytes<1_024>()
  /// The size in bytes; `nil` for a configuration of sub-devices, because the platform does not
  /// give it.
  public private(set) var givenSize: UInt64?
  /// The digest of the file.
  public let digest: FirmwareDigest

  /// The size in bytes, 0 if the platform does not give it.
  public var size: UInt64 { givenSize ?? 0 }

  /// The names of the members.
  private struct Names {
    var version: StaticString = "version"
    var size: StaticString = "size"
    var sign: StaticString = "sign"
    var signMethod: StaticString = "signMethod"
    var signMember = AlinkMember.sign
    var methodMember = AlinkMember.signMethod
    var isOfSubDevices = false
  }

  /// Reads `data` of the reply to a `FirmwareRequest`, or of a pushed upgrade.
  public init<Reader: PayloadReader & ~Escapable>(
    firmware data: Reader
  ) throws(AlinkMessageError) {
    try self.init(data, Names())
  }

  /// Reads `data` of the reply to a `ConfigurationGet`, or `params` of a pushed configuration.
  public init<Reader: PayloadReader & ~Escapable>(
    configuration data: Reader
  ) throws(AlinkMessageError) {
    try self.init(data, Names(version: "configId", size: "configSize"))
  }

  /// Reads `data` of the push `thing.model.config.push`: `url`, `digest` and `digestMethod`, by
  /// default SHA-256 (device guide 6.7).
  public init<Reader: PayloadReader & ~Escapable>(
    subDevices data: Reader
  ) throws(AlinkMessageError) {
    let names = Names(
      sign: "digest",
      signMethod: "digestMethod",
      signMember: .digest,
      methodMember: .digestMethod,
      isOfSubDevices: true
    )
    try self.init(data, names)
  }

  /// Whether `data` means that there is no file: `null` or an empty object.
  public static func isNothing<Reader: PayloadReader & ~Escapable>(
    _ data: Reader
  ) throws(AlinkMessageError) -> Bool {
    var reader = data
    switch try reader.next() {
    case .null: return true
    case .beginObject: return try reader.next() == .endObject
    default: return false
    }
  }

  private init<Reader: PayloadReader & ~Escapable>(
    _ data: Reader,
    _ names: Names
  ) throws(AlinkMessageError) {
    var reader = data
    var sign = FixedBytes<64>()
    var md5 = FixedBytes<64>()
    var method = FixedBytes<16>()
    guard try reader.next() == .beginObject else { throw .notAnObject }
    while case .key(let name)? = try reader.next() {
      guard let token = try reader.next() else { throw .malformed }
      if !names.isOfSubDevices, reader.text(name, equals: names.version) {
        version = try Self.once(version, token, .version, reader)
      } else if reader.text(name, equals: "url") {
        url = try Self.once(url, token, .url, reader)
      } else if !names.isOfSubDevices, reader.text(name, equals: names.size) {
        guard givenSize == nil else { throw .repeated(.size) }
        givenSize = try reader.number(token, .size)
      } else if reader.text(name, equals: names.sign) {
        sign = try Self.once(sign, token, names.signMember, reader)
      } else if !names.isOfSubDevices, reader.text(name, equals: "md5") {
        md5 = try Self.once(md5, token, .sign, reader)
      } else if reader.text(name, equals: names.signMethod) {
        method = try Self.once(method, token, names.methodMember, reader)
      } else {
        try reader.pass(token)
      }
    }
    guard !url.isEmpty else { throw .member(.url) }
    if !names.isOfSubDevices {
      guard givenSize != nil else { throw .member(.size) }
      guard !version.isEmpty else { throw .member(.version) }
    }
    // Old devices use only the member `md5`.
    digest = try Self.digest(sign.isEmpty ? md5 : sign, method, names)
  }

  private static func once<let capacity: Int, Reader: PayloadReader & ~Escapable>(
    _ old: FixedBytes<capacity>,
    _ token: PayloadToken,
    _ member: AlinkMember,
    _ reader: Reader
  ) throws(AlinkMessageError) -> FixedBytes<capacity> {
    guard old.isEmpty else { throw .repeated(member) }
    return try reader.fixed(token, member)
  }

  /// The guide spells `Md5` and `Sha256`; case is ignored.
  private static func digest(
    _ digits: FixedBytes<64>,
    _ method: FixedBytes<16>,
    _ names: Names
  ) throws(AlinkMessageError) -> FirmwareDigest {
    guard let digest = FirmwareDigest(hexadecimal: digits.bytes) else {
      throw .member(names.signMember)
    }
    var lower = FixedBytes<16>()
    lower.write { (writer: inout ByteWriter) in
      // The bit that makes letters lower-case does not change digits.
      for index in 0..<method.count { try? writer.append(method.bytes[index] | 0x20) }
    }
    let isFitting =
      switch digest {
      case .md5: lower.isEmpty ? !names.isOfSubDevices : lower.bytes.isEqual(to: "md5")
      case .sha256: lower.isEmpty ? names.isOfSubDevices : lower.bytes.isEqual(to: "sha256")
      }
    guard isFitting else { throw .member(names.methodMember) }
    return digest
  }
}
