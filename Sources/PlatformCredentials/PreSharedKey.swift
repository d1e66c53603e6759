// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import OpenSSLSupport
public import Platform
public import SecurityLayer

/// The credentials of a device in the DTLS mode with a pre-shared key.
public struct PreSharedKey: ~Copyable {
  /// The identity, in the clear on the wire: at most 152 bytes.
  public let identity: FixedBytes<256>

  /// The key: 32, 40 or 64 characters.
  public let key: SecretBytes

  /// Derives identity and key from the device's names and its secret.
  public init(
    _ device: borrowing @_addressable DeviceIdentity,
    secret: Span<UInt8>,
    request: PreSharedKeyRequest = PreSharedKeyRequest()
  ) throws(SecurityError) {
    let identity = try Self.identity(of: device, request)
    var digits = try Self.digits(for: device, secret, request)
    let copy = SecretBytes(copying: digits.bytes)
    digits.withStorage { wipe(&$0) }
    guard let key = copy else { throw .library(code: 0) }
    self.identity = identity
    self.key = key
  }

  private static func identity(
    of device: borrowing @_addressable DeviceIdentity,
    _ request: PreSharedKeyRequest
  ) throws(SecurityError) -> FixedBytes<256> {
    var identity = FixedBytes<256>()
    do throws(CapacityError) {
      try identity.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeIdentity(device, into: &writer)
      }
    } catch {
      throw .capacity
    }
    return identity
  }

  /// The HMAC as upper-case hexadecimal.
  private static func digits(
    for device: borrowing @_addressable DeviceIdentity,
    _ secret: Span<UInt8>,
    _ request: PreSharedKeyRequest
  ) throws(SecurityError) -> FixedBytes<64> {
    var signature = try request.signMethod.signature(key: secret) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(device, into: &writer)
    }
    var digits = FixedBytes<64>()
    digits.write { (writer: inout ByteWriter) in
      try? writer.append(hexadecimal: signature.bytes, uppercase: true)
    }
    signature.withStorage { wipe(&$0) }
    return digits
  }
}
