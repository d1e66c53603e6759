// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Identity and key of the platform's DTLS mode with a pre-shared key (protocol facts 2.1),
/// computed as in the platform's C SDK v4.
///
/// Unverified: whether the platform accepts other methods and timestamps.
public struct PreSharedKeyRequest: Sendable {
  /// The method that derives the key from the device secret; the SDK uses HMAC-SHA-256.
  public var signMethod: SignMethod

  /// A time in milliseconds since 1970, part of both texts; the SDK uses a constant.
  public var timestamp: UInt64

  /// Uses the SDK's values by default.
  public init(signMethod: SignMethod = .hmacSHA256, timestamp: UInt64 = 2_524_608_000_000) {
    self.signMethod = signMethod
    self.timestamp = timestamp
  }

  /// Appends `devicename|METHOD|PK&DN|TIMESTAMP`.
  public func writeIdentity(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append("devicename|")
    try output.append(signMethod.wireName)
    try output.append("|")
    try Self.writeNames(identity, into: &output)
    try output.append("|")
    try output.append(decimal: timestamp)
  }

  /// Appends the text whose HMAC, in upper-case hexadecimal, is the key.
  public func writeSigningContent(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append("id")
    try Self.writeNames(identity, into: &output)
    try output.append("timestamp")
    try output.append(decimal: timestamp)
  }

  private static func writeNames(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(identity.productKey.bytes)
    try output.append("&")
    try output.append(identity.deviceName.bytes)
  }
}
