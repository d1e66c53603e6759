#if !hasFeature(Embedded)
public import Platform

extension PlatformAddress {
  /// The host of a product; the device guide's section 3.6 knows the region cn-shanghai only.
  public static func host(productKey: String, region: String = "cn-shanghai") -> String {
    "\(productKey).coap.\(region).link.aliyuncs.com"
  }
}
#endif
