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
  mutating func connect(_ request: borrowing @_addressable MQTTConnect)

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
