// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
public import ConstrainedCore

/// The client's half of RFC 7252 Sections 4 and 5 with one server, as a state machine without I/O,
/// with Observe (RFC 7641), No-Response (RFC 7967) and Echo (RFC 9175).
///
/// Order of calls: `send` to start a request; then repeat until it is over: `pollTransmit` until it
/// returns `nil`, `pollEvent` until it returns `nil`, wait for a datagram or for `pollTimeout`, and
/// pass the datagram to `handle` or `handleMalformed`, the time to `handleTimeout`. Time and
/// randomness are arguments. `BlockwiseTransfer` makes the requests for a body of more than one
/// message.
///
/// It holds at most `maxExchanges` requests and observations, of at most `maxMessageSize` bytes
/// each, and sends at most NSTART of them at once; the others wait in the order of `send`.
/// Duplicates of the last `maxDuplicates` responses are detected during their lifetimes;
/// `DuplicateTable` describes what happens when it is full. No heap.
///
/// Calls from its owner are not inlined: within a session the endpoint's fields are so far from the
/// start that each access takes a longer instruction.
public struct ClientEndpoint<
  let maxExchanges: Int,
  let maxMessageSize: Int,
  let maxDuplicates: Int
>: ~Copyable {
  var slots: InlineArray<maxExchanges, Exchange>
  /// The bytes of each slot's request.
  var requests: InlineArray<maxExchanges, KeptRequest<maxMessageSize>>
  let parameters: TransmissionParameters
  var adaptiveTimeout: AdaptiveTimeout?
  var messageIDs: MessageIDSource
  var tokens: TokenSource
  var nextNumber: UInt32 = 1
  var replies = ReplyQueue()
  var duplicates = DuplicateTable<maxDuplicates>()
  /// Until when no other non-confirmable request is sent, unless the server answers.
  #if DEVICE_ONLY
  var probingUntil: Instant {
    get { Instant(milliseconds: .min) }
    set {}
  }
  #else
  var probingUntil = Instant(milliseconds: .min)
  #endif

  /// Starts without exchanges.
  ///
  /// `key`, 128 bits that nobody can guess, makes message IDs (RFC 7252 Section 4.4) and tokens (Section
  /// 5.3.1) unpredictable; it is drawn anew each time a device starts. With `isAdaptive` the
  /// retransmission timeout follows the round trips that are measured, in the manner of CoCoA;
  /// requests with parameters of their own keep to these. A program built with SMALL has no such timeout.
  public init(
    parameters: TransmissionParameters,
    isAdaptive: Bool = false,
    key: (UInt64, UInt64)
  ) {
    self.parameters = parameters
    adaptiveTimeout = isAdaptive && knowsRoundTrips ? AdaptiveTimeout(parameters) : nil
    slots = InlineArray(repeating: Exchange())
    requests = InlineArray(repeating: KeptRequest())
    tokens = TokenSource(key: key)
    messageIDs = MessageIDSource(key: tokens.derivedKey())
  }

  /// Whether no exchange is running, nothing is observed and no reply is waiting.
  @inline(never)
  public var isIdle: Bool {
    if !replies.isEmpty { return false }
    for index in slots.indices where slots[index].phase != .free { return false }
    return true
  }

  /// The index of the first exchange that matches.
  ///
  /// `Sequence.first(where:)` would allocate on a 32-bit machine.
  func firstSlot(where matches: (borrowing Exchange) -> Bool) -> Int? {
    for index in slots.indices where matches(slots[index]) { return index }
    return nil
  }
}

// MARK: - Commands

extension ClientEndpoint {
  /// A token of 4 bytes for a new request; tokens do not repeat.
  public mutating func newToken() -> Token { tokens.next() }

  /// Sends a request as soon as NSTART allows; `build` writes its options and payload.
  ///
  /// `random` spreads its retransmissions; `parameters` are those of this request alone, but for
  /// NSTART. The message ID is drawn when the request goes out. A GET or FETCH with Observe 0
  /// registers an observation, which lasts until it is cancelled or ends; No-Response (RFC 7967) in
  /// the request says which answers are not waited for. Of a request that `isPlain` the caller knows that it
  /// asks for neither, so that its options are not looked through.
  public mutating func send(
    _ code: Code,
    type: MessageType = .confirmable,
    token: Token,
    random: UInt32,
    parameters: TransmissionParameters? = nil,
    isPlain: Bool = false,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(ExchangeError) -> ExchangeID {
    // conformance: 7252-4.3-a
    guard code.isRequest, type == .confirmable || type == .nonConfirmable else {
      throw .notARequest(code)
    }
    let index = try keep(code, type, token, parameters, build)
    slots[index].begin(ExchangeID(number: nextNumber), random: random)
    nextNumber &+= 1
    if !isPlain { slots[index].read(requests[index].bytes) }
    return slots[index].id
  }

  /// Sends a ping: an empty confirmable message, which a server answers with a Reset (RFC 7252
  /// Section 4.3).
  public mutating func ping(
    random: UInt32,
    parameters: TransmissionParameters? = nil
  ) throws(ExchangeError) -> ExchangeID {
    let index = try keep(.empty, .confirmable, Token(), parameters) { _ in }
    slots[index].begin(ExchangeID(number: nextNumber), random: random)
    nextNumber &+= 1
    slots[index].isPing = true
    return slots[index].id
  }

  /// Forgets the exchange and stops its retransmissions; what still comes for it is ignored.
  ///
  /// An observation is given up so without a byte: the next notification is refused with a Reset,
  /// which tells the server (RFC 7641 Section 3.6).
  @inline(never)
  public mutating func cancel(_ exchange: ExchangeID) {
    for index in slots.indices where slots[index].phase != .free && slots[index].id == exchange {
      slots[index].release()
    }
  }

  /// Ends an observation by a request to the server, the one that registered it with Observe 1 (RFC
  /// 7641 Section 3.6); its answer is the exchange's response.
  public mutating func cancelObservation(_ exchange: ExchangeID) throws(ExchangeError) {
    guard
      let index = firstSlot(where: {
        $0.id == exchange && $0.takesResponses && $0.observation != nil && !$0.isCancelling
      })
    else { throw .notAnObservation }
    var changes = OptionChanges()
    changes.set(.observe, uint: 1)
    // conformance: 7641-3.6-a
    guard requests[index].change(changes, token: slots[index].token) else {
      throw .message(.capacity)
    }
    slots[index].isConfirmable = true
    slots[index].isCancelling = true
    slots[index].queue()
  }

  /// Sends a request again at once, for example over another association in place of one that broke;
  /// nothing when it was acknowledged, or when as many transmissions as are allowed were made.
  public mutating func sendAgain(_ exchange: ExchangeID, at now: Instant) {
    for index in slots.indices
    where slots[index].phase == .awaitingAcknowledgement && slots[index].id == exchange {
      if slots[index].mayRetransmit(at: now) { slots[index].isDue = true }
    }
  }

  /// Starts a request over, with all its retransmissions and another message ID, and says whether: not
  /// when it was acknowledged or has not been sent yet.
  ///
  /// For another DTLS association, where it is a new message (RFC 7252 Section 9.1.1).
  public mutating func startOver(_ exchange: ExchangeID) -> Bool {
    guard
      let index = firstSlot(where: {
        $0.phase == .awaitingAcknowledgement && $0.id == exchange && $0.transmissions > 0
      })
    else { return false }
    // conformance: 7252-9.1.1-b
    slots[index].queue()
    return true
  }

  /// Discards the record of received messages and the waiting replies: over another DTLS
  /// association message IDs have a new meaning (RFC 7252 Section 9.1.1).
  public mutating func forgetMessages() {
    // conformance: 7252-9.1.1-c
    duplicates = DuplicateTable()
    replies.removeAll()
  }

  /// Discards the measured round-trip times: after a sleep the network may be another one.
  public mutating func resetTimeout() {
    if knowsRoundTrips { adaptiveTimeout?.reset() }
  }

  /// Writes a message into a free slot without occupying it.
  private mutating func keep(
    _ code: Code,
    _ type: MessageType,
    _ token: Token,
    _ parameters: TransmissionParameters?,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(ExchangeError) -> Int {
    guard let index = firstSlot(where: { $0.phase == .free }) else { throw .tableFull }
    // conformance: 7252-5.3.1-a
    if code != .empty, firstSlot(where: { $0.uses(token) }) != nil { throw .tokenInUse }
    do throws(MessageWriterError) {
      try requests[index].write(code, type, token, build)
    } catch {
      throw .message(error)
    }
    slots[index].token = token
    slots[index].isConfirmable = type == .confirmable
    slots[index].parameters = parameters ?? self.parameters
    slots[index].hasOwnParameters = parameters != nil
    return index
  }
}

// MARK: - Output

extension ClientEndpoint {
  /// Writes the next datagram, complete, into an empty `output`; `nil` if there is none.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> Transmission? {
    try pollTransmit(at: now) { (datagram: Span<UInt8>) throws(CapacityError) in
      try output.append(datagram)
    }
  }

  /// Passes the next datagram to `send` in place; `nil` if there is none.
  ///
  /// If `send` throws, the datagram counts as not sent.
  public mutating func pollTransmit<Failure: Error>(
    at now: Instant,
    _ send: (Span<UInt8>) throws(Failure) -> Void
  ) throws(Failure) -> Transmission? {
    guard let next = next(at: now) else { return nil }
    if next == maxExchanges { try send(replies.first) } else { try send(requests[next].bytes) }
    return noteSent(next, at: now)
  }

  /// The slot of the next request to send; `maxExchanges` for the first reply.
  @inline(never)
  private mutating func next(at now: Instant) -> Int? {
    if !replies.isEmpty {
      replies.write()
      return maxExchanges
    }
    startQueued(at: now)
    for index in slots.indices where slots[index].isDue {
      if slots[index].mayRetransmit(at: now) { return index }
      slots[index].isDue = false
      slots[index].waitOut()
    }
    return nil
  }

  /// Records that the datagram found by `next` was sent.
  @inline(never)
  private mutating func noteSent(_ index: Int, at now: Instant) -> Transmission {
    if index == maxExchanges {
      replies.removeFirst()
      return .reply
    }
    slots[index].recordTransmission(at: now)
    noteUnanswered(index, at: now)
    return .request(slots[index].id, attempt: slots[index].transmissions)
  }

  /// The time of the next calls of `handleTimeout`, `pollTransmit` and `pollEvent`, in the past if
  /// they are due; `nil` if nothing is pending.
  @inline(never)
  public func pollTimeout() -> Instant? {
    var earliest: Instant?
    let isFull = outstandingCount >= parameters.nstart
    for index in slots.indices {
      let deadline: Instant
      if slots[index].phase == .queued {
        deadline = mayStart(index)
        if isFull || deadline.milliseconds == .min { continue }
      } else if slots[index].phase != .free {
        deadline = slots[index].hasEvent ? slots[index].startedAt : slots[index].deadline
      } else {
        continue
      }
      if let known = earliest, known <= deadline { continue }
      earliest = deadline
    }
    return earliest
  }

  /// The next event since the last call; `nil` if there are no more.
  public mutating func pollEvent() -> ExchangeEvent? {
    for index in slots.indices {
      let id = slots[index].id
      switch slots[index].phase {
      case .timedOut:
        slots[index].release()
        return .timedOut(id)
      case .concluded:
        slots[index].release()
        return .concluded(id)
      default: break
      }
      if slots[index].hasStaleEvent {
        slots[index].hasStaleEvent = false
        return .stale(id)
      }
    }
    return nil
  }

  /// The earliest time for a queued request, as far as time limits apply.
  private func mayStart(_ index: Int) -> Instant {
    slots[index].isConfirmable ? messageIDs.available : max(messageIDs.available, probingUntil)
  }

  private var outstandingCount: Int {
    var count = 0
    for index in slots.indices where slots[index].isOutstanding { count += 1 }
    return count
  }

  /// Starts the oldest waiting request, if NSTART and time allow one more; the others follow with
  /// the next calls, because each started request is due.
  private mutating func startQueued(at now: Instant) {
    // conformance: 7252-4.7-a
    guard outstandingCount < parameters.nstart else { return }
    var next: Int?
    for index in slots.indices where slots[index].phase == .queued && mayStart(index) <= now {
      if let known = next, slots[known].number < slots[index].number { continue }
      next = index
    }
    if let next { start(next, at: now) }
  }

  private mutating func start(_ index: Int, at now: Instant) {
    let parameters = slots[index].parameters
    let lifetime = parameters.lifetime(isConfirmable: slots[index].isConfirmable)
    let random = slots[index].random
    var timeout = parameters.initialTimeout(random: random)
    var growth: Int64 = 2_000
    if knowsRoundTrips, !slots[index].hasOwnParameters,
      let base = adaptiveTimeout?.timeout(at: now)
    {
      timeout = parameters.initialTimeout(random: random, base: base)
      growth = AdaptiveTimeout.growth(of: base)
    }
    let messageID = messageIDs.take(until: now + lifetime)
    requests[index].start(messageID: messageID, isConfirmable: slots[index].isConfirmable)
    slots[index].start(messageID: messageID, timeout: timeout, growth: growth, at: now)
  }

  /// RFC 7252 Section 4.7: to a server that does not answer, no more than PROBING_RATE is sent.
  ///
  /// Confirmable requests keep to it by their retransmission; this is for the others, from their
  /// transmission until an answer shows that the server is there.
  private mutating func noteUnanswered(_ index: Int, at now: Instant) {
    guard !slots[index].isConfirmable else { return }
    let bytes = Int64(widening: UInt32(truncatingIfNeeded: requests[index].count))
    let rate = UInt32(truncatingIfNeeded: slots[index].parameters.probingRate)
    let pause = Milliseconds(bytes).scaled(by: 1_000, over: rate)
    // conformance: 7252-4.7-b 7967-3.2-a
    probingUntil = max(probingUntil, now) + pause
  }
}
