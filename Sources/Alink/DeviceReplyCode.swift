/// The code of a device's answer to a request of the platform: those of device guide 6.13, and no others.
public struct DeviceReplyCode: Hashable, Sendable {
  /// The number.
  public let rawValue: UInt64

  /// 200, 400, 460, 429, or 100,000 to 110,000, which are the device's own; `nil` for any other.
  public init?(rawValue: UInt64) {
    switch rawValue {
    case 200, 400, 429, 460, 100_000...110_000: self.rawValue = rawValue
    default: return nil
    }
  }

  private init(known rawValue: UInt64) { self.rawValue = rawValue }

  /// 200: done.
  public static var success: DeviceReplyCode { DeviceReplyCode(known: 200) }
  /// 400: an error of the device's own while it worked on the request.
  public static var requestError: DeviceReplyCode { DeviceReplyCode(known: 400) }
  /// 429: too many requests.
  public static var tooManyRequests: DeviceReplyCode { DeviceReplyCode(known: 429) }
  /// 460: a parameter is wrong.
  public static var parameterError: DeviceReplyCode { DeviceReplyCode(known: 460) }
}
