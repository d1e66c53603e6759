public import AliyunIoT
public import CoAPSecurity
public import ConstrainedCore
public import OpenSSLSupport

/// What a device proves itself with in the DTLS mode with a pre-shared key.
public struct PreSharedKey: ~Copyable {
  /// The identity, in the clear on the wire: at most 152 bytes.
  public let identity: FixedBytes<256>

  /// The key: 32, 40 or 64 characters.
  public let key: SecretBytes

  /// Makes both of the device's names and its secret.
  public init(
    _ device: DeviceIdentity,
    secret: Span<UInt8>,
    request: PreSharedKeyRequest = PreSharedKeyRequest()
  ) throws(SecurityError) {
    var identity = FixedBytes<256>()
    var content = FixedBytes<256>()
    var digits = FixedBytes<64>()
    defer { digits.withStorage { wipe(&$0) } }
    do throws(CapacityError) {
      try identity.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeIdentity(device, into: &writer)
      }
      try content.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(device, into: &writer)
      }
    } catch {
      throw .capacity
    }
    do throws(OpenSSLError) {
      var signature = try request.signMethod.hash.hmac(key: secret, content: content.bytes)
      defer { signature.withStorage { wipe(&$0) } }
      digits.write { (writer: inout ByteWriter) in
        for index in 0..<signature.count {
          try? writer.append(Self.digit(signature.bytes[index] >> 4))
          try? writer.append(Self.digit(signature.bytes[index] & 0x0F))
        }
      }
    } catch {
      throw .library(code: error.code)
    }
    guard let key = SecretBytes(copying: digits.bytes) else { throw .library(code: 0) }
    self.identity = identity
    self.key = key
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x41 + value - 10
  }
}
