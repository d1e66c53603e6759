// SPDX-License-Identifier: Apache-2.0
public import Alink
public import ConstrainedCore
public import MQTTLayer
public import MQTTLink
public import Platform
public import PlatformMQTT

/// How a client reaches the platform.
public enum ClientTransport: Sendable {
  /// CoAP over UDP, protected as `DeviceClientConfiguration.security` says.
  case coap
  /// MQTT.
  case mqtt(MQTTClientSettings)
  /// HTTPS, for reports alone.
  case https(HTTPSClientSettings)
}

/// The connection of a client over MQTT (device guide 3.1 to 3.3).
///
/// The client connects when it has something to send or to ask, and stays connected as long as somebody takes
/// `DeviceClient.requests`, or for `idleTime` after the last packet.
public struct MQTTClientSettings: Sendable {
  /// The largest payload that a client sends or takes, in bytes.
  ///
  /// Unverified: the guide has no limit for MQTT; 256 KB is that of the platform's public pages.
  public static var maxPayload: Int { 262_144 }

  /// TCP, TLS or WebSocket; without TLS everything can be read on the way, and the platform may refuse it.
  public var transport: MQTTTransport
  /// The certificates of the trusted authorities, in PEM; needed for TLS.
  public var authorities: [UInt8]
  /// The longest time without a packet.
  public var keepAlive = MQTTKeepAlive.standard
  /// Whether the platform forgets subscriptions and messages when the connection ends.
  public var isClean = true
  /// The HMAC that signs the connection.
  public var signMethod = SignMethod.hmacSHA256
  /// Milliseconds since 1970, sent and signed only if set.
  public var timestamp: UInt64?
  /// Which version is spoken.
  public var version = MQTTVersion.v3_1_1
  /// How many reports may be under way at once, 1 to 16; those of one topic arrive in order.
  public var reportsInFlight = 1
  /// After so long without anything to do the client says goodbye, unless somebody takes requests.
  public var idleTime = Milliseconds(30_000)
  /// How long TCP, TLS and CONNACK may take together.
  public var connectTimeout = Milliseconds(60_000)
  /// How long an acknowledgement may take; after that the connection counts as dead.
  public var answerTimeout = Milliseconds(60_000)
  /// How long the platform's reply to a request of the thing model may take after its acknowledgement.
  public var replyTimeout = Milliseconds(10_000)
  /// When the client connects again.
  public var reconnecting = ReconnectSettings()
  /// The WebSocket's path.
  ///
  /// Unverified: the guide's section 3.3 names none.
  public var webSocketPath = "/mqtt"
  /// Whether the platform is to say why it closes a connection, with `ext=3` in the client id.
  ///
  /// Unverified: see `MQTTConnectRequest.wantsNotices`.
  public var wantsNotices = false
  /// How a connection proves which device it is; by HTTPS over TLS alone.
  public var authentication = MQTTClientAuthentication.sign
  /// Whether the platform already knows a device that registers.
  public var registration = MQTTRegistrationRequest.Kind.preregistered
  /// The instance's id, sent with a registration; empty for none.
  public var instanceID = ""

  /// Which messages of the platform `DeviceClient.requests` has; a gateway takes `.gateway`.
  public var kinds = DownlinkKinds.device
  /// How they are answered where the guide leaves it open.
  public var downlinks = DownlinkSettings()
  /// Topic filters of the product's own, whose messages `DeviceClient.requests` has beside the others.
  public var topicFilters: [String] = []
  /// How many requests wait to be taken from `DeviceClient.requests`; further ones are answered with 429.
  public var bufferedRequests = 16

  /// Told of what becomes of the connection, in order, on the client's thread or a caller's: be quick.
  public var onEvent: (@Sendable (MQTTClientEvent) -> Void)?
  /// Told of each packet in words without secrets, while the client is locked: be quick, and do not call it.
  ///
  /// PINGREQ and PINGRESP are the library's own and not among them.
  public var onPacket: (@Sendable (MessageDirection, String) -> Void)?

  /// A connection over that transport.
  public init(_ transport: MQTTTransport = .tls, authorities: [UInt8] = []) {
    self.transport = transport
    self.authorities = authorities
  }
}

/// How a connection over MQTT proves which device it is.
public enum MQTTClientAuthentication: Sendable {
  /// A sign with the device secret in each CONNECT.
  case sign
  /// User name and password that an authentication over HTTPS brings, for 7 days.
  case https(MQTTTokenSettings)
}

/// The authentication over HTTPS before a connection over MQTT (device guide 3.2).
///
/// It is signed by the connection's `signMethod`, with its `timestamp`. The token is kept in
/// `DeviceClientConfiguration.sessionFile`, if there is one, and renewed before its 7 days are over. Where the platform
/// does not take it (CONNACK 3), the client authenticates once more; a second time ends in `DeviceClientError.connection`
/// and a rest of half an hour or more.
public struct MQTTTokenSettings: Sendable {
  /// The server's name, or its address in digits.
  public var host: String
  /// The server's port.
  public var port: UInt16
  /// The certificates of the trusted authorities, in PEM; empty for those of the connection.
  public var authorities: [UInt8] = []
  /// Whether the client connects to the address in the answer, if there is one, instead of the configuration's (device
  /// guide 3.2, step 2b).
  public var takesAddress = true
  /// How long the request may take, with the connection made for it.
  public var answerTimeout = Milliseconds(30_000)
  /// Whether the proxy that the environment names (`https_proxy`) is used.
  public var usesProxy = false

  /// Asks the platform's own server in that region, unless a host is given.
  public init(host: String? = nil, port: UInt16 = 443, region: String = "cn-shanghai") {
    self.host = host ?? "iot-auth.\(region).aliyuncs.com"
    self.port = port
  }
}

/// What becomes of a client's connection over MQTT.
public enum MQTTClientEvent: Sendable {
  /// The platform has accepted the device; `hasSession` says that it kept the session of an earlier connection.
  case connected(hasSession: Bool)
  /// No connection came about; the next try is not made before `retryAfter` has passed.
  case connectFailed(MQTTLinkFailure, retryAfter: Milliseconds)
  /// The connection has ended; the next one is not made before `retryAfter` has passed.
  case disconnected(RestReason, retryAfter: Milliseconds)
  /// The connection has ended because the client wanted it.
  case closed
  /// The platform refuses the subscription to that topic filter.
  case subscriptionRefused(String)
  /// The platform has refused all subscriptions: nothing will come before the next connection.
  case allSubscriptionsRefused
  /// So many messages, or acknowledgements of nothing, were dropped before anybody saw them, since the last event for
  /// the same reason.
  case dropped(MQTTDrop, count: UInt32)
  /// A message of the platform was refused or dropped, for that reason.
  case refused(topic: String, DownlinkFault)
  /// A request was answered with 429, or a message dropped, because those before it have not been taken.
  case overrun(topic: String)
  /// Nobody has answered the request in time.
  case expired(DownlinkKind)
}
