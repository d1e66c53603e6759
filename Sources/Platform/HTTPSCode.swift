// SPDX-License-Identifier: Apache-2.0
/// The code in the platform's response over HTTPS, to `/auth` or to a report (device guide 3.8).
public struct HTTPSCode: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: UInt64

  /// The code of that number.
  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// 0: success.
  public static var success: HTTPSCode { HTTPSCode(rawValue: 0) }
  /// 10000: an error that the guide does not specify further.
  public static var commonError: HTTPSCode { HTTPSCode(rawValue: 10_000) }
  /// 10001: invalid parameter.
  public static var parameterError: HTTPSCode { HTTPSCode(rawValue: 10_001) }
  /// 20000: wrong signature, or unknown device.
  public static var authenticationError: HTTPSCode { HTTPSCode(rawValue: 20_000) }
  /// 20001: the token has expired.
  public static var tokenExpired: HTTPSCode { HTTPSCode(rawValue: 20_001) }
  /// 20002: the request has no token.
  public static var tokenMissing: HTTPSCode { HTTPSCode(rawValue: 20_002) }
  /// 20003: the platform never issued this token.
  public static var tokenError: HTTPSCode { HTTPSCode(rawValue: 20_003) }
  /// 20004: the platform could not store the session.
  public static var sessionError: HTTPSCode { HTTPSCode(rawValue: 20_004) }
  /// 30001: the platform could not forward the report.
  public static var publishError: HTTPSCode { HTTPSCode(rawValue: 30_001) }
  /// 40000: too many requests.
  public static var tooManyRequests: HTTPSCode { HTTPSCode(rawValue: 40_000) }

  /// The action required of the device; a code missing from the guide is a refusal.
  public var meaning: ResponseMeaning {
    switch self {
    case .success: .success
    case .tokenExpired, .tokenError: .authenticateAgain
    case .commonError, .sessionError, .publishError, .tooManyRequests: .retryLater
    default: .refusal
    }
  }
}

#if !hasFeature(Embedded)
extension HTTPSCode: CustomStringConvertible {
  /// The number and its explanation.
  public var description: String { "\(rawValue) \(explanation)" }

  /// States what the code means, and what to do.
  public var explanation: String {
    switch self {
    case .success: "success"
    case .commonError: "an error that the platform does not explain: try later"
    case .parameterError:
      "a parameter is wrong: compare topic, names, sign method and Content-Type with the device guide's 3.8"
    case .authenticationError:
      "the platform does not take the signature: check device secret, names and the clock, which may be 15 "
        + "minutes off"
    case .tokenExpired: "the token has expired: authenticate again"
    case .tokenMissing: "the request has no token: send it in the header password"
    case .tokenError: "the token is not the platform's: authenticate again"
    case .sessionError: "the platform could not keep the session: try later"
    case .publishError: "the platform could not pass the report on: try later"
    case .tooManyRequests: "too many requests: wait"
    default: "unknown to the device guide: check that host and port are the platform's"
    }
  }
}
#endif
