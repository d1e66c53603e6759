// SPDX-License-Identifier: Apache-2.0
/// How a request has ended.
public enum HTTPSLayerEvent: Equatable, Sendable {
  /// The server has answered, with whatever status: `HTTPSLayer.head` and `body`.
  case answered
  /// There is no complete answer; if bytes of the request `wasSent`, the server may have acted on it.
  case failed(HTTPSFailure, wasSent: Bool)
}

/// Why a request has no answer.
public enum HTTPSFailure: Equatable, Sendable {
  /// The server's name has no address.
  case unresolved
  /// Nobody listens there, or there is no route.
  case unreachable
  /// The answer was not complete in time.
  case timedOut
  /// The server's certificate comes from no authority that is trusted.
  case unknownAuthority
  /// The server's certificate has expired.
  case expired
  /// The server's certificate is not valid yet.
  case notYetValid
  /// The server's certificate is not good for another reason.
  case certificate
  /// The server's certificate is for another name.
  case serverName
  /// The TLS handshake failed for another reason, such as a version before 1.2.
  case handshake
  /// The authorities are not certificates in PEM.
  case authorities
  /// The connection broke before the answer was complete.
  case broken
  /// The head or the body of the answer is longer than the limit.
  case tooLong
  /// What came is not HTTP/1.
  case notHTTP
  /// The library refused, with its number.
  case library(Int32)
}
