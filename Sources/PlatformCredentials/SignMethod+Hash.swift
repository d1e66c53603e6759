package import OpenSSLSupport
package import Platform

extension SignMethod {
  /// The hash function under the HMAC.
  package var hash: Hash {
    switch self {
    case .hmacMD5: .md5
    case .hmacSHA1: .sha1
    case .hmacSHA256: .sha256
    }
  }
}
