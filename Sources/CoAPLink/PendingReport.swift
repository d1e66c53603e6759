internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import Platform

/// Where a session stands with its token.
enum Authentication: Equatable {
  case none
  case inFlight(ExchangeID)
  case waiting(until: Instant)
  case done
}

/// The report under way, kept in plain so that it can be sealed again under another number or key.
struct PendingReport {
  enum Phase: Equatable {
    case none
    case awaitingToken
    /// The owner has to keep the token, or numbers, before it is sent.
    case awaitingStore
    case inFlight(ExchangeID)
    case waiting(until: Instant)
  }

  var phase = Phase.none
  /// What it has come to so far.
  var result = ReportResult()
  /// Where it goes; without bytes for `/pull`.
  var topic = Topic()
  var format = ContentFormat.json
  var accept: ContentFormat?
  var payload = FixedBytes<1_024>()
  /// The block of the answer that is asked for next, once the first has come; and the answer's ETag,
  /// which means something then.
  #if SMALL
  var block: BlockOption? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL session takes no answers in blocks") }
  }
  var blockRequests: Int {
    get { 0 }
    set { precondition(newValue == 0, "a SMALL session takes no answers in blocks") }
  }
  #else
  var block: BlockOption?
  /// How many further blocks were asked for.
  var blockRequests = 0
  #endif
  var tag = FixedBytes<8>()
  var startedAt = Instant(milliseconds: 0)
  var retries = 0
  /// Whether it was sent under a new token because the platform took the old one for invalid.
  var hasReauthenticated = false
  /// Whether it was sent under a new token because the two ends may have had different keys.
  var hasChangedKeys = false
  /// Whether the platform has taken it, with an answer that does not open.
  var isTaken = false
  /// Whether it was sent once more after a Reset, which anybody may have sent.
  var wasReset = false

  /// Starts over with what `topic` and `payload` hold.
  mutating func begin(
    _ id: ReportID,
    format: ContentFormat,
    accept: ContentFormat?,
    at now: Instant
  ) {
    result.id = id
    result.messageID.removeAll()
    result.sequence = nil
    result.bytesUp = 0
    result.bytesDown = 0
    result.transmissions = 0
    result.retryAfter = Milliseconds(0)
    result.gap = nil
    result.replyCode = nil
    self.format = format
    self.accept = accept
    phase = .awaitingToken
    block = nil
    blockRequests = 0
    startedAt = now
    retries = 0
    hasReauthenticated = false
    hasChangedKeys = false
    isTaken = false
    wasReset = false
  }
}

/// What a `DeviceEvent` is made of: why it failed and what the report has come to have places of their own.
struct WaitingEvent: Equatable {
  let bit: UInt8

  static let registered = Self(bit: 0b1)
  static let registrationFailed = Self(bit: 0b10)
  static let authenticated = Self(bit: 0b100)
  static let authenticationFailed = Self(bit: 0b1000)
  static let answerBlock = Self(bit: 0b1_0000)
  static let report = Self(bit: 0b10_0000)
}

/// The events that wait for `pollEvent`: of the registration, of the token, of a part of the answer and of
/// the report one each, in this order, which is the one that they happen in.
///
/// When the owner polls none, the last of each counts.
struct EventQueue {
  private var waiting: UInt8 = 0
  /// Why the registration or the authentication has failed: the one fails with the other.
  ///
  /// It means nothing before.
  private(set) var failure = AuthenticationFailure.refused(.empty)

  var isEmpty: Bool { waiting == 0 }

  @inline(__always)
  mutating func append(_ event: WaitingEvent) {
    if event.bit & 0b11 > 0 { waiting &= ~0b11 }
    if event.bit & 0b1100 > 0 { waiting &= ~0b1100 }
    waiting |= event.bit
  }

  mutating func append(_ event: WaitingEvent, because failure: AuthenticationFailure) {
    append(event)
    self.failure = failure
  }

  mutating func removeFirst() -> WaitingEvent {
    let first = waiting & (0 &- waiting)
    waiting ^= first
    return WaitingEvent(bit: first)
  }
}
