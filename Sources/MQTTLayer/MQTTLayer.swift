// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// What moves MQTT packets between a device and a server, without blocking: a link's seam to the wire.
///
/// Order of calls: `connect`, then `publish`, `subscribe` and `unsubscribe` at any time, for what is asked for before
/// the connection stands waits for it; `pollEvent` until it gives `nil`, again whenever the owner is woken; `disconnect`.
/// Each `number` is the caller's and comes back with the event that ends the operation. An event `failed` or `lost`
/// ends all that is still under way without an event of its own.
public protocol MQTTLayer: ~Copyable {
  /// Makes a connection; the event `connected` or `failed` follows.
  ///
  /// An older connection ends without an event. What `request` holds is copied; the caller wipes its own.
  mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant)

  /// Publishes a message; `delivered` follows, or `undelivered`.
  ///
  /// `false` while there is no room, or where the message is longer than there will ever be.
  mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool

  /// Asks for the messages of a topic filter; `subscribed` follows. `false` while there is no room.
  mutating func subscribe(to filter: Span<UInt8>, quality: MQTTQuality, number: UInt32) -> Bool

  #if !SMALL || GATEWAY
  /// Asks for the messages of several topic filters by one packet, each with a zero byte behind it; `subscribed` follows
  /// once, without a quality where the server refuses any of them. `false` while there is no room.
  mutating func subscribe(toAll filters: Span<UInt8>, quality: MQTTQuality, number: UInt32) -> Bool
  #endif

  /// Asks for them no more; `unsubscribed` follows. `false` while there is no room.
  mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool

  /// Ends the connection in order, after what waits to be sent; the event `disconnected` follows.
  mutating func disconnect()

  /// What happened since the last call; `nil` when that is all.
  mutating func pollEvent() -> MQTTLayerEvent?

  /// What is readable while `pollEvent` has something; -1 where nothing can be.
  var descriptor: Int32 { get }

  /// The topic of the last event `message`, until the next call of `pollEvent`.
  var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

  /// The payload of the last event `message`, until the next call of `pollEvent`.
  var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }

  /// Whether user name and password come from an authentication of the layer's own, whatever `connect` says (device
  /// guide 3.2).
  var usesToken: Bool { get }

  /// Whether it has a token that its owner has not stored; `keepToken` says that it has.
  var hasUnkeptToken: Bool { get }

  /// Writes what has to be kept of the token over a restart: the user name, and the rest.
  func writeToken(_ userName: inout FixedBytes<192>, _ rest: inout FixedBytes<2048>)

  /// Takes what an earlier layer has written; what cannot be that leaves it without a token.
  mutating func restoreToken(_ userName: Span<UInt8>, _ rest: Span<UInt8>)

  /// Notes that the owner has stored the token.
  mutating func keepToken()

  /// Forgets the token; the next connection has a new one.
  mutating func forgetToken()
}

// What a layer is that has no token; it costs such a layer nothing.
extension MQTTLayer where Self: ~Copyable {
  /// No.
  @inlinable
  public var usesToken: Bool { false }

  /// No.
  @inlinable
  public var hasUnkeptToken: Bool { false }

  /// Writes nothing.
  @inlinable
  public func writeToken(_ userName: inout FixedBytes<192>, _ rest: inout FixedBytes<2048>) {}

  /// Takes nothing.
  @inlinable
  public mutating func restoreToken(_ userName: Span<UInt8>, _ rest: Span<UInt8>) {}

  /// Does nothing.
  @inlinable
  public mutating func keepToken() {}

  /// Does nothing.
  @inlinable
  public mutating func forgetToken() {}
}

/// A layer whose server can be another one from the next connection on.
public protocol AddressedLayer: MQTTLayer, ~Copyable {
  /// Connects to that server from now on; `false` where that can be no address, and nothing has changed.
  mutating func setAddress(host: Span<UInt8>, port: UInt16) -> Bool
}

/// How surely a message arrives (MQTT 3.1.1 Section 4.3); the platform has no quality 2 (device guide 3.1).
public enum MQTTQuality: UInt8, Sendable {
  /// At most once.
  case atMostOnce = 0
  /// At least once: it is acknowledged.
  case atLeastOnce = 1
}

/// A version of MQTT that the platform speaks (device guide 3.1).
public enum MQTTVersion: UInt8, Sendable {
  /// 3.1.
  case v3_1 = 3
  /// 3.1.1.
  case v3_1_1 = 4
}

/// What CONNECT carries, with a secret or what is made of one: wiped by its owner.
public struct MQTTConnect: ~Copyable {
  /// The whole client id, options included.
  public var clientID = FixedBytes<256>()
  /// The user name.
  public var userName = FixedBytes<128>()
  /// The password.
  public var password = FixedBytes<256>()
  /// The longest time without a packet, in seconds.
  public var keepAlive: UInt16 = 300
  /// Whether the server forgets subscriptions and messages of an earlier connection.
  public var isClean = true
  /// Which version is spoken.
  public var version = MQTTVersion.v3_1_1

  /// Without names; the platform takes none of that.
  public init() {}
}
