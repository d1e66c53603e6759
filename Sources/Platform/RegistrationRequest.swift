public import ConstrainedCore
internal import PayloadCoding

/// Dynamic registration: a device that knows its product's secret asks for a secret of its own.
///
/// The three ways have one signed text, whose HMAC is keyed with the product secret: over HTTPS
/// (device guide 6.2) with `writeForm`, over CoAP as the platform's C SDK v4 does with `writeJSON`
/// (protocol facts 2.1), over MQTT with `MQTTRegistrationRequest`.
public struct RegistrationRequest: Sendable {
  /// The path on either server.
  public static var path: StaticString { "/auth/register/device" }

  /// How it is signed.
  public var signMethod: SignMethod

  /// The random text that is signed: 1 to 32 letters and digits.
  public let random: FixedBytes<32>

  private let identity: DeviceIdentity

  /// A request for a device, with a random text of the caller's.
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

  /// A request for a device, its random text 24 upper-case hexadecimal digits as the platform's C
  /// SDK v4 makes them.
  ///
  /// 96 bits are taken, which must be unpredictable.
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

  /// Appends what is signed: `deviceName…productKey…random…` (device guide 6.2).
  public func writeSigningContent(into output: inout ByteWriter) throws(CapacityError) {
    try output.appendNames(identity)
    try output.append("random")
    try output.append(random.bytes)
  }

  /// Appends the body of the HTTPS request, `application/x-www-form-urlencoded`, its fields in the
  /// guide's order.
  ///
  /// `signature` is the HMAC's bytes; the guide does not say in which case its digits are, and
  /// elsewhere that it does not matter (device guide 3.8).
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

  /// Appends the payload of the CoAP request, its fields in the order of the platform's C SDK v4.
  ///
  /// Unverified: no document of the platform tells of registration over CoAP.
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

/// Why a registration cannot be asked for.
public enum RegistrationRequestError: Error, Equatable, Sendable {
  /// The random text is empty, longer than 32 bytes, or not letters and digits alone.
  case random
}
