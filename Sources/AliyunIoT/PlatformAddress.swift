public import ConstrainedCore

/// Where the platform listens (device guide 3.6).
public enum PlatformAddress {
  /// The port of the symmetric mode.
  public static let symmetricPort: UInt16 = 5682

  /// The port of DTLS.
  public static let dtlsPort: UInt16 = 5684

  /// Appends the host of a product, `PRODUCTKEY.coap.REGION.link.aliyuncs.com`; the guide knows the
  /// region cn-shanghai only.
  public static func writeHost(
    productKey: Span<UInt8>,
    region: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(productKey)
    try output.append(".coap.")
    try output.append(region)
    try output.append(".link.aliyuncs.com")
  }
}
