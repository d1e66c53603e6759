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
