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
  var entries: [Int: Entry] = [:]
  var numbers: [String: Int] = [:]
  /// The sub-devices of each request that has no answer yet, by the request's id.
  var requests: [UInt64: [Int]] = [:]
  var events: [SubDeviceEvent] = []
  var isConnected = false
  /// Whether the platform has not answered a batch over this connection.
  var refusesBatches = false
  /// When the next request may go out.
  var nextRequest = Instant(milliseconds: .min)
  private var lastNumber = 0
  private var lastRequest: UInt64

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
    lastRequest = UInt64(widening: firstRequestID)
  }

  // MARK: - Getters

  /// How many sub-devices there are.
  public var count: Int { entries.count }

  /// How many are online.
  public var onlineCount: Int { entries.values.count { $0.phase == .online } }

  /// Whether a sub-device is online, so that reports of it may be sent.
  public func isOnline(_ number: Int) -> Bool { entries[number]?.phase == .online }

  /// Whether a sub-device will be online without anybody's doing.
  public func isWanted(_ number: Int) -> Bool { entries[number]?.isWanted ?? false }

  /// The sub-device that a topic names, as `/sys/PK/DN/…`, `/PK/DN/…` or `/ota/device/X/PK/DN`; `nil` for another
  /// one's.
  public func number(ofTopic topic: [UInt8]) -> Int? {
    let levels = topic.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard levels.count > 2, levels[0].isEmpty else { return nil }
    let prefix =
      switch String(decoding: levels[1], as: UTF8.self) {
      case "sys": 2
      case "ota": 4
      case "ext": levels[2].elementsEqual("rrpc".utf8) ? 4 : 3
      default: 1
      }
    guard levels.count >= prefix + 2 else { return nil }
    let path = levels[prefix..<prefix + 2].joined(separator: [UInt8(ascii: "/")])
    return numbers[String(decoding: Array(path), as: UTF8.self)]
  }

  /// The topics to subscribe to, with QoS 0 for all but the last one.
  public var filters: [String] {
    let methods = ["login", "logout"] + (settings.batchSize > 1 ? ["batch_login"] : [])
    return methods.map { "/ext/session/\(path)/combine/\($0)_reply" } + ["/ext/error/\(path)"]
  }

  // MARK: - Commands

  /// Adds a sub-device, which stays offline until `logIn`; its number.
  ///
  /// The caller wipes its own copy of the secret.
  public mutating func add(
    _ identity: DeviceIdentity,
    secret: Span<UInt8>,
    signMethod: SubDeviceSignMethod = .hmacSHA1
  ) throws(SubDeviceError) -> Int {
    let path = identity.path
    guard path != self.path else { throw .isGateway }
    guard numbers[path] == nil else { throw .isThere }
    guard entries.count < settings.limit else { throw .tooMany(settings.limit) }
    guard (1...SecretBytes.maxCount).contains(secret.count) else { throw .secret(secret.count) }
    let kept = secret.indices.map { secret[$0] }
    lastNumber += 1
    entries[lastNumber] = Entry(identity, kept, signMethod)
    numbers[path] = lastNumber
    return lastNumber
  }

  /// Wants a sub-device online from now on, over this connection and each later one; anew after a refusal.
  public mutating func logIn(_ number: Int, at now: Instant) throws(SubDeviceError) {
    guard let entry = entries[number] else { throw .unknown }
    entry.isWanted = true
    switch entry.phase {
    case .online, .loggingIn: return
    case .loggingOut, .offline:
      entry.failures = 0
      entry.kicks = 0
      entry.phase = .offline(until: now)
    }
  }

  /// Wants a sub-device offline; one that is online is logged out.
  public mutating func logOut(_ number: Int, at now: Instant) throws(SubDeviceError) {
    guard let entry = entries[number] else { throw .unknown }
    entry.isWanted = false
    if case .offline = entry.phase { entry.phase = .offline(until: nil) }
  }

  /// Removes a sub-device without a word to the platform; log it out before, or delete it from the topology.
  public mutating func remove(_ number: Int) {
    guard let entry = entries.removeValue(forKey: number) else { return }
    numbers[entry.identity.path] = nil
  }

  // MARK: - Inside

  var path: String { gateway.path }

  mutating func newRequest() -> UInt64 {
    defer { lastRequest &+= 1 }
    return lastRequest
  }

  /// `delay` with a random half added.
  mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    let half = Int64(randomness.nextUInt32() >> 1) * (delay.count / 2) / Int64(Int32.max)
    return delay + Milliseconds(half)
  }
}

/// How a gateway logs its sub-devices in.
public struct SubDeviceSettings: Sendable {
  /// How many may be online at once: 1,500 (device guide 5 and 6.4).
  public var limit = 1_500
  /// How many logins of one sub-device go out within a minute: 5 (device guide 5, code 429).
  public var loginsPerMinute = 5
  /// The time between two requests; 20 ms spread 1,500 logins over half a minute.
  public var interval = Milliseconds(20)
  /// How many requests wait for an answer at once.
  public var requestsInFlight = 16
  /// How long an answer is waited for.
  public var answerTimeout = Milliseconds(10_000)
  /// The wait after a login without success, doubled each time.
  public var firstRetry = Milliseconds(1_000)
  /// The longest of these waits.
  public var longestRetry = Milliseconds(300_000)
  /// The wait of a sub-device that has connected elsewhere, doubled each time: two devices of one identity would throw
  /// each other out for ever.
  public var kickedRest = Milliseconds(1_800_000)
  /// How many log in by one request; 1 for single logins.
  ///
  /// Unverified: batch logins, which are in no document; public device code sends 50 at a time.
  public var batchSize = 1
  /// Whether the platform drops what waits for a sub-device when it logs in (`cleanSession`, 6.4).
  public var isClean = true

  /// The guide's limits.
  public init() {}
}

/// The sign methods of a login (device guide 6.4).
public enum SubDeviceSignMethod: Sendable, CaseIterable {
  /// `hmacMd5`.
  case hmacMD5
  /// `hmacSha1`.
  case hmacSHA1
  /// `hmacSha256`.
  case hmacSHA256
  /// `Sha256`.
  ///
  /// Unverified: that it is HMAC-SHA256 by another name; a plain digest proves nothing.
  case sha256

  /// The HMAC.
  var method: SignMethod {
    switch self {
    case .hmacMD5: .hmacMD5
    case .hmacSHA1: .hmacSHA1
    case .hmacSHA256, .sha256: .hmacSHA256
    }
  }
}

/// Why a command is refused before anything is sent.
public enum SubDeviceError: Error, Equatable, Sendable {
  /// No sub-device has that number.
  case unknown
  /// The gateway itself (device guide 6.2, code 6402).
  case isGateway
  /// The sub-device is there already.
  case isThere
  /// There are so many already (device guide 5, code 428).
  case tooMany(Int)
  /// The secret has this many bytes, not 1 to 128.
  case secret(Int)
}

/// What happened to a sub-device.
public enum SubDeviceEvent: Equatable, Sendable {
  /// It is online: subscribe to its topics, and send what waits.
  case online(Int)
  /// It is not online any more; `retryAfter` is `nil` where it waits for `logIn`.
  case offline(Int, SubDeviceReason, retryAfter: Milliseconds?)
  /// A login had no success; `retryAfter` is `nil` where it waits for `logIn`.
  case refused(Int, SubDeviceReason, retryAfter: Milliseconds?)
  /// The platform has said that something is wrong with a sub-device, and not with which.
  case unnamed(SubDeviceReason, id: String)
}

/// Why a sub-device is not online.
public enum SubDeviceReason: Equatable, Sendable {
  /// The code of the platform (device guide 5).
  case code(Int)
  /// The gateway's connection has ended.
  case disconnected
  /// The platform has not answered.
  case silence
  /// It was logged out.
  case loggedOut
  /// The login could not be signed.
  case signing
}

/// A sub-device as the sessions know it.
final class Entry {
  enum Phase: Equatable {
    /// Offline; the next login is due then, `nil` where it waits for a command.
    case offline(until: Instant?)
    /// The request is under way.
    case loggingIn(UInt64, until: Instant)
    case online
    /// The request is under way.
    case loggingOut(UInt64, until: Instant)
  }

  let identity: DeviceIdentity
  /// Wiped with the entry: nobody else keeps a reference to this memory.
  private var secret: [UInt8]
  let signMethod: SubDeviceSignMethod
  var phase = Phase.offline(until: nil)
  var isWanted = false
  /// Logins without success since the last one with it.
  var failures = 0
  /// How often it was thrown out by another connection.
  var kicks = 0
  /// Whether a batch was refused because of it, perhaps.
  var isSingle = false
  /// When it has logged in lately, the oldest first.
  var logins: [Instant] = []

  init(
    _ identity: DeviceIdentity,
    _ secret: consuming [UInt8],
    _ signMethod: SubDeviceSignMethod
  ) {
    self.identity = identity
    self.secret = secret
    self.signMethod = signMethod
  }

  deinit {
    var span = secret.mutableSpan
    wipe(&span)
  }

  func withSecret<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let shared = secret
    return try body(shared.span)
  }
}

extension DeviceIdentity {
  /// `PRODUCTKEY/DEVICENAME`.
  var path: String {
    func text(_ bytes: Span<UInt8>) -> String {
      String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }
    return "\(text(productKey.bytes))/\(text(deviceName.bytes))"
  }
}
