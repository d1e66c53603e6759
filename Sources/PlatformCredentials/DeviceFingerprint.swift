// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import OpenSSLSupport
public import Platform

/// Binds a stored session to its device: SHA-256 over the device, its secret, the endpoint and the
/// mode.
///
/// A session of another device or platform is therefore never resumed by mistake.
public enum DeviceFingerprint {
  /// `endpoint` is the host or address that the device connects to, at most 262 bytes; `mode` is a
  /// number for the security mode.
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

  /// Prefixes the length, so that different devices never hash the same bytes.
  @inline(never)
  private static func append(_ bytes: Span<UInt8>, to writer: inout ByteWriter) {
    try? writer.append(UInt8(truncatingIfNeeded: bytes.count))
    try? writer.append(bytes)
  }
}
