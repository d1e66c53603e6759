// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// A gateway's proof of a sub-device: a signature with the sub-device's secret, for adding it to
/// the topology (device guide 6.3) and for its login (device guide 6.4).
public struct SubDeviceRequest: Sendable {
  /// The HMAC of the signature; the guide also lists plain SHA-256, without saying how the secret
  /// is used.
  public var signMethod: SignMethod

  /// Milliseconds since 1970, sent as a string and covered by the signature.
  public var timestamp: UInt64

  /// Whether to send and sign the client id; for the topology the guide leaves this to the gateway.
  public var includesClientID: Bool

  /// Creates a request with these fields.
  public init(
    signMethod: SignMethod = .hmacSHA1,
    timestamp: UInt64,
    includesClientID: Bool = true
  ) {
    self.signMethod = signMethod
    self.timestamp = timestamp
    self.includesClientID = includesClientID
  }

  /// Appends the signed text: `clientId…deviceName…productKey…timestamp…`.
  public func writeSigningContent(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    if includesClientID { try output.appendClientID(identity) }
    try output.appendNames(identity)
    try output.appendTimestamp(timestamp)
  }

  /// Appends one element of `params` of `thing.topo.add`, in the guide's order of fields.
  public func writeTopologyEntry<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    into writer: inout Writer
  ) throws(CapacityError) {
    try writer.beginObject()
    try writer.key("deviceName")
    try writer.string(identity.deviceName.bytes)
    try writer.key("productKey")
    try writer.string(identity.productKey.bytes)
    try writer.key("sign")
    try writer.hexadecimalString(signature, uppercase: false)
    try writer.key("signmethod")
    try writer.string(topologyName)
    try writer.key("timestamp")
    try writer.decimalString(timestamp)
    if includesClientID {
      try writer.key("clientId")
      try writer.string(identity.clientID.bytes)
    }
    try writer.endObject()
  }

  /// Appends `params` of a login at `/ext/session/…/combine/login`, in the guide's order of fields.
  ///
  /// The client id must be included, as the guide requires it there.
  public func writeLogin<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    cleansSession: Bool = true,
    into writer: inout Writer
  ) throws(CapacityError) {
    try writeLogin(
      identity,
      signature: signature,
      cleansSession: cleansSession,
      name: signMethod.wireName,
      into: &writer
    )
  }

  /// The same with another spelling of the sign method, or without it: a batch names it once.
  package func writeLogin<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    cleansSession: Bool,
    name: StaticString?,
    into writer: inout Writer
  ) throws(CapacityError) {
    precondition(includesClientID, "a login has a client id")
    try writer.beginObject()
    try writer.key("productKey")
    try writer.string(identity.productKey.bytes)
    try writer.key("deviceName")
    try writer.string(identity.deviceName.bytes)
    try writer.key("clientId")
    try writer.string(identity.clientID.bytes)
    try writer.key("timestamp")
    try writer.decimalString(timestamp)
    if let name {
      try writer.key("signMethod")
      try writer.string(name)
    }
    try writer.key("sign")
    try writer.hexadecimalString(signature, uppercase: false)
    try writer.key("cleanSession")
    try writer.string(cleansSession ? "true" : "false")
    try writer.endObject()
  }

  /// The sign method in the guide's spelling for the topology.
  private var topologyName: StaticString {
    switch signMethod {
    case .hmacMD5: "hmacMd5"
    case .hmacSHA1: "hmacSha1"
    case .hmacSHA256: "hmacSha256"
    }
  }
}
