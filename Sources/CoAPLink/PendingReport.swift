// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import Platform

/// The state of a session's token.
enum Authentication: Equatable {
  case none
  case inFlight(ExchangeID)
  case waiting(until: Instant)
  case done
}

/// The report in flight, kept in plaintext so that it can be sealed again under another number or
/// key.
struct PendingReport {
  enum Phase: Equatable {
    case none
    case awaitingToken
    /// The owner has to store the token, or a higher limit of numbers, before it is sent.
    case awaitingStore
    case inFlight(ExchangeID)
    case waiting(until: Instant)
  }

  var phase = Phase.none
  /// The result so far.
  var result = ReportResult()
  /// The topic; empty for `/pull`.
  var topic = Topic()
  var format = ContentFormat.json
  var accept: ContentFormat?
  var payload = FixedBytes<1_024>()
  /// The next block of the answer to request, once the first was received, and the answer's ETag,
  /// which is valid from then on.
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
  /// The number of further blocks requested.
  var blockRequests = 0
  #endif
  var tag = FixedBytes<8>()
  var startedAt = Instant(milliseconds: 0)
  var retries = 0
  /// Whether it was sent under a new token because the platform rejected the old one.
  var hasReauthenticated = false
  /// Whether it was sent under a new token because the two ends may have had different keys.
  var hasChangedKeys = false
  /// Whether the platform has accepted it with an answer that cannot be decrypted.
  var isTaken = false
  /// Whether it was sent again after a Reset, which anybody may have sent.
  var wasReset = false

  /// Starts over with the contents of `topic` and `payload`.
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

/// The kind of a `DeviceEvent`: the reason of a failure and the report's result are stored
/// separately.
struct WaitingEvent: Equatable {
  let bit: UInt8

  static let registered = Self(bit: 0b1)
  static let registrationFailed = Self(bit: 0b10)
  static let authenticated = Self(bit: 0b100)
  static let authenticationFailed = Self(bit: 0b1000)
  static let answerBlock = Self(bit: 0b1_0000)
  static let report = Self(bit: 0b10_0000)
}

/// The events waiting for `pollEvent`: one each for registration, token, part of an answer and
/// report, in the order in which they happen.
///
/// If the owner does not poll, the last event of each kind is kept.
struct WaitingEvents {
  private var waiting: UInt8 = 0
  /// Why the registration or the authentication has failed, which fail together.
  ///
  /// It is meaningless before.
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
