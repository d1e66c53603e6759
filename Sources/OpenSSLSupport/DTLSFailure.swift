// SPDX-License-Identifier: Apache-2.0
/// Why an association ended.
public enum DTLSFailure: Error, Equatable, Sendable {
  /// The handshake did not finish in time; `hasAnswer` is `true` if the peer answered at least
  /// once.
  case timedOut(hasAnswer: Bool)
  /// The peer sent this alert (RFC 5246 Section 7.2), in the clear during the handshake, protected
  /// afterwards.
  case alert(UInt8)
  /// The peer closed the association.
  case closed
  /// The peer's certificate was rejected; the number is OpenSSL's `X509_V_ERR_…`.
  case certificate(Int32)
  /// OpenSSL refused what the peer sent, with its packed error code.
  case library(code: UInt)
}
