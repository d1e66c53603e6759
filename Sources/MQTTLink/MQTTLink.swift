// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import DeviceStore
public import MQTTLayer
public import OpenSSLSupport
public import Platform
public import PlatformMQTT
public import ReportLink

/// One device on the platform over MQTT: it connects when it must, delivers reports, takes messages and answers.
///
/// A state machine over an `MQTTLayer`, without I/O and clock of its own. Order of calls: `subscribe`, `begin`, `send`;
/// again and again `handleTimeout` with the time, whenever the layer's descriptor is readable or `pollTimeout` has come,
/// then `pollEvent` until it gives `nil`.
///
/// Memory: about 9 KB, in place. No call allocates.
public struct MQTTLink<Layer: MQTTLayer & ~Copyable, Randomness: RandomSource>: ~Copyable {
  var connection = Connection.none
  /// The time of the last call that told it.
  var now = Instant(milliseconds: .min)
  /// When something was last asked for or came.
  var lastActivity = Instant(milliseconds: .min)
  /// Whether the platform has said that the same identity has connected elsewhere.
  var wasKicked = false
  /// Why the last message that was dropped was; `nil` before the first.
  public internal(set) var lastDrop: MQTTDrop?
  /// Whether the message of the last event `downlink` was sent before, as its flag DUP says.
  public internal(set) var isDownlinkRepeated = false
  var sendsUnderWay = 0
  /// The topic of the report that the end of the last connection may be due to, as a hash; 0 without one.
  var suspect: UInt64 = 0
  /// Topics at whose reports the platform has closed connections, and none of which it has acknowledged since, as hashes:
  /// each in its place, or another one of the same place.
  var closers = InlineArray<16, UInt64>(repeating: 0)
  /// Whether a reply did not come in time: in this connection none is waited for until one comes.
  var isMute = false
  var nextNumber: UInt32 = 0
  /// How the report of the last event `report` ended.
  public private(set) var ending = ReportEnding(.unreachable)
  /// Which report that was.
  public private(set) var endedID: UInt64 = 0
  /// Why no connection came about, after the event `connectFailed`.
  public internal(set) var failure = MQTTLinkFailure.connection(.unreachable)
  /// Why a registration failed, after the event `registrationFailed`.
  public internal(set) var registrationFailure = MQTTRegistrationFailure.disconnected
  /// The client id that a device got which was not known beforehand; empty without one.
  public internal(set) var registeredClientID = FixedBytes<64>()
  /// What the link has done.
  public internal(set) var counters = MQTTLinkCounters()
  /// Whether the device stays connected to be spoken to.
  public var staysConnected: Bool

  var policy: ReconnectPolicy
  #if SMALL
  /// Never one: a program built with SMALL does not register, and traps where it would.
  var registration: Registration? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL link does not register") }
  }
  #else
  var registration: Registration?
  #endif
  var reports = InlineArray<16, ReportSlot>(repeating: ReportSlot())
  var subscriptions = InlineArray<32, Subscription>(repeating: Subscription())
  var waiting: MQTTLinkEvent?
  let settings: MQTTLinkSettings
  let identity: DeviceIdentity
  var secret: SecretBytes
  var layer: Layer
  var randomness: Randomness

  /// Where the connection stands.
  enum Connection: Equatable {
    /// There is none.
    case none
    /// It is being made, until then at most.
    case connecting(until: Instant)
    /// It stands.
    case connected
    /// It was ended here, and is over then at the latest.
    case closing(until: Instant)
  }

  /// A place for a report.
  struct ReportSlot {
    var phase = ReportPhase.free
    var id: UInt64 = 0
    var number: UInt32 = 0
    var deadline = Instant(milliseconds: .max)
    /// A hash of its topic.
    var topicKey: UInt64 = 0
    /// What its reply is known by; 0 where none is waited for.
    var replyKey: UInt64 = 0
    /// The code of the reply that refused it; 0 without one.
    var replyCode: UInt64 = 0
  }

  enum ReportPhase: Equatable {
    case free
    /// The layer has it; it counts as sent when the connection stands.
    case underWay
    /// The platform has it, and replies before the deadline.
    case acknowledged
    case ended(ReportEnding)
  }

  /// A topic filter whose messages are wanted.
  struct Subscription {
    var filter = FixedBytes<160>()
    var quality = MQTTQuality.atLeastOnce
    var phase = SubscriptionPhase.free
    var number: UInt32 = 0
    /// Whether the link itself asked for it, for the replies to reports.
    var isForReplies = false
    /// Whether `pollRefusedFilter` has given it since it was refused.
    var isRefusalTold = false
  }

  enum SubscriptionPhase: Equatable {
    case free
    case wanted
    /// The platform was asked, and answers until then.
    case asked(until: Instant)
    case granted
    /// The platform refused; it is asked again over the next connection.
    case refused
    case leaving(until: Instant)
  }

  /// A registration under way.
  struct Registration {
    var request: MQTTRegistrationRequest
    var instanceID: FixedBytes<64>
    var deadline: Instant
  }

  /// A device that is not connected yet.
  public init(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: MQTTLinkSettings = MQTTLinkSettings(),
    layer: consuming Layer,
    randomness: Randomness
  ) throws(MQTTSettingsError) {
    try MQTTConnectRequest.check(identity)
    if layer.usesToken, settings.connect.transport.securityMode != 2 { throw .tokenNeedsTLS }
    self.identity = identity
    self.secret = secret
    var settings = settings
    settings.reportsInFlight = min(
      max(settings.reportsInFlight, 1),
      MQTTLinkSettings.mostInFlight
    )
    self.settings = settings
    staysConnected = settings.staysConnected
    policy = ReconnectPolicy(settings.reconnecting)
    self.layer = layer
    self.randomness = randomness
  }

  /// Whether the connection stands.
  public var isConnected: Bool { connection == .connected }

  /// Why the device does not connect, and until when; an instant of the past where nothing keeps it.
  public var rest: (reason: RestReason, until: Instant) { (policy.reason, policy.notBefore) }

  /// What is readable while there is something to take in.
  public var descriptor: Int32 { layer.descriptor }

  /// Whether an end that was asked for is not over yet.
  public var isClosing: Bool {
    if case .closing = connection { true } else { false }
  }

  /// Hands out the device's secret, to be kept after the event `registered`.
  public borrowing func withSecret<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(secret.bytes)
  }

  /// How many reports are under way.
  var reportsUnderWay: Int {
    var count = 0
    for index in 0..<16 where reports[index].phase != .free { count += 1 }
    return count
  }

  mutating func newNumber() -> UInt32 {
    #if SMALL && !GATEWAY
    nextNumber = (nextNumber &+ 1) & 0x7FFF_FFFF
    #else
    nextNumber = (nextNumber &+ 1) & 0x3FFF_FFFF
    #endif
    return nextNumber
  }

  /// The next event of a report that has ended.
  mutating func takeEndedReport() -> Bool {
    for index in 0..<16 {
      if case .ended(let how) = reports[index].phase {
        reports[index].phase = .free
        ending = how
        endedID = reports[index].id
        return true
      }
    }
    return false
  }

  /// Says how reports have ended that no number tells of.
  mutating func refuse(_ id: UInt64, _ how: ReportEnding) {
    ending = how
    endedID = id
  }
}

/// What a link has done.
public struct MQTTLinkCounters: Sendable {
  /// Connections that were accepted.
  public var connections = 0
  /// Reports handed over to be sent.
  public var reports = 0
  /// Reports whose acknowledgement came.
  public var acknowledged = 0
  /// Messages that came.
  public var downlinks = 0
  /// What else was sent.
  public var sends = 0
  /// Messages that were dropped.
  public var dropped = 0
}
