// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
public import Platform

extension PlatformAddress {
  /// The URL for registration over HTTPS; the device guide's section 6.2 lists cn-shanghai only.
  public static func registrationURL(region: String = "cn-shanghai") -> String {
    "https://iot-auth.\(region).aliyuncs.com/auth/register/device"
  }

  /// The URL for authentication over HTTPS before connecting over MQTT (device guide 3.2).
  public static func mqttAuthenticationURL(region: String = "cn-shanghai") -> String {
    "https://iot-auth.\(region).aliyuncs.com/auth/devicename"
  }

  /// The URL for authentication before reporting over HTTPS; the device guide's section 3.8 lists
  /// cn-shanghai only.
  public static func httpsAuthenticationURL(region: String = "cn-shanghai") -> String {
    "https://iot-as-http.\(region).aliyuncs.com/auth"
  }
}
#endif
