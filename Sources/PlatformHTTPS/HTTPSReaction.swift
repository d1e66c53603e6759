// SPDX-License-Identifier: Apache-2.0
public import Platform

/// What an answer over HTTPS asks of the device: the platform's code, where there is one, beside the HTTP status.
///
/// Unverified: the guide's section 3.8 has codes alone and says nothing of the status beside them.
public enum HTTPSReaction: Equatable, Sendable {
  /// The platform has accepted what was sent.
  case accepted
  /// The platform does not take the token any more: authenticate, then send again.
  case authenticateAgain
  /// Send again later.
  case later
  /// The platform does not take the device's credentials.
  case credentials
  /// The platform would refuse the same request at any later time.
  case refused
  /// This is no answer of the platform, or none that the guide has.
  case foreign

  /// The reaction to a status and the code in the body, `nil` where the body is no answer of the platform.
  ///
  /// Only a code of the guide refuses for good: a status alone, a page, or a code that the guide does not have may come
  /// from a proxy or another front end, which says nothing of the request itself.
  ///
  /// Between 200 and 299 the code decides, and an answer without one is not the platform's. Beside another status a
  /// code other than 0 decides too, but what it refuses is tried later where the status is a temporary one: 408, 425,
  /// 429, 500 and above. Without a code, such a status is tried later, and 401 is taken as an expired token.
  public init(status: UInt16, code: HTTPSCode?) {
    let isTemporary = status == 408 || status == 425 || status == 429 || status >= 500
    let isGood = status >= 200 && status < 300
    if let code, isGood || code != .success {
      let reaction = Self(code)
      self = isTemporary && (reaction == .refused || reaction == .foreign) ? .later : reaction
    } else if isTemporary {
      self = .later
    } else if status == 401 {
      self = .authenticateAgain
    } else {
      self = .foreign
    }
  }

  private init(_ code: HTTPSCode) {
    switch code {
    // Both say that the device is not known by what it has sent; the next report fares no better.
    case .authenticationError, .tokenMissing: self = .credentials
    default:
      self =
        switch code.meaning {
        case .success: .accepted
        case .authenticateAgain: .authenticateAgain
        case .retryLater, .putOff: .later
        case .refusal: code == .parameterError ? .refused : .foreign
        }
    }
  }
}
