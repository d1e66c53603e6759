// SPDX-License-Identifier: Apache-2.0
/// The HMAC that signs `/auth`, keyed with the device secret (device guide 3.6).
public enum SignMethod: Sendable {
  /// `hmacmd5`, the guide's default; it is left out of the request to save bytes.
  case hmacMD5
  /// `hmacsha1`.
  case hmacSHA1
  /// `hmacsha256`: not in the guide's list for CoAP; the platform's C SDK v4 always sends it.
  case hmacSHA256

  /// The name in the field `signmethod`.
  public var wireName: StaticString {
    switch self {
    case .hmacMD5: "hmacmd5"
    case .hmacSHA1: "hmacsha1"
    case .hmacSHA256: "hmacsha256"
    }
  }
}
