// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import HTTPSLayer
public import OpenSSLSupport
public import Platform
internal import PlatformHTTPS
public import ReportLink

/// One device on the platform over HTTPS (device guide 3.7 and 3.8).
///
/// It authenticates when it must, and delivers reports, one at a time. The platform cannot speak to it.
///
/// A state machine over an `HTTPSLayer`, without I/O and clock of its own. Order of calls: `begin` a report while the
/// link `isFree`; again and again `handleTimeout` with the time, whenever the layer's descriptor is readable or
/// `pollTimeout` has come, then `pollEvent` until it gives `nil`. `setDate` says what time the calendar's clock has.
///
/// Memory: about 1.4 KB, in place, and the report's body in the layer. No call allocates here.
public struct HTTPSLink<Layer: HTTPSLayer & ~Copyable, Randomness: RandomSource>: ~Copyable {
  var phase = Phase.idle
  /// The time of the last call that told it.
  var now = Instant(milliseconds: .min)
  /// The report to be delivered, whose body the layer holds.
  var report: Report?
  /// Whether the report of the last event is to be told of.
  var hasEnded = false
  /// `authenticated` or `authenticationFailed`, to be told of.
  var authenticationEvent: HTTPSLinkEvent?
  /// Whether a difference of the clocks is to be told of.
  var isClockToTell = false

  /// The platform's token; empty without one.
  var token = FixedBytes<192>()
  /// When it was got; `nil` where an earlier process did, whose owner watches its age.
  var tokenSince: Instant?
  /// Whether the owner has not stored it yet.
  var isTokenUnkept = false

  /// What the calendar's clock said when, in seconds since 1970.
  var date: (seconds: UInt64, at: Instant)?
  /// What the calendar's clock showed when, right or wrong; `nil` where only `date` is known.
  var clock: (seconds: UInt64, at: Instant)?
  /// What the server's clock said when.
  var serverDate: (seconds: UInt64, at: Instant)?
  /// The difference of the clocks that was told of last, in seconds; 0 while they agree.
  var clockDifference: Int64 = 0

  /// The hash of the topic at which the last answer was missing; 0 without one.
  var suspect: UInt64 = 0

  /// How the report of the last event `report` ended.
  public internal(set) var ending = ReportEnding(.unreachable)
  /// Which report that was.
  public internal(set) var endedID: UInt64 = 0
  /// Why the last request that failed did.
  public internal(set) var failure = HTTPSLinkFailure.transfer(.unreachable)
  /// The platform's id of the last report that was delivered, in its own digits; empty where it gave none.
  public internal(set) var messageID = FixedBytes<64>()
  /// The platform's text in its last answer, for people; empty without one.
  public internal(set) var message = FixedBytes<128>()
  /// What the link has done.
  public internal(set) var counters = HTTPSLinkCounters()

  let settings: HTTPSLinkSettings
  let identity: DeviceIdentity
  var secret: SecretBytes
  var layer: Layer
  var randomness: Randomness

  /// What the link waits for, until then at most; the layer's own limit comes first.
  enum Phase: Equatable {
    case idle
    case authenticating(until: Instant)
    case reporting(until: Instant)
    /// The server could not say anything better than that it has failed: the same again then.
    case pausing(until: Instant)
  }

  /// A report under way.
  struct Report {
    var id: UInt64
    var topic: Topic
    /// The hash of it.
    var topicKey: UInt64
    var count: Int
    /// Whether it was sent at least once, so that the platform may have it.
    var wasSent = false
    /// Whether the device has authenticated for it because its token was refused.
    var hasRenewed = false
    /// How often the server has failed at it.
    var failures: UInt8 = 0
  }

  /// A device without a token; nothing is sent yet.
  public init(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: HTTPSLinkSettings = HTTPSLinkSettings(),
    layer: consuming Layer,
    randomness: Randomness
  ) throws(HTTPSSettingsError) {
    self.identity = identity
    self.secret = secret
    self.settings = settings
    self.layer = layer
    self.randomness = randomness
    // At the end: a throw before the last property is set destroys each part apart.
    switch settings.signMethod {
    case .hmacMD5, .hmacSHA1: break
    case .hmacSHA256: throw .signMethod
    }
    guard settings.maxBody > 0, settings.maxBody <= HTTPSReportRequest.maxBody,
      settings.tokenLifetime.count > 0, settings.answerTimeout.count > 0, settings.slowestRate > 0,
      settings.retry.count > 0
    else { throw .limits }
  }

  /// Says what the calendar's clock has at `now`, in seconds since 1970; 0 where it is not set.
  public mutating func setDate(_ seconds: UInt64, at now: Instant) {
    date = seconds == 0 ? nil : (seconds, now)
  }

  /// Says what the calendar's clock shows at `now`, in seconds since 1970, right or wrong: it is compared with the
  /// server's, and nothing is sent by it.
  public mutating func setClock(_ seconds: UInt64, at now: Instant) { clock = (seconds, now) }

  /// By how many seconds the server's clock is ahead of this machine's; 0 while it is less than 15 minutes to either
  /// side, or unknown.
  public var clockError: Int64 { clockDifference }

  /// The body of the last answer, until the next request; after an authentication it has the token.
  public var answer: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.body }
  }

  /// What is readable while there is something to take in.
  public var descriptor: Int32 { layer.descriptor }

  /// Never: a connection is closed at once.
  public var isClosing: Bool { false }

  /// Overwrites the token and forgets it.
  mutating func wipeToken() {
    token.withStorage { wipe(&$0) }
    token.removeAll()
    tokenSince = nil
    isTokenUnkept = false
  }

  /// What time the calendar has at `now` by that reading.
  func seconds(_ reading: (seconds: UInt64, at: Instant)) -> UInt64 {
    let passed = max(now - reading.at, Milliseconds(0))
    return reading.seconds &+ UInt64(widening: passed.seconds)
  }
}
