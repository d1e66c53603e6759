// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding
public import Platform

/// Authenticates a device over HTTPS, for reports over HTTPS (device guide 3.8) or for an MQTT
/// connection (device guide 3.2).
public struct HTTPSAuthenticationRequest: Sendable {
  /// The HMAC of the signature, keyed with the device secret; the guide does not list SHA-256 for
  /// reports.
  public var signMethod: SignMethod

  /// Milliseconds since 1970, sent and signed only if set.
  ///
  /// For reports the platform accepts a difference of up to 15 minutes; for MQTT it does not check.
  public var timestamp: UInt64?

  /// Creates a request with these fields.
  public init(signMethod: SignMethod = .hmacMD5, timestamp: UInt64? = nil) {
    self.signMethod = signMethod
    self.timestamp = timestamp
  }

  /// Appends the signed text: `clientId…deviceName…productKey…timestamp…`; `version`, `resources`,
  /// `sign` and `signmethod` are left out.
  public func writeSigningContent(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.appendClientID(identity)
    try output.appendNames(identity)
    try output.appendTimestamp(timestamp)
  }

  /// Appends the JSON of `POST /auth` for reports, in the guide's order of fields, with every value
  /// a string and the signature in upper-case hexadecimal as the guide prints it.
  public func writeJSON(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    var storage = InlineArray<640, UInt8>(repeating: 0)
    var json = JSONWriter(storage.mutableSpan)
    try json.beginObject()
    try json.key("version")
    try json.string("default")
    try json.key("clientId")
    try json.string(identity.clientID.bytes)
    try json.key("signmethod")
    try json.string(signMethod.wireName)
    try json.key("sign")
    try json.hexadecimalString(signature, uppercase: true)
    try json.key("productKey")
    try json.string(identity.productKey.bytes)
    try json.key("deviceName")
    try json.string(identity.deviceName.bytes)
    if let timestamp {
      try json.key("timestamp")
      try json.decimalString(timestamp)
    }
    try json.endObject()
    try output.append(json.written)
  }

  /// Appends the form of `POST /auth/devicename` for MQTT, in the guide's order of fields, followed
  /// by the sign method.
  public func writeForm(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    let start = output.count
    do throws(CapacityError) {
      try output.appendField("productKey", isFirst: true)
      try output.append(form: identity.productKey.bytes)
      try output.appendField("sign")
      try output.append(hexadecimal: signature)
      if let timestamp {
        try output.appendField("timestamp")
        try output.append(decimal: timestamp)
      }
      try output.append("&version=default")
      try output.appendField("clientId")
      try output.append(form: identity.clientID.bytes)
      try output.append("&resources=mqtt")
      try output.appendField("deviceName")
      try output.append(form: identity.deviceName.bytes)
      try output.appendField("signmethod")
      try output.append(signMethod.wireName)
    } catch {
      output.truncate(to: start)
      throw error
    }
  }
}
