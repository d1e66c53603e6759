internal import COpenSSL

/// A call into OpenSSL failed; `code` is the first of its error queue, which is emptied.
public struct OpenSSLError: Error, Equatable, Sendable {
  /// OpenSSL's packed error code, 0 when it left none; `openssl errstr` explains it.
  public let code: UInt

  /// Takes the error that OpenSSL queued last.
  static func fromQueue() -> OpenSSLError {
    let code = ERR_get_error()
    ERR_clear_error()
    return OpenSSLError(code: UInt(code))
  }
}

extension OpenSSLError {
  /// What kind of error of the library for TLS it is.
  public enum Reason: Sendable {
    /// The peer speaks another version.
    case unsupportedVersion
    /// The peer signs in a way that is not allowed.
    case weakSignature
    /// The peer's key is too short.
    case weakKey
    /// The peer offers nothing that is taken.
    case nothingInCommon
    /// There is no key for the peer's identity.
    case unknownIdentity
    /// Anything else.
    case other
  }

  /// The kind, as far as it matters to whoever set up the peer.
  public var reason: Reason {
    switch Int(ERR_GET_REASON(code)) {
    case Int(SSL_R_UNSUPPORTED_PROTOCOL), Int(SSL_R_WRONG_SSL_VERSION),
      Int(SSL_R_WRONG_VERSION_NUMBER), Int(SSL_R_VERSION_TOO_LOW):
      .unsupportedVersion
    case Int(SSL_R_WRONG_SIGNATURE_TYPE): .weakSignature
    case Int(SSL_R_EE_KEY_TOO_SMALL), Int(SSL_R_CA_KEY_TOO_SMALL), Int(SSL_R_DH_KEY_TOO_SMALL):
      .weakKey
    case Int(SSL_R_NO_SHARED_CIPHER): .nothingInCommon
    case Int(SSL_R_PSK_IDENTITY_NOT_FOUND): .unknownIdentity
    default: .other
    }
  }

  /// An error of that packed code.
  public init(packed code: UInt) { self.code = code }
}
