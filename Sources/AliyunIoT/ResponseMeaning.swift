public import CoAPMessage

/// What the platform's response code asks the device to do.
public enum ResponseMeaning: Equatable, Sendable {
  /// 2.xx: done.
  case success
  /// The token is not, or no longer, valid: authenticate, then send again.
  case authenticateAgain
  /// The platform has a fault of its own: wait, then send again.
  case retryLater
  /// Not before Max-Age is over: 4.29 (RFC 8516) and 5.03 (RFC 7252 Section 5.9.3.4).
  case putOff
  /// Sending the same again would fail again.
  case refusal

  /// The meaning of an answer to `/auth`.
  public init(ofAuthentication code: Code) {
    switch code {
    // It asks for the next block of a body, and there is none.
    case .continue: self = .refusal
    case _ where code.isSuccess: self = .success
    case .internalServerError: self = .retryLater
    case .tooManyRequests, .serviceUnavailable: self = .putOff
    default: self = .refusal
    }
  }

  /// The meaning of an answer to a report.
  ///
  /// 4.01 is the guide's; the platform's own SDK v3 takes 4.02 for an invalid token too.
  public init(ofReport code: Code) {
    switch code {
    // It asks for the next block of a body, and there is none.
    case .continue: self = .refusal
    case _ where code.isSuccess: self = .success
    // conformance: 7252-5.9.2-a
    case .unauthorized, .badOption: self = .authenticateAgain
    case .internalServerError: self = .retryLater
    case .tooManyRequests, .serviceUnavailable: self = .putOff
    default: self = .refusal
    }
  }
}
