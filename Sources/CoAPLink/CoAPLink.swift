// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
public import CoAPMessage
public import ConstrainedCore
public import OpenSSLSupport
public import Platform
internal import PlatformCoAP
public import ReportLink
public import SecurityLayer

#if LEDGER
public import TrafficLedger
#endif

/// A device on the platform: it authenticates when necessary, and delivers one report at a time.
///
/// A state machine without I/O. Order of calls: `connect` or `publish`; then repeat until `isIdle`:
/// `pollTransmit` until it returns `nil`, wait for a datagram or for `pollTimeout`, pass the
/// datagram to `handleDatagram` and the time to `handleTimeout`, then `pollEvent` until it returns
/// `nil`. `drive(over:at:)` does this over a socket.
///
/// Memory: about 7 KB, in place, 7 KB with both layers, where DTLS has 1.4 KB more on the heap. After the first
/// report no call allocates.
public struct CoAPLink<Security: SecurityLayer & ~Copyable, Randomness: RandomSource>:
  ~Copyable
{
  /// The largest datagram that is sent or accepted, in bytes: the maximum in an Ethernet frame over
  /// IPv4.
  public static var maxDatagram: Int { 1_472 }

  /// Room for `maxDatagram` bytes.
  typealias Datagram = FixedBytes<1_472>

  typealias Exchanges = ClientEndpoint<1, 1_472, 8>

  // Small members come first: offsets below 128 make shorter instructions.

  var authentication = Authentication.none
  /// Whether the owner has stored the token; see `DeviceSettings.isKept`.
  var isTokenKept = false
  /// Whether the platform has accepted a report under this token, and therefore has the same key.
  var isKeyConfirmed = false
  /// Whether the platform's answers cannot be decrypted under this token, although it was obtained
  /// to find out.
  var expectsUnreadable = false
  /// Whether the request for a token in flight was repeated after a Reset.
  var wasAuthenticationReset = false
  /// Whether `/auth` follows the registration.
  var connectsAfterRegistration = false
  /// Whether the request in flight was acknowledged and a separate response follows.
  var isRequestAcknowledged = false
  /// Whether the request in flight was retransmitted, so that it may get more than one answer.
  var wasSentAgain = false
  /// Whether the request in flight was started over on another association, which is done once.
  var hasStartedOver = false
  /// The number of tokens that stay in use over a secure channel: those of requests that ended
  /// without an answer, and those with a separate response, which may be repeated.
  var tokensInUse: UInt32 = 0
  var reportCount: UInt32 = 0
  /// The id of the next thing-model request.
  public internal(set) var nextRequestID: UInt32
  /// Spreads timers, so that many devices do not send at once; it need not be unpredictable.
  var spread: UInt32
  var authenticationRetries = 0
  /// The code with which the platform has put off `/auth`, and until when.
  var putOffCode = Code.empty
  var putOffUntil = Instant(milliseconds: .min)
  var tracker: SequenceTracker?

  /// The session's traffic.
  public internal(set) var counters = DeviceCounters()
  #if LEDGER
  /// The session's traffic by purpose, without the headers of IP and UDP; see `TrafficLedger.addHeaders`.
  public internal(set) var ledger = TrafficLedger()
  /// What the datagram that is being handled turned out to be for.
  var receivedPurpose = TrafficLedger.Purpose.overhead
  /// The bytes of the messages in it.
  var receivedBytes = 0
  #endif

  var secret: SecretBytes
  var security: Security
  var randomness: Randomness
  let settings: DeviceSettings
  var report = PendingReport()
  var events = WaitingEvents()
  /// The result of the last report.
  ///
  /// After an event it belongs to that event's report until the next `pollEvent`.
  public internal(set) var result = ReportResult()
  #if SMALL
  // Functions that a device program does not use; the compiler removes the code for cases other
  // than `nil`.
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
  /// Handles blockwise answers, if the program accepts them.
  var answerBlocks: AnswerBlocks?
  /// Replaces `/auth` while the device registers.
  var registration: Registration?
  /// Writes `/auth` in a format other than JSON.
  var authenticationForm: AuthenticationForm?
  #endif
  let identity: DeviceIdentity
  var token = FixedBytes<192>()
  var keyRandom = FixedBytes<32>()
  var endpoint: Exchanges
  var answerStorage = Datagram()

  /// Creates a session without a token; it does not send anything yet.
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

  /// Why the device could not authenticate or register; valid after an event that reports it.
  public var failure: AuthenticationFailure { events.failure }

  /// Whether nothing is in flight and nothing waits to be sent.
  public var isIdle: Bool {
    endpoint.isIdle && report.phase == .none && events.isEmpty
      && (authentication == .done || authentication == .none)
  }

  /// The decrypted payload of the last report's answer; empty if there was none.
  ///
  /// For a refusal, also of `/auth`, it is the platform's reason as text (RFC 7252 Section 5.5.2),
  /// which is not authenticated in symmetric mode.
  public var answer: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { answerStorage.bytes }
  }
}

// MARK: - Commands

extension CoAPLink where Security: ~Copyable {
  /// Authenticates unless already authenticated, authenticating, or a report is in flight.
  ///
  /// There is one request at a time; during a registration the authentication follows it.
  public mutating func connect(at now: Instant) {
    if registration != nil { connectsAfterRegistration = true }
    guard authentication == .none else { return }
    if case .inFlight = report.phase { return }
    startAuthentication(at: now, isFirst: true)
  }

  /// Reports `payload` to `topic`, authenticating first if necessary; an event reports the result.
  ///
  /// The answer is requested in `accept`, if that is given and the settings request any format.
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

  /// Starts the report whose payload is already stored.
  mutating func begin(
    topic: borrowing @_addressable Topic,
    format: ContentFormat,
    accept: ContentFormat?,
    at now: Instant
  ) -> ReportID {
    report.topic = copy topic
    return begin(format: format, accept: accept, at: now)
  }

  /// Starts the report whose topic and payload are already stored.
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

  /// Discards the measured round-trip times.
  ///
  /// Call it after a sleep, because the network may be another one. It matters only with
  /// `adaptsTimeout`.
  public mutating func resetTimeout() {
    endpoint.resetTimeout()
  }

  /// Abandons the report in flight and stops its retransmissions; no event follows.
  ///
  /// The platform may or may not have it.
  public mutating func cancelReport() {
    if case .inFlight(let exchange) = report.phase { abandon(exchange) }
    report.phase = .none
    // Nothing waits for the handshake any more; it would only become stale during a sleep.
    if case .inFlight = authentication { return }
    security.interrupt()
  }

  /// Ends the report and the authentication in flight because the link failed; an event gives the
  /// report's cost.
  ///
  /// The secure channel ends with its socket; its session stays.
  public mutating func interrupt(at now: Instant) {
    if case .inFlight(let exchange) = report.phase { abandon(exchange) }
    if report.phase != .none { finishReport(.interrupted, code: nil, at: now) }
    cancelAll()
    dropChannel()
  }

  /// Sends the request in flight again at once, over a new secure channel: its address turned out
  /// not to be the server's, and the socket is now another one.
  public mutating func changeAddress(at now: Instant) {
    dropChannel()
    if let exchange = requestUnderWay { endpoint.sendAgain(exchange, at: now) }
  }

  private mutating func dropChannel() {
    guard security.wrapsDatagrams else { return }
    endpoint.forgetMessages()
    security.close()
  }

  /// Abandons the report and the authentication in flight and stops their retransmissions; no event
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

  /// Ends the report, the authentication and the secure channel; `pollTransmit` may return a
  /// closing datagram.
  ///
  /// The session can be used again.
  public mutating func close() {
    cancelAll()
    if security.wrapsDatagrams { endpoint.forgetMessages() }
    security.close()
  }

  /// Passes `body` the security layer, for functions of its own, such as exporting a session.
  public mutating func withSecurity<Result, Failure: Error>(
    _ body: (inout Security) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(&security)
  }

  /// Drops the token, for example after it has expired; the next report then authenticates.
  public mutating func forgetToken() {
    guard authentication == .done else { return }
    authentication = .none
  }
}

// MARK: - Output

extension CoAPLink where Security: ~Copyable {
  /// Writes the next datagram, complete, into an empty `output` of at least `maxDatagram` bytes;
  /// `nil` if there is none.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(CapacityError) -> DeviceTransmission? {
    let start = output.count
    if !security.joinsNextMessage, try pollOwnTransmit(into: &output, at: now) { return .handshake }
    if security.wrapsDatagrams, security.holdsBack { return nil }
    var transmission: Transmission?
    #if LEDGER
    var message = 0
    #endif
    do throws(SecurityError) {
      #if LEDGER
      transmission = try Self.transmit(&endpoint, &security, &message, into: &output, at: now)
      #else
      transmission = try Self.transmit(&endpoint, &security, into: &output, at: now)
      #endif
    } catch {
      if error == .messageTooLong {
        // Neither time nor another association would make it shorter.
        endRequest(.security(error), .unsealable(error), at: now)
        return nil
      }
      guard error == .notEstablished else { throw CapacityError() }
      // The message waits for the handshake that has started.
      takeSecurityEvents(at: now)
      return try pollOwnTransmit(into: &output, at: now) ? .handshake : nil
    }
    guard let transmission else {
      // There is no message to join.
      guard security.wrapsDatagrams, try pollOwnTransmit(into: &output, at: now) else { return nil }
      return .handshake
    }
    let count = output.count - start
    countUp(count)
    #if LEDGER
    note(transmission, message, output.written.extracting(start..<output.count))
    #endif
    guard case .request(let exchange, let attempt) = transmission else { return .control }
    counters.transmissions += 1
    if attempt == 1 { counters.requests += 1 }
    wasSentAgain = attempt > 1
    if authentication == .inFlight(exchange) { return .authentication(attempt: attempt) }
    report.result.bytesUp += count
    report.result.transmissions += 1
    return .report(attempt: attempt)
  }

  /// The time of the next call of `handleTimeout`, in the past if an event waits; `nil` if nothing
  /// is pending.
  ///
  /// It changes nothing; it is mutating because a session would otherwise be copied for reading.
  public mutating func pollTimeout() -> Instant? {
    if !events.isEmpty { return report.startedAt }
    var earliest = security.wrapsDatagrams && security.holdsBack ? nil : endpoint.pollTimeout()
    earliest = earlier(earliest, security.pollTimeout())
    if case .waiting(let until) = authentication { earliest = earlier(earliest, until) }
    if case .waiting(let until) = report.phase { earliest = earlier(earliest, until) }
    return earliest
  }

  /// The next event since the last call; `nil` if there are no more.
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

  #if LEDGER
  private static func transmit(
    _ endpoint: inout Exchanges,
    _ security: inout Security,
    _ count: inout Int,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Transmission? {
    try endpoint.pollTransmit(at: now) { (message: Span<UInt8>) throws(SecurityError) in
      count = message.count
      try security.wrap(message, into: &output, at: now)
    }
  }
  #else
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
  #endif

  /// Writes the security layer's next own datagram.
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
    #if LEDGER
    ledger.count(.handshake, .up, bytes: output.count - start)
    #endif
    return true
  }

  private mutating func countUp(_ bytes: Int) {
    counters.datagramsUp += 1
    counters.bytesUp += bytes
  }
}
