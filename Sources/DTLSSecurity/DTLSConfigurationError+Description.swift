// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension DTLSConfigurationError: CustomStringConvertible {
  /// States what is wrong, then what to do.
  public var description: String {
    switch self {
    case .authorities:
      "the CA file holds no certificate in PEM, or a broken one: give the platform's root certificate"
    case .serverName:
      "the server's name cannot stand in a certificate: give 1 to 255 characters without spaces"
    case .deviceCertificate:
      "the device's certificate and private key must both be given, in PEM, without a password, and "
        + "belong together"
    case .preSharedKey:
      "the pre-shared key's identity has 1 to 255 bytes, and the key 1 to 128"
    case .foreignSession:
      "the DTLS session is broken, or of another server, CA file or key"
    case .library(let code):
      "OpenSSL refused the settings of DTLS (openssl errstr \(String(code, radix: 16)) explains)"
    }
  }
}
#endif
