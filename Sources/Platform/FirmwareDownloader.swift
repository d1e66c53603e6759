// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// The digest of a firmware: the platform's field `sign`, of type `signMethod` (device guide 6.11).
public enum FirmwareDigest: Sendable, Equatable {
  /// `Md5`, 16 bytes.
  case md5(FixedBytes<16>)
  /// `Sha256`, 32 bytes.
  case sha256(FixedBytes<32>)

  /// Parses 32 hexadecimal digits as MD5 and 64 as SHA-256, in either case; `nil` for anything
  /// else.
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

  /// Appends the digest as lower-case hexadecimal.
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

/// Why an upgrade failed, as reported in the field `step` of `/ota/device/progress/…` (device guide
/// 4 and 6.11).
public enum UpgradeFailure: Int8, Error, Sendable {
  /// -1: the upgrade failed.
  case upgrade = -1
  /// -2: the download failed.
  case download = -2
  /// -3: the download does not match the digest.
  case verification = -3
  /// -4: the firmware could not be installed.
  case burning = -4
}

/// Downloads and stores a firmware: libcurl on a gateway, the HTTP client of a modem, a stand-in in
/// a test.
///
/// The caller handles the offer and reports progress to the platform; the downloader does neither.
public protocol FirmwareDownloader: ~Copyable {
  /// Fetches `size` bytes from `url`, an `https` address in ASCII, and checks them against
  /// `digest`; firmware that does not match must never be run.
  ///
  /// `progress` receives the percentage, 1 to 100, increasing. The error names the failed step.
  /// After an interruption, a call with the same digest and size resumes the download. Its address
  /// may differ, because each is valid for 24 hours only.
  mutating func download(
    url: Span<UInt8>,
    size: UInt64,
    digest: FirmwareDigest,
    progress: (UInt8) -> Void
  ) throws(UpgradeFailure)
}
