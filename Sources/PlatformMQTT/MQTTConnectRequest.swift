// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// The transport of an MQTT client to the platform (device guide 3.2 and 3.3).
public enum MQTTTransport: Sendable {
  /// TCP without TLS; according to the second document the platform no longer accepts it.
  case tcp
  /// TLS over TCP.
  case tls
  /// A WebSocket without TLS.
  case webSocket
  /// A WebSocket over TLS.
  case secureWebSocket

  /// The field `securemode`: 2 with TLS, 3 without.
  public var securityMode: UInt8 {
    switch self {
    case .tls, .secureWebSocket: 2
    case .tcp, .webSocket: 3
    }
  }

  /// The port: 1883, or 443 for WebSockets.
  public var port: UInt16 {
    switch self {
    case .tcp, .tls: 1_883
    case .webSocket, .secureWebSocket: 443
    }
  }

  /// The scheme of a WebSocket's address; `nil` for TCP.
  public var scheme: StaticString? {
    switch self {
    case .tcp, .tls: nil
    case .webSocket: "ws"
    case .secureWebSocket: "wss"
    }
  }
}

/// What an MQTT CONNECT carries: client id and user name as they are written here, and as password
/// the HMAC of the signed text in hexadecimal digits (device guide 3.2 and 3.3).
///
/// The identity's client id must contain no `|`, which ends it on the wire: `check`.
public struct MQTTConnectRequest: Sendable {
  /// The HMAC of the signature, keyed with the device secret.
  public var signMethod: SignMethod

  /// The transport to the platform.
  public var transport: MQTTTransport

  /// Whether the platform is to say on `/ext/notify` why it closes a connection, with `ext=3`.
  ///
  /// Unverified: seen in public code of devices, in no document of the platform.
  public var wantsNotices = false

  #if DEVICE_ONLY
  // Neither the agent nor the C library asks for these.
  /// Milliseconds since 1970, sent and signed only if set; the platform does not check it against a
  /// window.
  public var timestamp: UInt64? { nil }
  /// Whether the platform is to subscribe the device to its system topics, with `_ss=1`.
  ///
  /// Unverified: seen in public code of devices, in no document of the platform.
  public var wantsSystemTopics: Bool { false }
  #else
  /// Milliseconds since 1970, sent and signed only if set; the platform does not check it against a
  /// window.
  public var timestamp: UInt64?

  /// Whether the platform is to subscribe the device to its system topics, with `_ss=1`.
  ///
  /// Unverified: seen in public code of devices, in no document of the platform.
  public var wantsSystemTopics = false
  #endif

  /// A request with these fields.
  public init(
    signMethod: SignMethod = .hmacMD5,
    transport: MQTTTransport = .tls,
    timestamp: UInt64? = nil
  ) {
    self.signMethod = signMethod
    self.transport = transport
    #if DEVICE_ONLY
    precondition(timestamp == nil, "a device of its own sends no timestamp")
    #else
    self.timestamp = timestamp
    #endif
  }

  /// Throws where the client id would end too soon on the wire.
  public static func check(_ identity: DeviceIdentity) throws(MQTTSettingsError) {
    let bytes = identity.clientID.bytes
    for index in bytes.indices where bytes[index] == UInt8(ascii: "|") {
      throw .clientIDBar(offset: index)
    }
  }

  /// Appends what is signed: `clientId…deviceName…productKey…timestamp…`.
  public func writeSigningContent(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.appendClientID(identity)
    try output.appendNames(identity)
    try output.appendTimestamp(timestamp)
  }

  /// Appends `clientId|securemode=…,signmethod=…,timestamp=…,ext=3,_ss=1|`, of which the last three only when asked
  /// for.
  public func writeClientID(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(identity.clientID.bytes)
    try output.append("|securemode=")
    try output.append(decimal: UInt64(widening: transport.securityMode))
    try output.append(",signmethod=")
    try output.append(signMethod.wireName)
    if let timestamp {
      try output.append(",timestamp=")
      try output.append(decimal: timestamp)
    }
    if wantsNotices { try output.append(",ext=3") }
    if wantsSystemTopics { try output.append(",_ss=1") }
    try output.append("|")
  }

  /// Appends `deviceName&productKey`.
  public static func writeUserName(
    _ identity: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(identity.deviceName.bytes)
    try output.append("&")
    try output.append(identity.productKey.bytes)
  }

  /// Appends `productKey.iot-as-mqtt.region.aliyuncs.com`.
  public static func writeHost(
    _ identity: DeviceIdentity,
    region: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(identity.productKey.bytes)
    try output.append(".iot-as-mqtt.")
    try output.append(region)
    try output.append(".aliyuncs.com")
  }
}
