// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A failed call into OpenSSL; creating it empties the error queue.
public struct OpenSSLError: Error, Equatable, Sendable {
  /// OpenSSL's packed error code, 0 if it left none; `openssl errstr` explains it.
  public let code: UInt

  /// Takes the oldest error from OpenSSL's queue, and empties the queue.
  @inline(never)
  static func fromQueue() -> OpenSSLError {
    let code = ERR_get_error()
    emptyQueue()
    return OpenSSLError(code: UInt(code))
  }

  /// Empties OpenSSL's queue, and returns its newest error; 0 if there was none.
  ///
  /// The newest one is of the function that was called, older ones of those that it called.
  ///
  /// `ERR_clear_error` and `ERR_peek_last_error` would be two more functions to import, 75 bytes
  /// each.
  @discardableResult
  static func emptyQueue() -> UInt {
    var newest: UInt = 0
    while case let code = ERR_get_error(), code != 0 { newest = UInt(code) }
    return newest
  }
}

extension OpenSSLError {
  /// The TLS errors that callers tell apart.
  public enum Reason: Sendable {
    /// The peer uses another protocol version.
    case unsupportedVersion
    /// The peer's signature algorithm is not allowed.
    case weakSignature
    /// The peer's key is too short.
    case weakKey
    /// The peer offers nothing acceptable.
    case nothingInCommon
    /// No key is known for the peer's identity.
    case unknownIdentity
    /// Anything else.
    case other
  }

  /// The kind of error, as far as it matters for setting up the peer.
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

  /// Creates an error from a packed code.
  public init(packed code: UInt) { self.code = code }
}
