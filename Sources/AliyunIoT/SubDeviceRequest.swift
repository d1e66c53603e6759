public import ConstrainedCore
internal import PayloadCoding

/// How a gateway proves that a sub-device is one: signed with the sub-device's secret, for its place
/// in the topology (device guide 6.3) and for its login (device guide 6.4).
public struct SubDeviceRequest: Sendable {
  /// How it is signed; the guide lists a plain SHA-256 too, without saying how the secret enters.
  public var signMethod: SignMethod

  /// Milliseconds since 1970, sent as a string and signed.
  public var timestamp: UInt64

  /// Whether the client id is sent and signed; the guide leaves it to the gateway for the topology.
  public var includesClientID: Bool

  /// A request with these fields.
  public init(
    signMethod: SignMethod = .hmacSHA1,
    timestamp: UInt64,
    includesClientID: Bool = true
  ) {
    self.signMethod = signMethod
    self.timestamp = timestamp
    self.includesClientID = includesClientID
  }

  /// Appends what is signed: `clientId…deviceName…productKey…timestamp…`.
  public func writeSigningContent(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    if includesClientID { try output.appendClientID(identity) }
    try output.appendNames(identity)
    try output.appendTimestamp(timestamp)
  }

  /// Appends one element of `params` of `thing.topo.add`, in the guide's order.
  public func writeTopologyEntry(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    var storage = InlineArray<640, UInt8>(repeating: 0)
    var json = JSONWriter(storage.mutableSpan)
    try json.beginObject()
    try json.key("deviceName")
    try json.string(identity.deviceName.bytes)
    try json.key("productKey")
    try json.string(identity.productKey.bytes)
    try json.key("sign")
    try json.hexadecimalString(signature, uppercase: false)
    try json.key("signmethod")
    try json.string(topologyName)
    try json.key("timestamp")
    try json.decimalString(timestamp)
    if includesClientID {
      try json.key("clientId")
      try json.string(identity.clientID.bytes)
    }
    try json.endObject()
    try output.append(json.written)
  }

  /// Appends `params` of a login at `/ext/session/…/combine/login`, in the guide's order.
  ///
  /// The client id must be included: the guide demands it there.
  public func writeLogin(
    _ identity: DeviceIdentity,
    signature: Span<UInt8>,
    cleansSession: Bool = true,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    precondition(includesClientID, "a login has a client id")
    var storage = InlineArray<640, UInt8>(repeating: 0)
    var json = JSONWriter(storage.mutableSpan)
    try json.beginObject()
    try json.key("productKey")
    try json.string(identity.productKey.bytes)
    try json.key("deviceName")
    try json.string(identity.deviceName.bytes)
    try json.key("clientId")
    try json.string(identity.clientID.bytes)
    try json.key("timestamp")
    try json.decimalString(timestamp)
    try json.key("signMethod")
    try json.string(signMethod.wireName)
    try json.key("sign")
    try json.hexadecimalString(signature, uppercase: false)
    try json.key("cleanSession")
    try json.string(cleansSession ? "true" : "false")
    try json.endObject()
    try output.append(json.written)
  }

  /// The sign method as the guide spells it for the topology.
  private var topologyName: StaticString {
    switch signMethod {
    case .hmacMD5: "hmacMd5"
    case .hmacSHA1: "hmacSha1"
    case .hmacSHA256: "hmacSha256"
    }
  }
}
