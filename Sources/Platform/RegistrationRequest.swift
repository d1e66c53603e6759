// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding

/// Dynamic registration: a device that has its product's secret requests a secret of its own.
///
/// All three ways sign the same text with an HMAC keyed with the product secret: over HTTPS (device
/// guide 6.2) with `writeForm`, over CoAP as in the platform's C SDK v4 with `writeJSON` (protocol
/// facts 2.1), over MQTT with `MQTTRegistrationRequest`.
public struct RegistrationRequest: Sendable {
  /// The path on the HTTPS and the CoAP server.
  public static var path: StaticString { "/auth/register/device" }

  /// The HMAC of the signature.
  public var signMethod: SignMethod

  /// The random text covered by the signature: 1 to 32 letters and digits.
  public let random: FixedBytes<32>

  private let identity: DeviceIdentity

  /// Creates a request for a device, with the caller's random text.
  public init(
    _ identity: DeviceIdentity,
    random: Span<UInt8>,
    signMethod: SignMethod = .hmacSHA256
  ) throws(RegistrationRequestError) {
    guard random.count > 0, DeviceIdentity.isName(random, with: "") else { throw .random }
    do throws(CapacityError) {
      self.random = try FixedBytes(copying: random)
    } catch {
      throw .random
    }
    self.identity = identity
    self.signMethod = signMethod
  }

  /// Creates a request for a device; its random text is 24 upper-case hexadecimal digits, as in the
  /// platform's C SDK v4.
  ///
  /// It uses 96 bits of the arguments, which must be unpredictable.
  public init(
    _ identity: DeviceIdentity,
    drawing source: inout some RandomSource,
    signMethod: SignMethod = .hmacSHA256
  ) {
    var bytes = InlineArray<12, UInt8>(repeating: 0)
    var bits = source.next()
    for index in 0..<12 {
      if index == 8 { bits = source.next() }
      bytes[index] = UInt8(truncatingIfNeeded: bits)
      bits = bits &>> 8
    }
    var digits = FixedBytes<32>()
    digits.write { (writer: inout ByteWriter) in
      try? writer.append(hexadecimal: bytes.span, uppercase: true)
    }
    random = digits
    self.identity = identity
    self.signMethod = signMethod
  }

  /// Appends the signed text: `deviceName…productKey…random…` (device guide 6.2).
  public func writeSigningContent(into output: inout ByteWriter) throws(CapacityError) {
    try output.appendNames(identity)
    try output.append("random")
    try output.append(random.bytes)
  }

  /// Appends the body of the HTTPS request, `application/x-www-form-urlencoded`, in the guide's
  /// order of fields.
  ///
  /// `signature` is the HMAC's bytes. The guide does not specify the case of its digits here;
  /// elsewhere it says that the case does not matter (device guide 3.8).
  public func writeForm(
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    let start = output.count
    do throws(CapacityError) {
      try output.appendField("productKey", isFirst: true)
      try output.append(form: identity.productKey.bytes)
      try output.appendField("deviceName")
      try output.append(form: identity.deviceName.bytes)
      try output.appendField("random")
      try output.append(form: random.bytes)
      try output.appendField("sign")
      try output.append(hexadecimal: signature)
      try output.appendField("signMethod")
      try output.append(signMethod.wireName)
    } catch {
      output.truncate(to: start)
      throw error
    }
  }

  /// Appends the payload of the CoAP request, in the order of fields of the platform's C SDK v4.
  ///
  /// Unverified: no document of the platform describes registration over CoAP.
  public func writeJSON(
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    var storage = InlineArray<384, UInt8>(repeating: 0)
    var json = JSONWriter(storage.mutableSpan)
    try json.beginObject()
    try json.key("signmethod")
    try json.string(signMethod.wireName)
    try json.key("deviceName")
    try json.string(identity.deviceName.bytes)
    try json.key("productKey")
    try json.string(identity.productKey.bytes)
    try json.key("random")
    try json.string(random.bytes)
    try json.key("sign")
    try json.hexadecimalString(signature, uppercase: false)
    try json.endObject()
    try output.append(json.written)
  }
}

/// Why a registration request is invalid.
public enum RegistrationRequestError: Error, Equatable, Sendable {
  /// The random text is empty, longer than 32 bytes, or not only letters and digits.
  case random
}
