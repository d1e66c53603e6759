// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore

/// The state of one request; a `KeptRequest` holds its bytes.
struct Exchange {
  enum Phase {
    /// The slot is not in use.
    case free
    /// Waiting until NSTART allows sending.
    case queued
    /// Sent; neither acknowledged nor answered.
    case awaitingAcknowledgement
    /// Acknowledged or non-confirmable; not answered.
    case awaitingResponse
    /// A registered observation between two notifications.
    case observing
    /// Over, with an event to report.
    case timedOut, concluded
  }

  var phase = Phase.free
  var isDue = false
  /// Whether the acknowledgement of the message ID carried an answer.
  var isAnswered = false
  #if DEVICE_ONLY
  // A device's requests have none of these; the compiler drops the code for them.
  var isConfirmable: Bool {
    get { true }
    set { precondition(newValue, "a device's requests are confirmable") }
  }
  var isPing: Bool {
    get { false }
    set { precondition(!newValue, "a device's endpoint sends no pings") }
  }
  var unwanted: UInt32 {
    get { 0 }
    set { precondition(newValue == 0, "a device's endpoint wants every answer") }
  }
  var observation: Observation? {
    get { nil }
    set { precondition(newValue == nil, "a device's endpoint observes nothing") }
  }
  var isCancelling: Bool {
    get { false }
    set { precondition(!newValue, "a device's endpoint observes nothing") }
  }
  var isStale: Bool {
    get { false }
    set { precondition(!newValue, "a device's endpoint observes nothing") }
  }
  var hasStaleEvent: Bool {
    get { false }
    set { precondition(!newValue, "a device's endpoint observes nothing") }
  }
  #else
  var isConfirmable = false
  var isPing = false
  /// The classes of answers that No-Response asked not to send: bit 1 for 2.xx, 3 for 4.xx, 4 for
  /// 5.xx.
  var unwanted: UInt32 = 0
  var observation: Observation?
  var isCancelling = false
  var isStale = false
  var hasStaleEvent = false
  #endif
  var hasEchoed = false
  var number: UInt32 = 0
  var messageID: UInt16 = 0
  var token = Token()
  var random: UInt32 = 0
  var transmissions = 0
  var hasOwnParameters = false
  var timeout = Milliseconds(0)
  /// The growth of the timeout in thousandths.
  var growth: Int64 = 2_000
  var deadline = Instant(milliseconds: 0)
  var startedAt = Instant(milliseconds: 0)
  var parameters = TransmissionParameters.standard

  var id: ExchangeID { ExchangeID(number: number) }

  var isWaiting: Bool { phase == .awaitingAcknowledgement || phase == .awaitingResponse }

  /// Whether `pollEvent` has an event to report.
  var hasEvent: Bool { phase == .timedOut || phase == .concluded || hasStaleEvent }

  /// Whether a response with that token would belong to the exchange.
  func uses(_ token: Token) -> Bool {
    phase != .free && phase != .timedOut && phase != .concluded && !isPing && self.token == token
  }

  /// Whether something is to happen at `deadline`.
  var hasDeadline: Bool { !isDue && (isWaiting || isObserving) }

  /// Whether the exchange is a registered observation between two notifications.
  var isObserving: Bool { observes && phase == .observing }

  /// Whether a response with the exchange's token belongs to it.
  var takesResponses: Bool {
    // conformance: 7252-5.2.3-a
    isWaiting && transmissions > 0 || isObserving
      || observation?.isRegistered == true && (isWaiting || phase == .queued)
  }

  /// RFC 7252 Section 4.7: outstanding is a request that is neither acknowledged nor answered.
  var isOutstanding: Bool {
    phase == .awaitingAcknowledgement || phase == .awaitingResponse && !isConfirmable
  }

  /// RFC 7967 Section 2.1: whether no response of any class is wanted.
  var wantsNoAnswer: Bool { unwanted & 0b11010 == 0b11010 }

  /// Starts over with another request.
  mutating func begin(_ id: ExchangeID, random: UInt32) {
    number = id.number
    isAnswered = false
    hasEchoed = false
    observation = nil
    isCancelling = false
    isStale = false
    hasStaleEvent = false
    unwanted = 0
    isPing = false
    queue()
    self.random = random
  }

  /// Finds out what the request asks of its exchange: which answers No-Response does not want, and
  /// whether it registers an observation.
  mutating func read(_ bytes: Span<UInt8>) {
    guard observes else { return }
    let request = viewOfOwnMessage(bytes)
    unwanted = request.uint(.noResponse) ?? 0
    // RFC 7641 Section 2: a GET with Observe 0 registers; RFC 8132 adds FETCH.
    if request.code == .get || request.code == .fetch, request.uint(.observe) == 0 {
      observation = Observation()
    }
  }

  /// Queues the request, with new timers and its own message ID.
  mutating func queue() {
    // A 32-bit number derived from the caller's; it only spreads timers.
    random = random &* 1_664_525 &+ 1_013_904_223
    phase = .queued
    isDue = false
    transmissions = 0
    isAnswered = false
  }

  /// Starts sending with `messageID`.
  mutating func start(
    messageID: UInt16,
    timeout: Milliseconds,
    growth: Int64,
    at now: Instant
  ) {
    self.messageID = messageID
    deadline = now
    self.timeout = timeout
    self.growth = growth
    phase = .awaitingAcknowledgement
    isDue = true
  }

  /// Whether the message may be sent once more: not much later than MAX_TRANSMIT_SPAN after the first
  /// time.
  ///
  /// Later the server may have forgotten that one and take the message for another (RFC 7252 Section
  /// 4.8.2). It happens to a device that slept. Timers that fire late have PROCESSING_DELAY, which
  /// EXCHANGE_LIFETIME contains.
  @inline(never)  // As `waitOut`; both are mutating, or the exchange would be copied first.
  mutating func mayRetransmit(at now: Instant) -> Bool {
    guard transmissions > 0 else { return true }
    // conformance: 7252-4.2-g
    return transmissions <= parameters.maxRetransmit
      && now - startedAt <= parameters.maxTransmitSpan + parameters.processingDelay
  }

  /// Lets nothing happen before MAX_TRANSMIT_WAIT is over.
  @inline(never)
  mutating func waitOut() { deadline = startedAt + parameters.maxTransmitWait }

  /// Records a transmission, and sets the time of the next action.
  mutating func recordTransmission(at now: Instant) {
    isDue = false
    transmissions += 1
    if transmissions == 1 { startedAt = now }
    guard isConfirmable else {
      phase = wantsNoAnswer ? .concluded : .awaitingResponse
      waitOut()
      return
    }
    // conformance: 7252-4.2-f
    deadline = now + timeout
    timeout = knowsRoundTrips ? timeout.scaled(by: growth, over: 1_000) : timeout * 2
    // After the last retransmission wait out the whole MAX_TRANSMIT_WAIT: that costs no bytes, and
    // an answer may still be on its way.
    if !mayRetransmit(at: deadline) { waitOut() }
  }

  /// Handles the expiry of the deadline.
  mutating func handleTimeout(at now: Instant) {
    switch phase {
    case .awaitingAcknowledgement:
      if mayRetransmit(at: now) {
        isDue = true
        return
      }
      waitOut()
      if deadline <= now { phase = .timedOut }
    case .awaitingResponse:
      // Who asked not to hear of success (RFC 7967 Section 2.1) heard of no failure.
      phase = unwanted & 0b10 != 0 ? .concluded : .timedOut
    case .observing where observes:
      if isStale {
        // A single lost datagram must not end the observation, however it began.
        // conformance: 7641-3.3.1-a
        isConfirmable = true
        queue()
      } else {
        isStale = true
        hasStaleEvent = true
        // conformance: 7641-3.3.1-b
        // RFC 7641 Section 3.3.1: a random time between 5 and 15 seconds.
        deadline = now + Milliseconds(5_000 + Int64(widening: random >> 16) * 10_000 / 65_536)
      }
    case .free, .queued, .observing, .timedOut, .concluded: break
    }
  }

  /// Records that the request has arrived: stop retransmitting, and wait as long for the answer as
  /// for the acknowledgement.
  mutating func awaitResponse(at now: Instant) {
    phase = wantsNoAnswer ? .concluded : .awaitingResponse
    isDue = false
    deadline = now + parameters.maxTransmitWait
  }

  /// Records a notification whose state is fresh for `maxAge` seconds.
  mutating func observe(maxAge: UInt32, at now: Instant) {
    phase = .observing
    isDue = false
    isStale = false
    hasStaleEvent = false
    hasEchoed = false
    deadline = now + Milliseconds(Int64(widening: maxAge)) * 1_000
  }

  /// Frees the slot for another exchange.
  mutating func release() {
    phase = .free
    isDue = false
    hasStaleEvent = false
  }
}
