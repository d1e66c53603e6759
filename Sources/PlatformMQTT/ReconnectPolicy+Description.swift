// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension RestReason: CustomStringConvertible {
  /// Why, and what to do where something is to be done; whether and when a next try is made depends on who tells it.
  public var description: String {
    switch self {
    case .none: "nothing keeps the device from connecting"
    case .failed: "the last try to connect failed"
    case .lost: "the connection broke"
    case .malformed: "the platform sent what is not MQTT, and the connection was cut"
    case .oversized:
      "the platform announced or sent more than this device takes, and the connection was cut"
    case .closed: "the platform closed the connection"
    case .kicked:
      "the platform says that the same identity has connected elsewhere: check which other device or program uses "
        + "this device name"
    case .suspectedTwin:
      "the platform closed two connections within an hour: another device may use the same identity, check that"
    case .unauthenticated:
      "the platform does not authenticate the device over HTTPS, or does not take its token: check product key, "
        + "device name, device secret and that the device is enabled"
    case .refused(let code): "the platform refused the device, \(code): \(code.advice)"
    }
  }
}
#endif
