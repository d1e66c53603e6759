// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
public import Platform

extension PlatformAddress {
  /// The CoAP host for a product; the device guide's section 3.6 lists only the region cn-shanghai.
  public static func host(productKey: String, region: String = "cn-shanghai") -> String {
    "\(productKey).coap.\(region).link.aliyuncs.com"
  }
}
#endif
