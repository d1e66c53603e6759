// SPDX-License-Identifier: Apache-2.0
/// The code of a reply (device guide 3.2 and 4 to 6); a device's own answers have a `DeviceReplyCode`.
public struct AlinkCode: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: UInt64

  /// The code of that number.
  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Whether the request succeeded: 200, and 1000 for firmware.
  public var isSuccess: Bool { self == .success || self == .firmware }

  /// 200: success.
  public static var success: AlinkCode { AlinkCode(rawValue: 200) }
  /// 1000: firmware is on offer.
  public static var firmware: AlinkCode { AlinkCode(rawValue: 1_000) }
  /// 400: an internal error while processing the request.
  public static var requestError: AlinkCode { AlinkCode(rawValue: 400) }
  /// 401: a sub-device's signature is wrong.
  public static var unauthorized: AlinkCode { AlinkCode(rawValue: 401) }
  /// 427: the device has connected from elsewhere.
  public static var connectedElsewhere: AlinkCode { AlinkCode(rawValue: 427) }
  /// 428: too many sub-devices of the gateway are online.
  public static var tooManySubDevices: AlinkCode { AlinkCode(rawValue: 428) }
  /// 429: too many requests.
  public static var tooManyRequests: AlinkCode { AlinkCode(rawValue: 429) }
  /// 460: invalid parameter.
  public static var parameterError: AlinkCode { AlinkCode(rawValue: 460) }
  /// 500: an internal server error; for a firmware request, no firmware is available.
  public static var serverError: AlinkCode { AlinkCode(rawValue: 500) }
  /// 520: the sub-device has no session.
  public static var noSession: AlinkCode { AlinkCode(rawValue: 520) }
  /// 521: the device was deleted.
  public static var deviceDeleted: AlinkCode { AlinkCode(rawValue: 521) }
  /// 522: the device is disabled.
  public static var deviceForbidden: AlinkCode { AlinkCode(rawValue: 522) }
  /// 5001: unknown device, in the answer to an authentication over HTTPS (3.2).
  public static var unknownDevice: AlinkCode { AlinkCode(rawValue: 5_001) }
  /// 6100: the device does not exist.
  public static var deviceNotFound: AlinkCode { AlinkCode(rawValue: 6_100) }
  /// 6106: more than 200 properties.
  public static var tooManyProperties: AlinkCode { AlinkCode(rawValue: 6_106) }
  /// 6200: the device must authenticate in another way (3.2).
  public static var authenticationType: AlinkCode { AlinkCode(rawValue: 6_200) }
  /// 6250: the product does not exist.
  public static var productNotFound: AlinkCode { AlinkCode(rawValue: 6_250) }
  /// 6280: a device name breaks the rule.
  public static var deviceName: AlinkCode { AlinkCode(rawValue: 6_280) }
  /// 6287: a sub-device's signature is wrong.
  public static var invalidSign: AlinkCode { AlinkCode(rawValue: 6_287) }
  /// 6313: the check against the thing model is out of service.
  public static var modelUnavailable: AlinkCode { AlinkCode(rawValue: 6_313) }
  /// 6321: the device is not in the product.
  public static var modelNotFound: AlinkCode { AlinkCode(rawValue: 6_321) }
  /// 6401: the sub-device is not under the gateway.
  public static var noTopology: AlinkCode { AlinkCode(rawValue: 6_401) }
  /// 6402: a gateway cannot be its own sub-device.
  public static var ownSubDevice: AlinkCode { AlinkCode(rawValue: 6_402) }
  /// 6710: no configuration exists.
  public static var noConfiguration: AlinkCode { AlinkCode(rawValue: 6_710) }
  /// 6713: remote configuration is off for the product.
  public static var configurationOff: AlinkCode { AlinkCode(rawValue: 6_713) }
}
