/// Why a server could not be talked to over HTTPS; a text is libcurl's own.
public enum HTTPSError: Error, Equatable, Sendable {
  /// The address does not begin with `https://`, or is none.
  case address
  /// A redirect led to something that is not HTTPS; it was not followed.
  case insecureRedirect
  /// More redirects in a row than are followed.
  case tooManyRedirects
  /// The host's name could not be resolved.
  case unresolved
  /// Nobody listens there, or nothing leads there.
  case unreachable(String)
  /// The server's certificate is not one that it may have.
  case certificate(String)
  /// The TLS handshake failed for another reason.
  case handshake(String)
  /// The authorities are not certificates in PEM.
  case authorities
  /// Too little came for too long.
  case stalled
  /// The connection broke before everything had come.
  case broken(String)
  /// The answer is longer than was asked for.
  case tooLong(limit: Int)
  /// Somebody asked to stop.
  case cancelled
  /// The receiver of the bytes wanted no more of them.
  case stopped
  /// Anything else, with libcurl's code.
  case library(code: Int, String)

  /// Whether the same may succeed a while later.
  public var isTemporary: Bool {
    switch self {
    case .unresolved, .unreachable, .stalled, .broken: true
    default: false
    }
  }
}

extension HTTPSError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .address: "the address must begin with https://; copy it whole"
    case .insecureRedirect:
      "the server leads to an address without HTTPS, which is not followed: ask whoever gave the "
        + "address for another"
    case .tooManyRedirects:
      "the server leads from one address to the next: ask whoever gave the address for another"
    case .unresolved:
      "the host name cannot be resolved: check it, and the network connection"
    case .unreachable(let text):
      "the server cannot be reached (\(text)): check host and port, and the network connection"
    case .certificate(let text):
      "the server's certificate is not accepted (\(text)): check the host name, the clock, and that "
        + "--https-ca-file has the authority that vouches for it"
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
