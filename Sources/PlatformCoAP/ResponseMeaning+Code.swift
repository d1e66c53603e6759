// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
public import Platform

extension ResponseMeaning {
  /// The meaning of a response to `/auth`.
  public init(ofAuthentication code: Code) {
    switch code {
    // 2.31 asks for the next block of a body that does not exist.
    case .continue: self = .refusal
    case _ where code.isSuccess: self = .success
    case .internalServerError: self = .retryLater
    case .tooManyRequests, .serviceUnavailable: self = .putOff
    default: self = .refusal
    }
  }

  /// The meaning of a response to a report.
  ///
  /// The guide specifies 4.01; the platform's own SDK v3 also treats 4.02 as an invalid token.
  public init(ofReport code: Code) {
    switch code {
    // 2.31 asks for the next block of a body that does not exist.
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
