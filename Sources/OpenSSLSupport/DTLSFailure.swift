/// Why an association ended.
public enum DTLSFailure: Error, Equatable, Sendable {
  /// The peer did not answer, or not the whole way: `hasAnswer` says whether it answered at all.
  case timedOut(hasAnswer: Bool)
  /// The peer sent this alert (RFC 5246 Section 7.2); in the clear before the handshake was over, else
  /// protected.
  case alert(UInt8)
  /// The peer closed it.
  case closed
  /// The peer's certificate is not good; the number is OpenSSL's `X509_V_ERR_…`.
  case certificate(Int32)
  /// OpenSSL refused what the peer sent, with its packed error code.
  case library(code: UInt)
}
