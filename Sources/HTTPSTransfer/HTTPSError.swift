// SPDX-License-Identifier: Apache-2.0
/// Why an HTTPS transfer failed; texts are libcurl's.
public enum HTTPSError: Error, Equatable, Sendable {
  /// The address does not begin with `https://`, or is malformed.
  case address
  /// A redirect to something other than HTTPS; it was not followed.
  case insecureRedirect
  /// More redirects in a row than the limit.
  case tooManyRedirects
  /// The host name could not be resolved.
  case unresolved
  /// The server refused the connection, or there is no route to it.
  case unreachable(String)
  /// The server's certificate was rejected.
  case certificate(String)
  /// The TLS handshake failed for another reason.
  case handshake(String)
  /// The authorities are not certificates in PEM.
  case authorities
  /// The transfer rate was too low for too long.
  case stalled
  /// The connection broke before the response was complete.
  case broken(String)
  /// The response exceeds the limit.
  case tooLong(limit: Int)
  /// Cancelled by an `Interruption`.
  case cancelled
  /// The sink aborted the transfer.
  case stopped
  /// Anything else, with libcurl's code.
  case library(code: Int, String)

  /// Whether a later retry may succeed.
  public var isTemporary: Bool {
    switch self {
    case .unresolved, .unreachable, .stalled, .broken: true
    default: false
    }
  }
}

extension HTTPSError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .address: "the address must begin with https://; copy it whole"
    case .insecureRedirect:
      "the server redirects to an address without HTTPS, which is not followed: ask whoever gave the "
        + "address for another"
    case .tooManyRedirects:
      "the server redirects too often: ask whoever gave the address for another"
    case .unresolved:
      "the host name cannot be resolved: check it, and the network connection"
    case .unreachable(let text):
      "the server cannot be reached (\(text)): check host and port, and the network connection"
    case .certificate(let text):
      "the server's certificate is not accepted (\(text)): check the host name, the clock, and which "
        + "authorities are trusted"
    case .handshake(let text):
      "the TLS handshake failed (\(text)): check that host and port are those of an HTTPS server"
    case .authorities:
      "the CA file has no usable certificate: it must be PEM, beginning with -----BEGIN CERTIFICATE"
    case .stalled:
      "hardly anything came for too long: check the link, or be more patient"
    case .broken(let text): "the connection broke (\(text)): try again"
    case .tooLong(let limit):
      "the answer is longer than \(limit) bytes: check that the address is the right one"
    case .cancelled: "stopped"
    case .stopped: "the transfer was stopped"
    case .library(let code, let text): "libcurl failed with \(code) (\(text))"
    }
  }
}
