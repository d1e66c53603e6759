internal import AliyunIoT
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore

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
  #else
  var block: BlockOption?
  #endif
  var tag = FixedBytes<8>()
  var startedAt = Instant(milliseconds: 0)
  var retries = 0
  var hasReauthenticated = false

  /// Starts over with what `payload` holds.
  mutating func begin(
    _ id: ReportID,
    topic: borrowing @_addressable Topic,
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
    self.topic = copy topic
    self.format = format
    self.accept = accept
    phase = .awaitingToken
    block = nil
    startedAt = now
    retries = 0
    hasReauthenticated = false
  }
}

/// What a `DeviceEvent` is made of: of a report's end only that it came, for the result is long and has a
/// place of its own.
enum WaitingEvent {
  case authenticated
  case authenticationFailed(AuthenticationFailure)
  case registered
  case registrationFailed(AuthenticationFailure)
  case answerBlock
  case report
}

/// The events that wait for `pollEvent`; a session makes at most three between its owner's calls: one
/// each of its registration, its token and its report.
///
/// When the owner polls none, the oldest is dropped, and the end of a report takes the place of that of
/// another one.
struct EventQueue {
  private var entries = InlineArray<4, WaitingEvent>(repeating: .report)
  private var start = 0
  private var count = 0
  private var hasReport = false

  var isEmpty: Bool { count == 0 }

  @inline(never)
  mutating func append(_ event: WaitingEvent) {
    if case .report = event {
      if hasReport { return }
      hasReport = true
    }
    if count == entries.count { _ = removeFirst() }
    entries[(start + count) % entries.count] = event
    count += 1
  }

  @inline(never)
  mutating func removeFirst() -> WaitingEvent? {
    guard count > 0 else { return nil }
    let first = entries[start]
    start = (start + 1) % entries.count
    count -= 1
    if case .report = first { hasReport = false }
    return first
  }
}
