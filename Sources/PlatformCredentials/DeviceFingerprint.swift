public import ConstrainedCore
public import OpenSSLSupport
public import Platform

/// What a kept session is bound to: SHA-256 over the device, its secret, the endpoint and the mode.
///
/// A session of another device, or of another platform, is so not used by mistake.
public enum DeviceFingerprint {
  /// `endpoint` is what the device connects to, at most 262 bytes, `mode` a number for what protects it.
  public static func make(
    _ identity: DeviceIdentity,
    secret: borrowing SecretBytes,
    endpoint: Span<UInt8>,
    mode: UInt8
  ) throws(OpenSSLError) -> FixedBytes<32> {
    var content = FixedBytes<640>()
    defer { content.withStorage { wipe(&$0) } }
    content.write { (writer: inout ByteWriter) in
      try? writer.append(mode)
      append(identity.productKey.bytes, to: &writer)
      append(identity.deviceName.bytes, to: &writer)
      append(identity.clientID.bytes, to: &writer)
      append(secret.bytes, to: &writer)
      append(endpoint, to: &writer)
    }
    return try Hash.sha256.digest(of: content.bytes)
  }

  /// With its length, so that two different devices never have the same content.
  @inline(never)
  private static func append(_ bytes: Span<UInt8>, to writer: inout ByteWriter) {
    try? writer.append(UInt8(truncatingIfNeeded: bytes.count))
    try? writer.append(bytes)
  }
}
