internal import ConstrainedCore
internal import OpenSSLSupport

/// The platform's half of the pre-shared keys (protocol facts 2.1, the platform's C SDK v4).
enum PreSharedKeys {
  /// The key of `devicename|METHOD|PK&DN|TIMESTAMP`; `nil` for another identity or an unknown device.
  ///
  /// Unverified (`pre-shared-keys` of `Assumption`): that other methods and timestamps are taken than the SDK
  /// has. `devices` are by `PK/DN`, so that a stranger's hello costs the same however many there are.
  static func find(
    _ identity: [UInt8],
    among devices: [String: SimulatedDevice],
    sdkOnly: Bool
  ) -> [UInt8]? {
    let parts = String(decoding: identity, as: UTF8.self)
      .split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "devicename" else { return nil }
    let names = parts[2].split(separator: "&", maxSplits: 1, omittingEmptySubsequences: false)
    guard names.count == 2, let device = devices["\(names[0])/\(names[1])"] else { return nil }
    guard !sdkOnly || (parts[1] == "hmacsha256" && parts[3] == "2524608000000") else { return nil }
    let hash: Hash
    switch parts[1] {
    case "hmacmd5": hash = .md5
    case "hmacsha1": hash = .sha1
    case "hmacsha256": hash = .sha256
    default: return nil
    }
    let content = Array("id\(parts[2])timestamp\(parts[3])".utf8)
    guard let key = try? hash.hmac(key: device.secret.span, content: content.span) else {
      return nil
    }
    let digits = Array("0123456789ABCDEF".utf8)
    return key.bytes.indices.flatMap {
      [digits[Int(key.bytes[$0] >> 4)], digits[Int(key.bytes[$0] & 0x0F)]]
    }
  }
}
