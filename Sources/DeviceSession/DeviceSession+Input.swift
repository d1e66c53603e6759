internal import AliyunIoT
internal import CoAPExchange
internal import CoAPMessage
internal import CoAPSecurity
public import ConstrainedCore
internal import OpenSSLSupport

extension DeviceSession where Security: ~Copyable {
  /// Takes in a datagram from the platform's address; what cannot be used is dropped.
  @inline(never)
  public mutating func handleDatagram(_ datagram: Span<UInt8>, at now: Instant) {
    counters.datagramsDown += 1
    counters.bytesDown += datagram.count
    guard security.wrapsDatagrams else {
      return handleMessage(datagram, ofDatagram: datagram.count, at: now)
    }
    handleRecords(datagram, at: now)
  }

  private mutating func handleRecords(_ datagram: Span<UInt8>, at now: Instant) {
    let wasRegistering = registration != nil
    var message = Datagram()
    // A registration's answer is a secret.
    defer { if wasRegistering { message.withStorage { wipe(&$0) } } }
    var isFirst = true
    repeat {
      do throws(SecurityError) {
        try message.write { (writer: inout ByteWriter) throws(SecurityError) in
          try security.unwrap(isFirst ? datagram : Span(), into: &writer, at: now)
        }
      } catch {
        // A datagram that is too long or not the peer's is as good as lost.
        return
      }
      takeSecurityEvents(at: now)
      if !message.isEmpty {
        handleMessage(message.bytes, ofDatagram: isFirst ? datagram.count : 0, at: now)
      }
      isFirst = false
    } while security.hasPendingMessage
  }

  /// Takes in what the security layer has to tell.
  mutating func takeSecurityEvents(at now: Instant) {
    while let event = security.pollEvent() {
      switch event {
      case .established(let isResumed):
        counters.handshakes += 1
        if isResumed { counters.resumptions += 1 }
        endpoint.forgetMessages()
        if let exchange = requestUnderWay, !hasStartedOver {
          hasStartedOver = endpoint.startOver(exchange)
        }
      case .closed:
        endpoint.forgetMessages()
        // The request under way goes again over the next association: at once, and when that is closed
        // too, at its own time.
        if let exchange = requestUnderWay, !hasStartedOver {
          endpoint.sendAgain(exchange, at: now)
        }
      case .failed(let failure):
        endRequest(.handshake(failure), .handshake(failure), at: now)
      }
    }
  }

  /// Ends the request under way, an authentication or a report, for good.
  @inline(never)
  mutating func endRequest(
    _ failure: AuthenticationFailure,
    _ outcome: ReportOutcome,
    at now: Instant
  ) {
    if case .inFlight(let exchange) = authentication {
      abandon(exchange)
      failAuthentication(failure, at: now)
    } else if case .inFlight(let exchange) = report.phase {
      abandon(exchange)
      finishReport(outcome, code: nil, at: now)
    }
  }

  private var requestUnderWay: ExchangeID? {
    if case .inFlight(let exchange) = authentication { return exchange }
    if case .inFlight(let exchange) = report.phase { return exchange }
    return nil
  }

  /// Ends an exchange whose answer may still come; its token is not used again.
  @inline(never)
  mutating func abandon(_ exchange: ExchangeID) {
    endpoint.cancel(exchange)
    tokensInUse &+= 1
    hasStartedOver = false
  }

  private mutating func handleMessage(
    _ bytes: Span<UInt8>,
    ofDatagram count: Int,
    at now: Instant
  ) {
    do throws(MessageFormatError) {
      handle(try MessageView(bytes), ofDatagram: count, at: now)
    } catch {
      endpoint.handleMalformed(bytes, error)
    }
  }

  /// Takes in that time has passed; call it at or after `pollTimeout`.
  public mutating func handleTimeout(at now: Instant) {
    if security.wrapsDatagrams {
      security.handleTimeout(at: now)
      takeSecurityEvents(at: now)
    }
    endpoint.handleTimeout(at: now)
    while case .timedOut? = endpoint.pollEvent() {
      // The silence may have been the association's end: once more over another one, unless the
      // platform has said that it has the request.
      if !security.wrapsDatagrams || hasStartedOver || isRequestAcknowledged {
        endRequest(.timedOut, .timedOut, at: now)
        continue
      }
      tokensInUse &+= 1
      hasStartedOver = true
      if case .inFlight = authentication {
        startAuthentication(at: now)
      } else {
        sendReport(at: now)
      }
    }
    if case .waiting(let until) = authentication, until <= now { startAuthentication(at: now) }
    if case .waiting(let until) = report.phase, until <= now {
      if authentication == .done {
        sendReport(at: now)
      } else {
        report.phase = .awaitingToken
        connect(at: now)
      }
    }
  }

  private mutating func handle(
    _ message: borrowing MessageView,
    ofDatagram count: Int,
    at now: Instant
  ) {
    let reception = endpoint.handle(message, at: now)
    switch reception {
    case .notification, .ignored: return
    case .response, .challenged, .acknowledged, .reset: break
    }
    // There is one request at a time.
    var isReport = true
    if case .inFlight = authentication { isReport = false }
    if isReport { report.result.bytesDown += count }
    switch reception {
    case .response:
      noteAnswer(message)
      counters.roundTrips += 1
      hasStartedOver = false
      if isReport {
        handleReportAnswer(message, at: now)
      } else {
        handleAuthenticationAnswer(message, at: now)
      }
    case .acknowledged: isRequestAcknowledged = true
    case .reset: endRequest(.reset, .reset, at: now)
    default: noteAnswer(message)
    }
  }

  /// The server sends an answer again where its acknowledgement is lost, or answers a second copy of the
  /// request once more, and the table of duplicates is small: it must mean no other request.
  private mutating func noteAnswer(_ message: borrowing MessageView) {
    if message.type != .acknowledgement || wasSentAgain { tokensInUse &+= 1 }
  }
}

// MARK: - /auth

extension DeviceSession where Security: ~Copyable {
  private mutating func handleAuthenticationAnswer(
    _ message: borrowing MessageView,
    at now: Instant
  ) {
    switch ResponseMeaning(ofAuthentication: message.code) {
    case .success: break
    case .retryLater where authenticationRetries < settings.serverErrorRetries:
      authentication = .waiting(until: now + retryDelay(authenticationRetries))
      authenticationRetries += 1
      return
    default:
      failAuthentication(.refused(message.code), at: now)
      return
    }
    if let registration { return registration.take(&self, message.payload, now) }
    do throws(AuthenticationFailure) {
      if message.block(.block2)?.isMore == true { throw .unusableAnswer(.incomplete) }
      try adopt(message.payload)
    } catch {
      failAuthentication(error, at: now)
      return
    }
    authentication = .done
    counters.authentications += 1
    events.append(.authenticated)
    if report.phase == .awaitingToken { sendReport(at: now) }
  }

  private mutating func adopt(_ payload: Span<UInt8>) throws(AuthenticationFailure) {
    var answer = AuthenticationAnswer()
    do throws(AuthenticationAnswerError) {
      try answer.read(payload)
    } catch {
      throw .unusableAnswer(error)
    }
    if security.usesSequence {
      guard !answer.random.isEmpty else { throw .unusableAnswer(.random) }
      guard let offset = answer.sequenceOffset else { throw .unusableAnswer(.sequenceOffset) }
      // Should the platform give the same token and key once more, its numbers go on.
      let isSame =
        answer.token.bytes.isEqual(to: token.bytes)
        && answer.random.bytes.isEqual(to: keyRandom.bytes)
      if tracker == nil || !isSame {
        tracker = SequenceTracker(offset: offset, limit: settings.isKept ? offset : .max)
      }
    }
    do throws(SecurityError) {
      try Self.establish(&security, secret: secret, random: answer.random.bytes)
    } catch {
      throw .security(error)
    }
    token = answer.token
    keyRandom = answer.random
    isTokenKept = false
    isKeyConfirmed = false
  }

  static func establish(
    _ security: inout Security,
    secret: borrowing SecretBytes,
    random: Span<UInt8>
  ) throws(SecurityError) {
    try security.establish(secret: secret.bytes, random: random)
  }

  @inline(never)
  mutating func failAuthentication(_ failure: AuthenticationFailure, at now: Instant) {
    authentication = .none
    hasStartedOver = false
    if registration != nil {
      events.append(.registrationFailed, because: failure)
      // Without the registration `/auth` has no secret that the platform would take.
      guard endRegistration() else { return }
    }
    events.append(.authenticationFailed, because: failure)
    if report.phase != .none { finishReport(.unauthenticated(failure), code: nil, at: now) }
  }
}

// MARK: - Reports

extension DeviceSession where Security: ~Copyable {
  private mutating func handleReportAnswer(_ message: borrowing MessageView, at now: Instant) {
    let code = message.code
    var outcome = ReportOutcome.rejected
    var extent = AnswerExtent.whole
    switch ResponseMeaning(ofReport: code) {
    case .success:
      if let answerBlocks, answerBlocks.take(&self, message, now) { return }
      if let option = message.first(.platformMessageID) {
        // An elective option of a length that nobody expects is as good as absent.
        try? report.result.messageID.replace(with: option.value)
      }
      if message.block(.block2)?.isMore == true { extent = .incomplete }
      // A part of what was encrypted as a whole cannot be opened.
      isKeyConfirmed = extent == .incomplete || openAnswer(message.payload)
      outcome = isKeyConfirmed ? .acknowledged : .unreadableAnswer
      if !isKeyConfirmed { forgetToken() }
    case .authenticateAgain where !report.hasReauthenticated && report.block == nil:
      report.hasReauthenticated = true
      report.phase = .awaitingToken
      forgetToken()
      return connect(at: now)
    case .retryLater where report.retries < settings.serverErrorRetries:
      report.phase = .waiting(until: now + retryDelay(report.retries))
      report.retries += 1
      return
    case .authenticateAgain:
      forgetToken()
    default:
      // The answer to /auth is not authenticated: one that was altered on the way leaves the two
      // ends with different keys, and every report is refused with 4.00 from then on.
      if code == .badRequest && !isKeyConfirmed { forgetToken() }
    }
    finishReport(outcome, code: code, extent: extent, at: now)
  }

  /// Decrypts the answer's payload; an empty one is not encrypted, in either mode.
  private mutating func openAnswer(_ payload: Span<UInt8>) -> Bool {
    guard !payload.isEmpty else { return true }
    do throws(SecurityError) {
      try Self.open(payload, &security, into: &answerStorage)
      return true
    } catch {
      return false
    }
  }

  private static func open(
    _ payload: Span<UInt8>,
    _ security: inout Security,
    into output: inout Datagram
  ) throws(SecurityError) {
    try output.write { (writer: inout ByteWriter) throws(SecurityError) in
      try security.open(payload: payload, into: &writer)
    }
  }

  /// Tells how the report ended, with the message id that it has.
  @inline(never)  // It is called from a dozen places.
  mutating func finishReport(
    _ outcome: ReportOutcome,
    code: Code?,
    extent: AnswerExtent = .whole,
    at now: Instant
  ) {
    // Whatever became of a further block: the platform has the report.
    let lacksBlock = report.block != nil && extent == .whole
    if lacksBlock {
      answerStorage.removeAll()
      report.result.messageID.removeAll()
    }
    result = report.result
    result.outcome = lacksBlock ? .acknowledged : outcome
    result.code = lacksBlock ? .content : code
    result.extent = lacksBlock ? .incomplete : extent
    result.duration = now - report.startedAt
    events.append(.report)
    report.phase = .none
    hasStartedOver = false
  }
}
