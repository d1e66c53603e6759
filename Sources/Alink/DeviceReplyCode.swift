// SPDX-License-Identifier: Apache-2.0
/// The code of a device's answer to a request from the platform: only the codes of device guide
/// 6.13.
public struct DeviceReplyCode: Hashable, Sendable {
  /// The number.
  public let rawValue: UInt64

  /// 200, 400, 460, 429, or the device's own from 100,000 to 110,000; `nil` for any other.
  public init?(rawValue: UInt64) {
    switch rawValue {
    case 200, 400, 429, 460, 100_000...110_000: self.rawValue = rawValue
    default: return nil
    }
  }

  /// What the exit status of a command that answers a request says: 0 is 200, 65 (EX_DATAERR of sysexits.h) 460, 75
  /// (EX_TEMPFAIL) 429, any other one 400.
  public init(exitStatus: Int32) {
    switch exitStatus {
    case 0: self = .success
    case 65: self = .parameterError
    case 75: self = .tooManyRequests
    default: self = .requestError
    }
  }

  private init(known rawValue: UInt64) { self.rawValue = rawValue }

  /// 200: success.
  public static var success: DeviceReplyCode { DeviceReplyCode(known: 200) }
  /// 400: an internal error of the device while processing the request.
  public static var requestError: DeviceReplyCode { DeviceReplyCode(known: 400) }
  /// 429: too many requests.
  public static var tooManyRequests: DeviceReplyCode { DeviceReplyCode(known: 429) }
  /// 460: invalid parameter.
  public static var parameterError: DeviceReplyCode { DeviceReplyCode(known: 460) }
}
