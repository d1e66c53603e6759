// SPDX-License-Identifier: Apache-2.0
/// The code of an Alink reply (device guide 6).
public struct ReplyCode: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: Int

  /// The code of that number.
  public init(rawValue: Int) {
    self.rawValue = rawValue
  }

  /// 200: success.
  public static let success = ReplyCode(rawValue: 200)
  /// 401: a sub-device's authentication failed.
  public static let authenticationError = ReplyCode(rawValue: 401)
  /// 427: the sub-device is online elsewhere (device guide 5).
  public static let connectedElsewhere = ReplyCode(rawValue: 427)
  /// 428: the gateway already has 1,500 sub-devices (device guide 5).
  public static let tooManySubDevices = ReplyCode(rawValue: 428)
  /// 429: the sub-device has logged in five times within a minute (device guide 5).
  public static let tooManyRequests = ReplyCode(rawValue: 429)
  /// 460: the envelope or its parameters are wrong.
  public static let parameterError = ReplyCode(rawValue: 460)
  /// 500: no firmware is available for the device (device guide 6.11).
  public static let noUpgrade = ReplyCode(rawValue: 500)
  /// 520: the sub-device is not online over this connection (device guide 5).
  public static let noSession = ReplyCode(rawValue: 520)
  /// 521: the sub-device has been deleted (device guide 5).
  public static let deviceDeleted = ReplyCode(rawValue: 521)
  /// 522: the sub-device is disabled (device guide 5).
  public static let deviceForbidden = ReplyCode(rawValue: 522)
  /// 1000: the reply contains the firmware (device guide 6.11).
  public static let firmware = ReplyCode(rawValue: 1_000)
  /// 6100: the sub-device does not exist.
  public static let deviceNotFound = ReplyCode(rawValue: 6_100)
  /// 6106: more than 200 properties.
  public static let tooManyProperties = ReplyCode(rawValue: 6_106)
  /// 6250: the product does not exist.
  public static let productNotFound = ReplyCode(rawValue: 6_250)
  /// 6280: a device name breaks the rule.
  public static let wrongDeviceName = ReplyCode(rawValue: 6_280)
  /// 6287: a sub-device's sign does not fit its secret (device guide 5).
  public static let invalidSign = ReplyCode(rawValue: 6_287)
  /// 6313: the thing model service is unavailable.
  public static let modelUnavailable = ReplyCode(rawValue: 6_313)
  /// 6321: the product has no thing model.
  public static let noModel = ReplyCode(rawValue: 6_321)
  /// 6401: the sub-device is not the gateway's (device guide 5).
  public static let noTopology = ReplyCode(rawValue: 6_401)
  /// 6402: a gateway cannot be its own sub-device.
  public static let ownSubDevice = ReplyCode(rawValue: 6_402)
  /// 6710: no remote configuration exists.
  public static let noData = ReplyCode(rawValue: 6_710)
  /// 6713: remote configuration is switched off.
  public static let configurationUnavailable = ReplyCode(rawValue: 6_713)

  /// The guide's text for the code.
  public var message: String {
    switch self {
    case .success, .firmware: "success"
    case .authenticationError: "request auth error"
    case .connectedElsewhere: "device connect in elsewhere"
    case .tooManyRequests: "too many requests"
    case .noSession: "device no session"
    case .deviceDeleted: "device deleted"
    case .deviceForbidden: "device forbidden"
    case .invalidSign: "invalid sign"
    case .tooManySubDevices: "too many subdevices under gateway"
    case .parameterError: "request parameter error"
    case .noUpgrade: "none upgrade operation of the device."
    case .deviceNotFound: "device not found"
    case .tooManyProperties: "map size must less than 200"
    case .productNotFound: "product not found"
    case .wrongDeviceName: "devicename not meet specs"
    case .modelUnavailable: "tsl service not available"
    case .noModel: "tsl: device not exist in product"
    case .noTopology: "topo relation not exist"
    case .ownSubDevice: "topo relation cannot add by self"
    case .noData: "no data"
    case .configurationUnavailable: "thing config function is not available"
    default: "error"
    }
  }
}
