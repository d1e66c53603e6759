// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension HTTPSFailure: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .unresolved: "the host name cannot be resolved: check it, and the network connection"
    case .unreachable:
      "the server cannot be reached: check host and port, and the network connection"
    case .timedOut:
      "no complete answer came in time: check that host and port are those of an HTTPS server, and the network connection"
    case .unknownAuthority:
      "the server's certificate comes from no authority of the CA file: check which root it has"
    case .expired: "the server's certificate has expired, or this machine's clock is wrong"
    case .notYetValid: "the server's certificate is not valid yet, or this machine's clock is wrong"
    case .certificate:
      "the server's certificate is not good; check the CA file and this machine's clock"
    case .serverName: "the server's certificate is for another name than the host's"
    case .handshake:
      "the TLS handshake failed: check that the port is that of an HTTPS server with TLS 1.2 or later"
    case .authorities:
      "the CA file has no usable certificate: it must be PEM, beginning with -----BEGIN CERTIFICATE"
    case .broken: "the connection broke before the answer was complete: try again"
    case .tooLong:
      "the answer is longer than the limit: check that host and port are the platform's"
    case .notHTTP: "what came is not HTTP: check that host and port are the platform's"
    case .library(let code): "libcurl failed with \(code)"
    }
  }
}
#endif
