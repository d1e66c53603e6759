// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import OpenSSLSupport
public import Platform

/// The sessions of a gateway's sub-devices over its MQTT connection (device guide 5 and 6.4): who logs in, when, and
/// what each answer means.
///
/// A state machine without I/O and clock. Order of calls: `add`; subscribe to `filters`; `handleConnected` once they
/// are granted, `handleDisconnected` when the connection ends, `handle` for each message; then, and at `pollTimeout`,
/// `handleTimeout`, `pollTransmit` until it gives `nil`, and `pollEvent` until it gives `nil`.
///
/// Sub-devices that are wanted online log in one after the other, so that a reconnect of 1,500 is spread over half a
/// minute, at most five times a minute each. One that is refused for good waits for `logIn`, and holds up nobody.
///
/// Memory held: names, secret and the last five logins, under 1 KB a sub-device. A secret is wiped when its
/// sub-device is removed.
public struct SubDeviceSessions<Randomness: RandomSource>: ~Copyable {
  let gateway: DeviceIdentity
  let settings: SubDeviceSettings
  var randomness: Randomness
  /// The sub-devices.
  package let book: SubDeviceBook
  /// The requests that have no answer yet.
  var requests: [SessionRequest] = []
  var events = EventQueue<SubDeviceEvent>()
  /// By when the first answer must have come, and when the first request is due, as long as the tally has not changed.
  var firstAnswer: Instant?
  var firstDue: Instant?
  var isConnected = false
  /// Whether the platform has not answered a batch over this connection.
  var refusesBatches = false
  /// When the next request may go out.
  var nextRequest = Instant(milliseconds: .min)
  private var lastRequest: UInt64
  let loginReply: [UInt8]
  let logoutReply: [UInt8]
  let batchReply: [UInt8]
  let errorTopic: [UInt8]

  /// A request that has no answer yet, with the sub-devices that it is for.
  struct SessionRequest {
    let id: UInt64
    let numbers: [Int]
  }

  /// A gateway without sub-devices; ids of requests count on from `firstRequestID`.
  public init(
    gateway: DeviceIdentity,
    settings: SubDeviceSettings = SubDeviceSettings(),
    firstRequestID: UInt32,
    randomness: Randomness
  ) {
    self.gateway = gateway
    self.settings = settings
    self.randomness = randomness
    book = SubDeviceBook(gateway)
    lastRequest = UInt64(widening: firstRequestID)
    loginReply = Self.sessionTopic("login", of: gateway, isReply: true)
    logoutReply = Self.sessionTopic("logout", of: gateway, isReply: true)
    batchReply = Self.sessionTopic("batch_login", of: gateway, isReply: true)
    errorTopic = Self.topic("/ext/error/", of: gateway, "", "", "")
  }

  // MARK: - Getters

  /// How many sub-devices there are.
  public var count: Int { book.count }

  /// How many are online.
  public var onlineCount: Int { book.tally.online }

  /// How many are wanted online and neither are nor wait for a command.
  public var expectedCount: Int { book.tally.expected }

  /// Whether any sub-device is wanted online.
  public var hasWanted: Bool { book.tally.wanted > 0 }

  /// Whether a sub-device is online, so that reports of it may be sent.
  public func isOnline(_ number: Int) -> Bool { book[number]?.phase == .online }

  /// Whether it was told to be online; one that the platform has refused for good stays so, and is offline.
  public func isWanted(_ number: Int) -> Bool { book[number]?.isWanted ?? false }

  /// Whether it is online, or will be without anybody's doing; `isWanted` and refused is neither.
  public func isExpected(_ number: Int) -> Bool {
    guard let entry = book[number], entry.isWanted else { return false }
    return entry.phase != .offline(until: nil)
  }

  /// Whether it is offline, and no login or logout of it is under way; so is one that is not there.
  public func isOffline(_ number: Int) -> Bool {
    guard let entry = book[number] else { return true }
    if case .offline = entry.phase { return true }
    return false
  }

  /// Why it is not online, as was told last; `nil` while it is, and before the first word.
  public func reason(of number: Int) -> SubDeviceReason? { book[number]?.reason }

  /// The names of a sub-device.
  public func identity(of number: Int) -> DeviceIdentity? { book[number]?.identity }

  /// The sub-device that a topic names, as `/sys/PK/DN/…`, `/PK/DN/…` or `/ota/device/X/PK/DN`; `nil` for another
  /// one's.
  public func number(ofTopic topic: Span<UInt8>) -> Int? { book.entry(ofTopic: topic)?.number }

  /// The sub-device of those names.
  public func number(productKey: Span<UInt8>, deviceName: Span<UInt8>) -> Int? {
    book.entry(productKey, deviceName)?.number
  }

  /// The topics to subscribe to, with QoS 0 for all but the last one.
  public var filters: [[UInt8]] {
    settings.batchSize > 1
      ? [loginReply, logoutReply, batchReply, errorTopic] : [loginReply, logoutReply, errorTopic]
  }

  /// Whether no request waits for its answer, and all events were polled.
  public var isIdle: Bool { requests.isEmpty && events.isEmpty }

  // MARK: - Commands

  /// Adds a sub-device, which stays offline until `logIn`; its number.
  ///
  /// The caller wipes its own copy of the secret.
  public mutating func add(
    _ identity: DeviceIdentity,
    secret: Span<UInt8>,
    signMethod: SubDeviceSignMethod = .hmacSHA1
  ) throws(SubDeviceError) -> Int {
    let isGateway =
      gateway.productKey.bytes.isEqual(to: identity.productKey.bytes)
      && gateway.deviceName.bytes.isEqual(to: identity.deviceName.bytes)
    guard !isGateway else { throw .isGateway }
    guard book.entry(identity.productKey.bytes, identity.deviceName.bytes) == nil else {
      throw .isThere
    }
    guard book.count < min(settings.limit, 0xFFFF) else { throw .tooMany(settings.limit) }
    guard (1...SecretBytes.maxCount).contains(secret.count) else { throw .secret(secret.count) }
    var kept: [UInt8] = []
    kept.reserveCapacity(secret.count)
    for index in secret.indices { kept.append(secret[index]) }
    return book.add(identity, kept, signMethod)
  }

  /// Wants a sub-device online from now on, over this connection and each later one; anew after a refusal.
  public mutating func logIn(_ number: Int, at now: Instant) throws(SubDeviceError) {
    guard let entry = book[number] else { throw .unknown }
    entry.isWanted = true
    switch entry.phase {
    // One that logs out comes back as soon as it has.
    case .online, .loggingIn, .loggingOut: return
    case .offline:
      entry.failures = 0
      entry.kicks = 0
      entry.phase = .offline(until: now)
    }
  }

  /// Wants a sub-device offline; one that is online is logged out.
  public mutating func logOut(_ number: Int, at now: Instant) throws(SubDeviceError) {
    guard let entry = book[number] else { throw .unknown }
    entry.isWanted = false
    if case .offline = entry.phase { entry.phase = .offline(until: nil) }
  }

  /// Removes a sub-device without a word to the platform; log it out before, or delete it from the topology.
  public mutating func remove(_ number: Int) { book.remove(number) }

  // MARK: - Inside

  mutating func newRequest() -> UInt64 {
    defer { lastRequest &+= 1 }
    return lastRequest
  }

  /// `delay` with a random half added.
  mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    let half = Int64(randomness.nextUInt32() >> 1) * (delay.count / 2) / Int64(Int32.max)
    return delay + Milliseconds(half)
  }

  /// `/ext/session/PK/DN/combine/METHOD`, or where its reply comes.
  static func sessionTopic(
    _ method: StaticString,
    of gateway: DeviceIdentity,
    isReply: Bool
  ) -> [UInt8] {
    topic("/ext/session/", of: gateway, "/combine/", method, isReply ? "_reply" : "")
  }

  private static func topic(
    _ prefix: StaticString,
    of gateway: DeviceIdentity,
    _ middle: StaticString,
    _ method: StaticString,
    _ suffix: StaticString
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 192)
    var writer = ByteWriter(bytes.mutableSpan)
    do throws(CapacityError) {
      try writer.append(prefix)
      try writer.append(gateway.productKey.bytes)
      try writer.append(UInt8(ascii: "/"))
      try writer.append(gateway.deviceName.bytes)
      try writer.append(middle)
      try writer.append(method)
      try writer.append(suffix)
    } catch {
      preconditionFailure("names have 64 and 32 bytes at most")
    }
    let count = writer.count
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
