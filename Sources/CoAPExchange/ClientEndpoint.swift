public import CoAPMessage
public import ConstrainedCore

/// The client's half of RFC 7252 Sections 4 and 5 with one server, as a state machine without I/O.
///
/// Order of calls: `newMessageID` and `send` to start a request; then, until it is over, again and
/// again: `pollTransmit` until it gives `nil`, wait for a datagram or for `pollTimeout`, hand the
/// one to `handle` or `handleMalformed` and the other to `handleTimeout`, then `pollEvent` until it
/// gives `nil`. Time and randomness are arguments.
///
/// It holds at most `maxExchanges` requests, of at most `maxMessageSize` bytes each, and sends no
/// more than NSTART of them at once; the others wait in the order of `send`. No heap.
public struct ClientEndpoint<let maxExchanges: Int, let maxMessageSize: Int>: ~Copyable {
  private var slots: InlineArray<maxExchanges, Exchange<maxMessageSize>>
  private var parameters: TransmissionParameters
  private var nextMessageID: UInt16
  private var nextNumber: UInt32 = 1
  private var replies = ReplyQueue()
  private var answered = RecentMessageIDs()

  /// Starts with no exchange; `random` makes the first message ID unpredictable (RFC 7252
  /// Section 4.4).
  public init(parameters: TransmissionParameters, random: UInt32) {
    self.parameters = parameters
    slots = InlineArray(repeating: Exchange())
    nextMessageID = UInt16(truncatingIfNeeded: random)
  }

  /// Whether no exchange is under way and no reply is waiting to be sent.
  public var isIdle: Bool {
    if !replies.isEmpty { return false }
    for index in slots.indices where slots[index].phase != .free { return false }
    return true
  }
}

// MARK: - Input

extension ClientEndpoint {
  /// Takes in a message from the server.
  public mutating func handle(_ message: borrowing MessageView, at now: Instant) -> Reception {
    switch message.type {
    case .acknowledgement: return handleAcknowledgement(message, at: now)
    case .reset: return handleReset(message)
    case .confirmable, .nonConfirmable: return handleSeparate(message, at: now)
    }
  }

  /// Takes in a datagram that is not a message: a confirmable one is refused with a Reset
  /// (RFC 7252 Section 4.2), anything else and any unknown version is ignored (Sections 3 and 4.3).
  public mutating func handleMalformed(
    _ datagram: Span<UInt8>,
    _ error: MessageFormatError
  ) {
    switch error {
    case .truncatedHeader, .unknownVersion: return
    default: break
    }
    guard datagram[0] >> 4 & 0x03 == MessageType.confirmable.rawValue else { return }
    replies.append(.reset, messageID: UInt16(datagram[2]) << 8 | UInt16(datagram[3]))
  }

  /// Takes in that time has passed; call it at or after `pollTimeout`.
  public mutating func handleTimeout(at now: Instant) {
    for index in slots.indices where slots[index].isWaiting && slots[index].deadline <= now {
      if slots[index].phase == .awaitingAcknowledgement,
        slots[index].transmissions <= slots[index].parameters.maxRetransmit
      {
        slots[index].isDue = true
      } else {
        slots[index].phase = .timedOut
        slots[index].isDue = false
      }
    }
  }
}

// MARK: - Commands

extension ClientEndpoint {
  /// A message ID that has not been used for the longest time (RFC 7252 Section 4.4).
  public mutating func newMessageID() -> UInt16 {
    nextMessageID &+= 1
    return nextMessageID
  }

  /// Sends `request`, a whole confirmable message with an ID from `newMessageID`, as soon as NSTART
  /// allows; `random` spreads its retransmissions.
  public mutating func send(
    _ request: Span<UInt8>,
    random: UInt32,
    parameters: TransmissionParameters? = nil
  ) throws(ExchangeError) -> ExchangeID {
    guard request.count <= maxMessageSize else { throw .messageTooLong(limit: maxMessageSize) }
    guard let index = firstSlot(where: { $0.phase == .free }) else {
      throw .tableFull
    }
    var isRequest = false
    do throws(MessageFormatError) {
      let message = try MessageView(request)
      isRequest = message.type == .confirmable && message.code.isRequest
      slots[index].keep(request, messageID: message.messageID, token: message.token)
    } catch {
      isRequest = false
    }
    guard isRequest else { throw .notAConfirmableRequest }
    slots[index].parameters = parameters ?? self.parameters
    slots[index].timeout = slots[index].parameters.initialTimeout(random: random)
    slots[index].number = nextNumber
    slots[index].phase = .queued
    nextNumber &+= 1
    return slots[index].id
  }

  /// Forgets the exchange and stops its retransmissions; what still comes for it is ignored.
  public mutating func cancel(_ exchange: ExchangeID) {
    for index in slots.indices where slots[index].phase != .free && slots[index].id == exchange {
      slots[index].phase = .free
      slots[index].isDue = false
    }
  }
}

// MARK: - Output

extension ClientEndpoint {
  /// Writes the next datagram that is due, whole, into an empty `output`; `nil` when none is.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> Transmission? {
    if let reply = replies.first {
      try reply.write(into: &output)
      replies.removeFirst()
      return .reply
    }
    startQueued()
    guard let index = firstSlot(where: { $0.isDue }) else { return nil }
    try output.append(slots[index].message.bytes)
    slots[index].recordTransmission(at: now)
    return .request(slots[index].id, attempt: slots[index].transmissions)
  }

  /// When `handleTimeout` is to be called next; `nil` while nothing is waited for.
  public func pollTimeout() -> Instant? {
    var earliest: Instant?
    for index in slots.indices where slots[index].isWaiting && !slots[index].isDue {
      let deadline = slots[index].deadline
      if let known = earliest, known <= deadline { continue }
      earliest = deadline
    }
    return earliest
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> ExchangeEvent? {
    for index in slots.indices where slots[index].phase == .timedOut {
      slots[index].phase = .free
      return .timedOut(slots[index].id)
    }
    return nil
  }
}

// MARK: - Matching

extension ClientEndpoint {
  private mutating func handleAcknowledgement(
    _ message: borrowing MessageView,
    at now: Instant
  ) -> Reception {
    // RFC 7252 Section 4.2: an acknowledgement is matched by its message ID. A late or second one
    // matches nothing and is ignored in silence.
    let messageID = message.messageID
    guard
      let index = firstSlot(where: { $0.isWaiting && $0.messageID == messageID })
    else { return .ignored }
    if message.code == .empty {
      guard slots[index].phase == .awaitingAcknowledgement else { return .ignored }
      slots[index].awaitResponse(at: now)
      return .acknowledged(slots[index].id)
    }
    // RFC 7252 Section 5.3.2: in a piggybacked response both message ID and token must match.
    guard message.code.isResponse, message.token == slots[index].token,
      !message.hasUnrecognizedCriticalOption
    else { return .ignored }
    return finish(index)
  }

  private mutating func handleReset(_ message: borrowing MessageView) -> Reception {
    let messageID = message.messageID
    guard message.code == .empty,
      let index = firstSlot(where: { $0.isWaiting && $0.messageID == messageID })
    else { return .ignored }
    slots[index].phase = .free
    slots[index].isDue = false
    return .reset(slots[index].id)
  }

  private mutating func handleSeparate(
    _ message: borrowing MessageView,
    at now: Instant
  ) -> Reception {
    let isConfirmable = message.type == .confirmable
    let messageID = message.messageID
    // RFC 7252 Section 4.2: each copy of a confirmable message is acknowledged, and processed once.
    if isConfirmable, answered.contains(messageID, at: now) {
      replies.append(.acknowledgement, messageID: messageID)
      return .ignored
    }
    let token = message.token
    guard message.code.isResponse, !message.hasUnrecognizedCriticalOption,
      let index = firstSlot(where: { $0.isWaiting && $0.token == token })
    else {
      // RFC 7252 Section 4.2 and 4.3: a ping, a request to this client, an answer to nothing and a
      // reserved code are refused with a Reset when confirmable, else ignored.
      if isConfirmable { replies.append(.reset, messageID: messageID) }
      return .ignored
    }
    if isConfirmable {
      replies.append(.acknowledgement, messageID: messageID)
      answered.insert(messageID, until: now + slots[index].parameters.exchangeLifetime)
    }
    return finish(index)
  }

  private mutating func finish(_ index: Int) -> Reception {
    slots[index].phase = .free
    slots[index].isDue = false
    return .response(slots[index].id)
  }

  /// Where the first exchange of that kind is.
  ///
  /// `Sequence.first(where:)` would allocate on a 32-bit machine.
  private func firstSlot(
    where matches: (borrowing Exchange<maxMessageSize>) -> Bool
  ) -> Int? {
    for index in slots.indices where matches(slots[index]) { return index }
    return nil
  }

  private mutating func startQueued() {
    var outstanding = 0
    for index in slots.indices where slots[index].isWaiting { outstanding += 1 }
    while outstanding < parameters.nstart {
      var next: Int?
      for index in slots.indices where slots[index].phase == .queued {
        if let known = next, slots[known].number < slots[index].number { continue }
        next = index
      }
      guard let next else { return }
      slots[next].phase = .awaitingAcknowledgement
      slots[next].isDue = true
      outstanding += 1
    }
  }
}

extension MessageView {
  /// Whether the response carries a critical option that this client gives no meaning to (RFC 7252
  /// Section 5.4.1: such a response is rejected).
  ///
  /// The platform's 2089 is known.
  fileprivate var hasUnrecognizedCriticalOption: Bool {
    var iterator = options
    while let option = iterator.next() {
      if option.number.isCritical, option.number != .platformSequence { return true }
    }
    return false
  }
}
