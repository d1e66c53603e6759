// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension OPCUAPasswordError: CustomStringConvertible {
  /// States what is wrong and what to do about it.
  public var description: String {
    switch self {
    case .secret(let count):
      "the device secret has \(count) characters, and AES takes 16, 24 or 32: give the secret of the "
        + "gateway itself, as the console shows it (device guide 6.7)"
    case .tooLong(let count):
      "\(count) bytes are too many: a password has at most \(OPCUAPassword.maxCount), encrypted "
        + "\(OPCUAPassword.maxEncryptedCount)"
    case .notBase64:
      "this is not an encrypted password: it must be Base64 on one line, as in the field password of the "
        + "gateway's configuration (device guide 6.7)"
    case .unreadable:
      "the password was not encrypted with this secret: give the secret of the device that the "
        + "configuration was made for"
    case .capacity: "there is no room for the result"
    case .library(let code): "OpenSSL failed (error \(code))"
    }
  }
}
#endif
