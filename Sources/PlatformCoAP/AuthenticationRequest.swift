// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// The payload of `POST /auth` and the text that its signature covers (device guide 3.6).
public struct AuthenticationRequest: Sendable {
  /// The HMAC of the signature.
  public var signMethod: SignMethod

  #if DEVICE_ONLY
  // Neither the agent nor the C library exposes these.
  package var acknowledgementMode: AcknowledgementMode? { nil }
  package var timestamp: UInt64? { nil }
  #else
  /// Sent and signed only when set; the platform's default is piggybacked.
  public var acknowledgementMode: AcknowledgementMode?

  /// Milliseconds since 1970, sent and signed only if set; the platform does not check it against a
  /// window.
  public var timestamp: UInt64?
  #endif

  /// A number that is sent as a string and signed, in symmetric mode only.
  public var sequence: UInt32?

  /// Creates a request with these fields.
  public init(
    signMethod: SignMethod = .hmacMD5,
    acknowledgementMode: AcknowledgementMode? = nil,
    timestamp: UInt64? = nil,
    sequence: UInt32? = nil
  ) {
    self.signMethod = signMethod
    #if DEVICE_ONLY
    precondition(acknowledgementMode == nil && timestamp == nil, "a device sends neither")
    #else
    self.acknowledgementMode = acknowledgementMode
    self.timestamp = timestamp
    #endif
    self.sequence = sequence
  }

  /// Appends the signed text: name and value of each field in ASCII order of the names, without
  /// separators; `sign` and `signmethod` are left out (device guide 3.6).
  @inline(never)  // As for the payload: callers of both already have large frames.
  public func writeSigningContent(
    _ identity: borrowing @_addressable DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    if let acknowledgementMode {
      try output.append("ackMode")
      try output.append(decimal: UInt64(widening: acknowledgementMode.rawValue))
    }
    try output.append("clientId", then: identity.clientID.bytes)
    try output.append("deviceName", then: identity.deviceName.bytes)
    try output.append("productKey", then: identity.productKey.bytes)
    if let sequence {
      try output.append("seq")
      try output.append(decimal: UInt64(widening: sequence))
    }
    try output.appendTimestamp(timestamp)
  }

  /// Appends the JSON payload, in the guide's order of fields, with every value a string.
  ///
  /// `signature` is the HMAC's bytes; they are written in upper-case hexadecimal digits as the guide
  /// prints them for this mode.
  public func writePayload(
    _ identity: borrowing @_addressable DeviceIdentity,
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try writePayload(identity, signature: signature, as: JSONWriter.self, into: &output)
  }

  /// Writes the same from the start of `storage`, and returns its count.
  @inline(never)
  package func writePayload(
    _ identity: borrowing @_addressable DeviceIdentity,
    signature: Span<UInt8>,
    into storage: consuming MutableSpan<UInt8>
  ) throws(CapacityError) -> Int {
    var payload = JSONWriter(storage)
    try writeFields(identity, signature, into: &payload)
    return payload.count
  }

  /// The same in another format.
  ///
  /// Unverified: the device guide's table of Content-Formats (3.6) lists CBOR beside JSON, but
  /// gives no example, and no known client sends it.
  public func writePayload<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ identity: borrowing @_addressable DeviceIdentity,
    signature: Span<UInt8>,
    as writer: Writer.Type,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    var storage = InlineArray<640, UInt8>(repeating: 0)
    var payload = Writer(storage.mutableSpan)
    try writeFields(identity, signature, into: &payload)
    let count = payload.count
    try output.append(storage.span.extracting(0..<count))
  }

  private func writeFields<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ identity: borrowing @_addressable DeviceIdentity,
    _ signature: Span<UInt8>,
    into payload: inout Writer
  ) throws(CapacityError) {
    try payload.beginObject()
    try payload.field("productKey", identity.productKey.bytes)
    try payload.field("deviceName", identity.deviceName.bytes)
    try payload.field("clientId", identity.clientID.bytes)
    try payload.key("sign")
    try payload.hexadecimalString(signature, uppercase: true)
    if signMethod != .hmacMD5 {
      try payload.key("signmethod")
      try payload.string(signMethod.wireName)
    }
    if let acknowledgementMode {
      try payload.key("ackMode")
      try payload.decimalString(UInt64(widening: acknowledgementMode.rawValue))
    }
    if let sequence {
      try payload.key("seq")
      try payload.decimalString(UInt64(widening: sequence))
    }
    if let timestamp {
      try payload.key("timestamp")
      try payload.decimalString(timestamp)
    }
    try payload.endObject()
  }
}
