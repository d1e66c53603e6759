// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension ConnackCode: CustomStringConvertible {
  /// The number, its reading by the standard and, where it differs, that of the platform's public SDKs.
  public var description: String {
    guard let standardMeaning else { return "CONNACK \(rawValue), which MQTT 3.1.1 reserves" }
    guard let publicMeaning, publicMeaning != standardMeaning else {
      return "CONNACK \(rawValue): \(standardMeaning)"
    }
    return
      "CONNACK \(rawValue): \(standardMeaning) (MQTT 3.1.1), or, as the platform's public SDKs "
      + "read it, \(publicMeaning)"
  }

  /// What to check, for a person.
  public var advice: String {
    switch self {
    case .accepted: "nothing is wrong"
    case .protocolVersion:
      "the server does not take this version of MQTT, and the platform takes 3.1.1: check host and port"
    case .identifier:
      "check product key, device name, client id and sign method, and whether the device exists in this region"
    case .unavailable:
      "try again later; after authentication over HTTPS the token is not taken any more, so authenticate again"
    case .credentials: "check the device secret and the sign method"
    case .notAuthorized:
      "check that the device exists, is enabled and belongs to this region or instance, and its secret"
    default: "try again later, and ask the platform what the number means"
    }
  }
}

extension ConnackMeaning: CustomStringConvertible {
  /// The meaning in words.
  public var description: String {
    switch self {
    case .accepted: "accepted"
    case .protocolVersion: "unacceptable protocol version"
    case .identifier: "client id refused"
    case .unavailable: "server unavailable"
    case .credentials: "bad user name or password"
    case .notAuthorized: "not authorized"
    }
  }
}
#endif
