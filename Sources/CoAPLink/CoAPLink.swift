internal import CoAPExchange
public import CoAPMessage
public import ConstrainedCore
public import OpenSSLSupport
public import Platform
internal import PlatformCoAP
public import ReportLink
public import SecurityLayer

/// One device on the platform: it authenticates when it must, and delivers one report at a time.
///
/// A state machine without I/O. Order of calls: `connect` or `publish`; then, until `isIdle`, again
/// and again: `pollTransmit` until it gives `nil`, wait for a datagram or for `pollTimeout`, hand the
/// one to `handleDatagram` and the other to `handleTimeout`, then `pollEvent` until it gives `nil`.
/// `drive(over:at:)` does this over a socket.
///
/// Memory: about 7 KB, in place, 8 KB with both layers. After the first report no call allocates.
public struct CoAPLink<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>:
  ~Copyable
{
  /// The largest datagram that is sent or taken, in bytes: what fits an Ethernet frame over IPv4.
  public static var maxDatagram: Int { 1_472 }

  /// Room for `maxDatagram` bytes.
  typealias Datagram = FixedBytes<1_472>

  typealias Exchanges = ClientEndpoint<1, 1_472, 8>

  // What is small comes first: an offset below 128 makes for a shorter instruction.

  var authentication = Authentication.none
  /// Whether the owner has kept the token; see `DeviceSettings.isKept`.
  var isTokenKept = false
  /// Whether the platform has taken a report under this token, and so has the same key.
  var isKeyConfirmed = false
  /// Whether the platform's answers do not open under this token although it was made to find out.
  var expectsUnreadable = false
  /// Whether the request for a token under way was sent once more after a Reset.
  var wasAuthenticationReset = false
  /// Whether `/auth` is to follow the registration.
  var connectsAfterRegistration = false
  /// Whether the request under way was acknowledged, its answer to come in a message of its own.
  var isRequestAcknowledged = false
  /// Whether the request under way was sent more than once, so that it may have more than one answer.
  var wasSentAgain = false
  /// Whether the request under way has been started over on another association, which is done once.
  var hasStartedOver = false
  /// How many tokens stay in use over a secure channel: those of requests that ended without an answer,
  /// and those whose answer came in a message of its own, which may come again.
  var tokensInUse: UInt32 = 0
  var reportCount: UInt32 = 0
  /// The id of the next request of the thing model.
  public internal(set) var nextRequestID: UInt32
  /// Spreads timers, so that many devices do not send at once; it need not be hard to guess.
  var spread: UInt32
  var authenticationRetries = 0
  /// With which code the platform has put off `/auth`, and until when.
  var putOffCode = Code.empty
  var putOffUntil = Instant(milliseconds: .min)
  var tracker: SequenceTracker?

  /// What the session has sent and received.
  public internal(set) var counters = DeviceCounters()

  var secret: SecretBytes
  var security: Security
  var randomness: Randomness
  let settings: DeviceSettings
  var report = PendingReport()
  var events = EventQueue()
  /// What the last report has come to.
  ///
  /// It is of the report of an event until the next `pollEvent`.
  public internal(set) var result = ReportResult()
  #if SMALL
  // What a device's program does not do; the compiler drops what would be done where they are not `nil`.
  var answerBlocks: AnswerBlocks? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL session takes no answers in blocks") }
  }
  var registration: Registration? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL session does not register") }
  }
  var authenticationForm: AuthenticationForm? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL session writes /auth in JSON") }
  }
  #else
  /// How answers in blocks are taken, by who takes them.
  var answerBlocks: AnswerBlocks?
  /// What is done instead of `/auth` while the device registers.
  var registration: Registration?
  /// How `/auth` is written where it is not JSON.
  var authenticationForm: AuthenticationForm?
  #endif
  let identity: DeviceIdentity
  var token = FixedBytes<192>()
  var keyRandom = FixedBytes<32>()
  var endpoint: Exchanges
  var answerStorage = Datagram()

  /// A session without a token; it sends nothing yet.
  public init(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: DeviceSettings = .init(),
    security: consuming Security,
    randomness: Randomness
  ) {
    self.identity = identity
    self.secret = secret
    self.settings = settings
    nextRequestID = settings.firstRequestID ?? 1
    self.security = security
    var source = randomness
    endpoint = Exchanges(
      parameters: settings.timing,
      isAdaptive: settings.adaptsTimeout,
      key: (source.next(), source.next())
    )
    spread = source.nextUInt32() | 1
    self.randomness = source
  }

  /// Whether the device has a token that the platform has not refused.
  public var isAuthenticated: Bool { authentication == .done }

  /// Why the device could not authenticate or register, after an event that says so.
  public var failure: AuthenticationFailure { events.failure }

  /// Whether nothing is under way and nothing waits to be sent.
  public var isIdle: Bool {
    endpoint.isIdle && report.phase == .none && events.isEmpty
      && (authentication == .done || authentication == .none)
  }

  /// The decrypted payload of the last report's answer; empty when it had none.
  ///
  /// Of a refusal, also one of `/auth`, it is what the platform says of the reason (RFC 7252 Section 5.5.2): nobody
  /// vouches for it in symmetric mode.
  public var answer: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { answerStorage.bytes }
  }
}

// MARK: - Commands

extension CoAPLink where Security: ~Copyable {
  /// Authenticates, unless the device has a token or is at it, or a report is on its way: one request
  /// at a time; after the registration where the device is at that.
  @inline(never)
  public mutating func connect(at now: Instant) {
    if registration != nil { connectsAfterRegistration = true }
    guard authentication == .none else { return }
    if case .inFlight = report.phase { return }
    startAuthentication(at: now, isFirst: true)
  }

  /// Reports `payload` to `topic`, authenticating first where needed; an event says how it ended.
  ///
  /// The answer is asked for in `accept`, if that is given and the settings ask for any.
  public mutating func publish(
    topic: borrowing @_addressable Topic,
    payload: Span<UInt8>,
    format: ContentFormat = .json,
    accept: ContentFormat? = nil,
    at now: Instant
  ) throws(DeviceError) -> ReportID {
    guard report.phase == .none else { throw .busy }
    do throws(CapacityError) {
      try report.payload.replace(with: payload)
    } catch {
      throw .payloadTooLong(payload.count)
    }
    let wanted = settings.accept == nil ? nil : accept ?? settings.accept
    return begin(topic: topic, format: format, accept: wanted, at: now)
  }

  /// Starts the report whose payload is in place.
  mutating func begin(
    topic: borrowing @_addressable Topic,
    format: ContentFormat,
    accept: ContentFormat?,
    at now: Instant
  ) -> ReportID {
    report.topic = copy topic
    return begin(format: format, accept: accept, at: now)
  }

  /// Starts the report whose topic and payload are in place.
  @inline(never)
  mutating func begin(format: ContentFormat, accept: ContentFormat?, at now: Instant) -> ReportID {
    reportCount &+= 1
    answerStorage.removeAll()
    let id = ReportID(number: reportCount)
    report.begin(id, format: format, accept: accept, at: now)
    if authentication == .done {
      sendReport(at: now)
    } else if registration == nil {
      connect(at: now)
    }
    return id
  }

  /// Forgets the round trips that were measured.
  ///
  /// Call it after a sleep, for the network may have become another one. It matters to
  /// `adaptsTimeout` alone.
  public mutating func resetTimeout() {
    endpoint.resetTimeout()
  }

  /// Forgets the report under way and stops its retransmissions; no event follows.
  ///
  /// The platform may or may not have it.
  @inline(never)
  public mutating func cancelReport() {
    if case .inFlight(let exchange) = report.phase { abandon(exchange) }
    report.phase = .none
    // Nothing waits for the handshake any more; over a sleep it would only grow stale.
    if case .inFlight = authentication { return }
    security.interrupt()
  }

  /// Ends the report and the authentication under way because the link failed; an event tells what
  /// the report had cost.
  ///
  /// The secure channel goes with the socket that it was made over; its session stays.
  public mutating func interrupt(at now: Instant) {
    if case .inFlight(let exchange) = report.phase { abandon(exchange) }
    if report.phase != .none { finishReport(.interrupted, code: nil, at: now) }
    cancelAll()
    dropChannel()
  }

  /// Sends the request under way again at once, and has a new secure channel made first: the address that it
  /// went to turned out not to be the server's, and the socket is now another one.
  public mutating func changeAddress(at now: Instant) {
    dropChannel()
    if let exchange = requestUnderWay { endpoint.sendAgain(exchange, at: now) }
  }

  private mutating func dropChannel() {
    guard security.wrapsDatagrams else { return }
    endpoint.forgetMessages()
    security.close()
  }

  /// Forgets the report and the authentication under way and stops their retransmissions; no event
  /// follows.
  @inline(never)
  public mutating func cancelAll() {
    cancelReport()
    if case .inFlight(let exchange) = authentication { abandon(exchange) }
    if authentication != .done { authentication = .none }
    registration = nil
    connectsAfterRegistration = false
    security.interrupt()
  }

  /// Ends the report, the authentication and the secure channel; `pollTransmit` may give a goodbye.
  ///
  /// The session can be used again.
  public mutating func close() {
    cancelAll()
    if security.wrapsDatagrams { endpoint.forgetMessages() }
    security.close()
  }

  /// Hands out the security layer, for what it alone offers: to export a session, for example.
  public mutating func withSecurity<Result, Failure: Error>(
    _ body: (inout Security) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(&security)
  }

  /// Forgets the token, for example after it expired, so that the next report authenticates.
  public mutating func forgetToken() {
    guard authentication == .done else { return }
    authentication = .none
  }
}

// MARK: - Output

extension CoAPLink where Security: ~Copyable {
  /// Writes the next datagram that is due, whole, into an empty `output` of at least `maxDatagram`
  /// bytes; `nil` when none is.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> DeviceTransmission? {
    let start = output.count
    if !security.joinsNextMessage, try pollOwnTransmit(into: &output, at: now) { return .handshake }
    if security.wrapsDatagrams, security.holdsBack { return nil }
    var transmission: Transmission?
    do throws(SecurityError) {
      transmission = try Self.transmit(&endpoint, &security, into: &output, at: now)
    } catch {
      if error == .messageTooLong {
        // Neither time nor another association makes it shorter.
        endRequest(.security(error), .unsealable(error), at: now)
        return nil
      }
      guard error == .notEstablished else { throw CapacityError() }
      // The message waits for the handshake that has begun.
      takeSecurityEvents(at: now)
      return try pollOwnTransmit(into: &output, at: now) ? .handshake : nil
    }
    guard let transmission else {
      // No message to join with.
      guard security.wrapsDatagrams, try pollOwnTransmit(into: &output, at: now) else { return nil }
      return .handshake
    }
    let count = output.count - start
    countUp(count)
    guard case .request(let exchange, let attempt) = transmission else { return .control }
    counters.transmissions += 1
    if attempt == 1 { counters.requests += 1 }
    wasSentAgain = attempt > 1
    if authentication == .inFlight(exchange) { return .authentication(attempt: attempt) }
    report.result.bytesUp += count
    report.result.transmissions += 1
    return .report(attempt: attempt)
  }

  /// When `handleTimeout` is to be called next, an instant of the past when an event waits; `nil` while
  /// nothing is waited for.
  ///
  /// It changes nothing, and is mutating because a session that is only looked at would be copied.
  public mutating func pollTimeout() -> Instant? {
    if !events.isEmpty { return report.startedAt }
    var earliest = security.wrapsDatagrams && security.holdsBack ? nil : endpoint.pollTimeout()
    if let deadline = security.pollTimeout() { earliest = min(earliest ?? deadline, deadline) }
    if case .waiting(let until) = authentication { earliest = min(earliest ?? until, until) }
    if case .waiting(let until) = report.phase { earliest = min(earliest ?? until, until) }
    return earliest
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> DeviceEvent? {
    switch events.removeFirst() {
    case .authenticated: .authenticated
    case .authenticationFailed: .authenticationFailed(events.failure)
    case .registered: .registered
    case .registrationFailed: .registrationFailed(events.failure)
    case .answerBlock: .answerBlock
    case .report: .report(result)
    default: nil
    }
  }

  private static func transmit(
    _ endpoint: inout Exchanges,
    _ security: inout Security,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Transmission? {
    try endpoint.pollTransmit(at: now) { (message: Span<UInt8>) throws(SecurityError) in
      try security.wrap(message, into: &output, at: now)
    }
  }

  /// Writes the next datagram of the security layer's own.
  private mutating func pollOwnTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> Bool {
    let start = output.count
    do throws(SecurityError) {
      guard try security.pollTransmit(into: &output, at: now) else { return false }
    } catch {
      throw CapacityError()
    }
    countUp(output.count - start)
    return true
  }

  private mutating func countUp(_ bytes: Int) {
    counters.datagramsUp += 1
    counters.bytesUp += bytes
  }
}
