// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import HTTPSLayer
internal import Platform
internal import PlatformHTTPS

extension HTTPSLinkFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .transfer(let failure): failure.description
    case .code(let code, 200):
      "the platform refused with code \(code.rawValue): \(code.explanation)"
    case .code(let code, let status):
      "the platform refused with code \(code.rawValue) and HTTP status \(status): \(code.explanation)"
    case .status(let status) where status >= 300 && status < 400:
      "the server redirects (HTTP status \(status)), which is not followed: check host and port"
    case .status(let status):
      "the server answered with HTTP status \(status) and no code of the platform: check host and port"
    case .answer(let error): "\(error): check that host and port are the platform's"
    case .signing: "OpenSSL could not sign the request: check its installation"
    case .memory: "there is no memory for the request: try again"
    }
  }
}

extension HTTPSSettingsError: CustomStringConvertible {
  /// What is wrong, and what is taken.
  public var description: String {
    switch self {
    case .signMethod:
      "over HTTPS the platform takes hmacmd5 and hmacsha1 only (device guide 3.8)"
    case .limits:
      "the longest body is 1 to 131,072 bytes over HTTPS, and times and rates are more than 0"
    }
  }
}
#endif
