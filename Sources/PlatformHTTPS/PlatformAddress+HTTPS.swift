#if !hasFeature(Embedded)
public import Platform

extension PlatformAddress {
  /// Where a device registers over HTTPS; the device guide's section 6.2 knows cn-shanghai only.
  public static func registrationURL(region: String = "cn-shanghai") -> String {
    "https://iot-auth.\(region).aliyuncs.com/auth/register/device"
  }

  /// Where a device authenticates over HTTPS before it connects over MQTT (device guide 3.2).
  public static func mqttAuthenticationURL(region: String = "cn-shanghai") -> String {
    "https://iot-auth.\(region).aliyuncs.com/auth/devicename"
  }

  /// Where a device authenticates before it reports over HTTPS; the device guide's section 3.8 knows
  /// cn-shanghai only.
  public static func httpsAuthenticationURL(region: String = "cn-shanghai") -> String {
    "https://iot-as-http.\(region).aliyuncs.com/auth"
  }
}
#endif
