// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension SubDeviceReason: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .disconnected: "the gateway's connection has ended"
    case .silence: "the platform has not answered the login"
    case .loggedOut: "it was logged out"
    case .signing: "the login could not be signed: OpenSSL refused"
    case .code(let code): "\(code): \(Self.sentence(code))"
    }
  }

  /// The codes of device guide 5.
  private static func sentence(_ code: Int) -> String {
    switch code {
    case 427:
      "the same sub-device has connected elsewhere: see that no other gateway or device has its secret"
    case 428: "too many sub-devices are online over this gateway: log others out"
    case 429: "it has logged in too often within a minute: the next login waits"
    case 460: "the platform does not understand the request: check the names"
    case 500: "the platform has failed: the login is tried again"
    case 520: "the platform has no session of it: it logs in again"
    case 521: "it has been deleted in the console"
    case 522: "it is disabled in the console: enable it there"
    case 6_100: "the platform does not know it: register it, and check its names"
    case 6_287: "its sign does not fit: check the sub-device's secret"
    case 6_401: "it is not in the gateway's topology: add it by thing.topo.add"
    default: "a code that the device guide does not have"
    }
  }
}

extension SubDeviceError: CustomStringConvertible {
  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .unknown: "there is no such sub-device: add it first"
    case .isGateway: "a gateway is not its own sub-device (device guide 6.2, code 6402)"
    case .isThere: "the sub-device is there already"
    case .tooMany(let limit):
      "a gateway has at most \(limit) sub-devices (device guide 5, code 428)"
    case .secret(let count): "a secret has 1 to 128 bytes, not \(count)"
    }
  }
}
#endif
