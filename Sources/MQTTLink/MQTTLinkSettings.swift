// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import MQTTLayer
internal import Platform
public import PlatformMQTT

/// How a device talks to the platform over MQTT.
public struct MQTTLinkSettings: Sendable {
  /// What CONNECT is signed with, and which options the client id has.
  public var connect = MQTTConnectRequest(signMethod: .hmacSHA256)
  /// The longest time without a packet.
  public var keepAlive = MQTTKeepAlive.standard
  /// Whether the platform forgets subscriptions and messages when the connection ends.
  public var isClean = true
  /// How many reports may be under way at once, 1 to 16.
  public var reportsInFlight = 1
  /// Whether the device is connected as long as it can be, to be spoken to; else only while there is something to
  /// send.
  public var staysConnected = false
  /// Whether a report of the thing model ends with the platform's reply instead of its PUBACK.
  ///
  /// It costs a subscription for each of those topics in each connection, and a message for each report.
  public var readsReplies = false

  #if DEVICE_ONLY
  // Neither the agent nor the C library exposes these settings; the compiler drops the code for other values.
  /// Which version is spoken.
  public var version: MQTTVersion { .v3_1_1 }
  /// After so long without anything to do a device that does not stay connected says goodbye.
  public var idleTime: Milliseconds { Milliseconds(30_000) }
  /// How long a connection may take to stand; a channel's own limit comes first.
  public var connectTimeout: Milliseconds { Milliseconds(70_000) }
  /// How long an acknowledgement may take; after that the connection counts as dead.
  public var answerTimeout: Milliseconds { Milliseconds(60_000) }
  /// How long a reply may take after the PUBACK, which counts from then on.
  public var replyTimeout: Milliseconds { Milliseconds(5_000) }
  /// When the device connects again.
  public var reconnecting: ReconnectSettings { ReconnectSettings() }
  #else
  /// Which version is spoken.
  public var version = MQTTVersion.v3_1_1
  /// After so long without anything to do a device that does not stay connected says goodbye.
  public var idleTime = Milliseconds(30_000)
  /// How long a connection may take to stand; a channel's own limit comes first.
  public var connectTimeout = Milliseconds(70_000)
  /// How long an acknowledgement may take; after that the connection counts as dead.
  public var answerTimeout = Milliseconds(60_000)
  /// How long a reply may take after the PUBACK, which counts from then on.
  public var replyTimeout = Milliseconds(5_000)
  /// When the device connects again.
  public var reconnecting = ReconnectSettings()
  #endif

  /// The settings that fit most devices.
  public init() {}

  /// The most reports under way.
  static var mostInFlight: Int { 16 }
}

/// What happened on a link over MQTT.
public enum MQTTLinkEvent: Equatable, Sendable {
  /// The platform has accepted the device; `hasSession` says that it kept the session of an earlier connection.
  case connected(hasSession: Bool)
  /// No connection came about: `MQTTLink.failure`; `MQTTLink.rest` says when the next try is.
  case connectFailed
  /// The connection has ended, and nobody here asked for it: `MQTTLink.rest` says why and until when.
  case disconnected
  /// The connection has ended because it was asked for, or because there was nothing to do.
  case closed
  /// A report has ended: `MQTTLink.ending` and `endedID`.
  case report
  /// A message has come: `MQTTLink.downlinkTopic` and `downlinkPayload`.
  case downlink
  /// The platform grants the subscription of that index, or refuses it.
  case subscription(Int, isGranted: Bool)
  #if !SMALL || GATEWAY
  /// The platform grants all filters of the request with that number, which `subscribe(toAll:at:)` gave, or refuses one.
  case subscriptions(UInt32, isGranted: Bool)
  #endif
  /// The device has a secret of its own: `MQTTLink.withSecret`.
  case registered
  /// It has none: `MQTTLink.registrationFailure`.
  case registrationFailed
  /// So many messages, or acknowledgements of nothing, were dropped since the last event for the same reason.
  case dropped(MQTTDrop, count: UInt32 = 1)
}

/// Why no connection came about.
public enum MQTTLinkFailure: Equatable, Sendable {
  /// The platform did not accept the device.
  case refused(ConnackCode)
  /// The connection itself failed.
  case connection(MQTTFailure)
  /// The library that signs refused.
  case signing
}

/// Why a registration brought no secret.
public enum MQTTRegistrationFailure: Error, Equatable, Sendable {
  /// The platform takes registrations over TLS alone.
  case needsTLS
  /// The link's connections have a token in place of a sign.
  case needsSign
  /// A connection or a report is under way.
  case busy
  /// The instance's id is longer than 64 bytes.
  case instanceID
  /// No connection came about.
  case connecting(MQTTLinkFailure)
  /// The connection ended before the answer.
  case disconnected
  /// Nothing came in time.
  case timedOut
  /// What came is no answer to a registration of this device.
  case unusableAnswer(MQTTRegistrationAnswerError)
}

/// Why a subscription cannot be asked for.
public enum SubscriptionError: Error, Equatable, Sendable {
  /// The filter is empty, longer than 160 bytes, no UTF-8, or has a wildcard where none may be (MQTT 3.1.1 Section
  /// 4.7).
  case filter
  /// There are 32 already.
  case tooMany
}
