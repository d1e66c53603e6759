/// The code of the platform's answer over HTTPS, to `/auth` or to a report (device guide 3.8).
public struct HTTPSCode: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: UInt64

  /// The code of that number.
  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// 0: done.
  public static var success: HTTPSCode { HTTPSCode(rawValue: 0) }
  /// 10000: an error that the guide does not tell apart.
  public static var commonError: HTTPSCode { HTTPSCode(rawValue: 10_000) }
  /// 10001: a parameter is wrong.
  public static var parameterError: HTTPSCode { HTTPSCode(rawValue: 10_001) }
  /// 20000: the signature or the device is not what the platform knows.
  public static var authenticationError: HTTPSCode { HTTPSCode(rawValue: 20_000) }
  /// 20001: the token has expired.
  public static var tokenExpired: HTTPSCode { HTTPSCode(rawValue: 20_001) }
  /// 20002: the request has no token.
  public static var tokenMissing: HTTPSCode { HTTPSCode(rawValue: 20_002) }
  /// 20003: the token is none that the platform gave.
  public static var tokenError: HTTPSCode { HTTPSCode(rawValue: 20_003) }
  /// 20004: the platform could not keep the session.
  public static var sessionError: HTTPSCode { HTTPSCode(rawValue: 20_004) }
  /// 30001: the platform could not pass the report on.
  public static var publishError: HTTPSCode { HTTPSCode(rawValue: 30_001) }
  /// 40000: too many requests.
  public static var tooManyRequests: HTTPSCode { HTTPSCode(rawValue: 40_000) }

  /// What it asks the device to do; a code that the guide does not know is a refusal.
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
  /// The number and what it means.
  public var description: String { "\(rawValue) \(explanation)" }

  /// What it means, and what to do.
  public var explanation: String {
    switch self {
    case .success: "success"
    case .commonError: "an error that the platform does not explain: try later"
    case .parameterError:
      "a parameter is wrong: compare names, sign method and Content-Type with the device guide's 3.8"
    case .authenticationError:
      "the platform does not take the signature: check device secret, names and the clock, which may be 15 "
        + "minutes off"
    case .tokenExpired: "the token has expired: authenticate again"
    case .tokenMissing: "the request has no token: send it in the header password"
    case .tokenError: "the token is not the platform's: authenticate again"
    case .sessionError: "the platform could not keep the session: try later"
    case .publishError: "the platform could not pass the report on: try later"
    case .tooManyRequests: "too many requests: wait"
    default: "unknown to the device guide"
    }
  }
}
#endif
