public import CoAPMessage
public import Platform

extension ResponseMeaning {
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
