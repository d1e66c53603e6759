public import ConstrainedCore

/// What the platform gives to know a firmware by: the field `sign`, of the kind `signMethod` (device
/// guide 6.11).
public enum FirmwareDigest: Sendable, Equatable {
  /// `Md5`, 16 bytes.
  case md5(FixedBytes<16>)
  /// `Sha256`, 32 bytes.
  case sha256(FixedBytes<32>)

  /// Reads 32 hexadecimal digits as MD5 and 64 as SHA-256, in either case; `nil` for anything else.
  public init?(hexadecimal digits: Span<UInt8>) {
    switch digits.count {
    case 32:
      guard let bytes: FixedBytes<16> = Self.bytes(of: digits) else { return nil }
      self = .md5(bytes)
    case 64:
      guard let bytes: FixedBytes<32> = Self.bytes(of: digits) else { return nil }
      self = .sha256(bytes)
    default: return nil
    }
  }

  /// Appends the digest as lower-case hexadecimal digits.
  public func writeHexadecimal(into output: inout ByteWriter) throws(CapacityError) {
    switch self {
    case .md5(let bytes): try output.append(hexadecimal: bytes.bytes)
    case .sha256(let bytes): try output.append(hexadecimal: bytes.bytes)
    }
  }

  private static func bytes<let count: Int>(of digits: Span<UInt8>) -> FixedBytes<count>? {
    var bytes = FixedBytes<count>()
    var isValid = true
    bytes.write { (writer: inout ByteWriter) in
      var index = 0
      while index + 1 < digits.count {
        let (high, low) = (value(of: digits[index]), value(of: digits[index + 1]))
        isValid = isValid && high < 16 && low < 16
        try? writer.append(high << 4 | low & 0x0F)
        index += 2
      }
    }
    return isValid ? bytes : nil
  }

  /// The value of a hexadecimal digit, 16 for any other byte.
  private static func value(of digit: UInt8) -> UInt8 {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: 16
    }
  }
}

/// Why an upgrade went no further, as the field `step` of `/ota/device/progress/…` says it (device
/// guide 4 and 6.11).
public enum UpgradeFailure: Int8, Error, Sendable {
  /// -1: the upgrade failed.
  case upgrade = -1
  /// -2: the download failed.
  case download = -2
  /// -3: what was downloaded is not what the digest says.
  case verification = -3
  /// -4: the firmware could not be burnt.
  case burning = -4
}

/// Something that fetches a firmware and puts it where it belongs: libcurl on a gateway, the HTTP
/// client of a modem, a stand-in in a test.
///
/// Whoever drives the upgrade has the offer and reports the progress; the downloader knows neither.
public protocol FirmwareDownloader: ~Copyable {
  /// Fetches `size` bytes from `url`, an `https` address of ASCII characters, and checks them against
  /// `digest`; what does not fit the digest must never be run.
  ///
  /// `progress` is told the percentage, 1 to 100 and rising. An error says which step failed. A
  /// downloader that was interrupted goes on where it stopped when it is asked again for the same
  /// digest and size: the address may be another one, for each is valid for 24 hours.
  mutating func download(
    url: Span<UInt8>,
    size: UInt64,
    digest: FirmwareDigest,
    progress: (UInt8) -> Void
  ) throws(UpgradeFailure)
}
