// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension OptionNumber: CustomStringConvertible {
  /// The registered name; number and name for the platform's options; the number alone if it has no
  /// name.
  public var description: String {
    guard let name else { return "\(rawValue)" }
    return isPlatformOption ? "\(rawValue) \(name)" : name
  }

  /// Whether the platform took the number for itself (device guide 3.6); the name alone would not
  /// identify it.
  private var isPlatformOption: Bool {
    switch self {
    case .platformToken, .platformSequence, .platformMessageID, .legacyPlatformToken: true
    default: false
    }
  }

  /// The name in the registry of RFC 7252 Section 12.2, or the platform's own (device guide 3.6).
  public var name: String? {
    switch self {
    case .ifMatch: "If-Match"
    case .uriHost: "Uri-Host"
    case .eTag: "ETag"
    case .ifNoneMatch: "If-None-Match"
    case .observe: "Observe"
    case .uriPort: "Uri-Port"
    case .locationPath: "Location-Path"
    case OptionNumber(9): "OSCORE"  // RFC 8613
    case .uriPath: "Uri-Path"
    case .contentFormat: "Content-Format"
    case .maxAge: "Max-Age"
    case .uriQuery: "Uri-Query"
    case .hopLimit: "Hop-Limit"
    case .accept: "Accept"
    case OptionNumber(19): "Q-Block1"  // RFC 9177
    case .locationQuery: "Location-Query"
    case OptionNumber(21): "EDHOC"  // RFC 9668
    case .block2: "Block2"
    case .block1: "Block1"
    case .size2: "Size2"
    case OptionNumber(31): "Q-Block2"  // RFC 9177
    case .proxyURI: "Proxy-Uri"
    case .proxyScheme: "Proxy-Scheme"
    case .size1: "Size1"
    case .legacyPlatformToken, .platformToken: "token"
    case .echo: "Echo"
    case .noResponse: "No-Response"
    case .requestTag: "Request-Tag"
    case .platformSequence: "seq"
    case .platformMessageID: "message id"
    default: nil
    }
  }
}
#endif
