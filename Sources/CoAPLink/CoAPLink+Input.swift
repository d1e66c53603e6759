// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
public import ConstrainedCore
internal import OpenSSLSupport
package import Platform
internal import PlatformCoAP
internal import SecurityLayer

#if LEDGER
internal import TrafficLedger
#endif

extension CoAPLink where Security: ~Copyable {
  /// Handles a datagram from the platform's address; unusable ones are dropped.
  ///
  /// In symmetric mode, only the head of a datagram longer than `maxDatagram` is used.
  public mutating func handleDatagram(_ datagram: Span<UInt8>, at now: Instant) {
    handleDatagram(datagram, of: datagram.count, at: now)
  }

  /// Handles the beginning of a datagram of `length` bytes.
  @inline(never)
  public mutating func handleDatagram(
    _ datagram: Span<UInt8>,
    of length: Int,
    at now: Instant
  ) {
    counters.datagramsDown += 1
    counters.bytesDown += length
    #if LEDGER
    (receivedPurpose, receivedBytes) = (.overhead, 0)
    defer { noteReceived(datagram, of: length) }
    #endif
    guard security.wrapsDatagrams else {
      let taken = min(datagram.count, Self.maxDatagram)
      return handleMessage(
        datagram.extracting(0..<taken),
        ofDatagram: length,
        isCut: length > taken,
        at: now
      )
    }
    handleRecords(datagram, of: length, at: now)
  }

  private mutating func handleRecords(_ datagram: Span<UInt8>, of length: Int, at now: Instant) {
    let wasRegistering = registration != nil
    var message = Datagram()
    // The answer to a registration contains a secret.
    defer { if wasRegistering { message.withStorage { wipe(&$0) } } }
    var isFirst = true
    repeat {
      do throws(SecurityError) {
        try message.write { (writer: inout ByteWriter) throws(SecurityError) in
          try security.unwrap(isFirst ? datagram : Span(), into: &writer, at: now)
        }
      } catch {
        // A datagram that is too long or not the peer's counts as lost.
        return
      }
      takeSecurityEvents(at: now)
      if !message.isEmpty {
        handleMessage(
          message.bytes,
          ofDatagram: isFirst ? length : 0,
          isCut: security.hasCutMessage,
          at: now
        )
      }
      isFirst = false
    } while security.hasPendingMessage
  }

  /// Handles the security layer's events.
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
        // Send the request in flight again over the next association: at once, and if that is also
        // closed, at its own time.
        if let exchange = requestUnderWay, !hasStartedOver {
          endpoint.sendAgain(exchange, at: now)
        }
      case .failed(let failure):
        endRequest(.handshake(failure), .handshake(failure), at: now)
      }
    }
  }

  /// Ends the request in flight, an authentication or a report, for good.
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

  var requestUnderWay: ExchangeID? {
    if case .inFlight(let exchange) = authentication { return exchange }
    if case .inFlight(let exchange) = report.phase { return exchange }
    return nil
  }

  /// Ends an exchange whose answer may still arrive; its token is not reused.
  @inline(never)
  mutating func abandon(_ exchange: ExchangeID) {
    endpoint.cancel(exchange)
    tokensInUse &+= 1
    hasStartedOver = false
  }

  // Called for datagrams as they are and for unwrapped ones: one copy saves 700 bytes.
  @inline(never)
  private mutating func handleMessage(
    _ bytes: Span<UInt8>,
    ofDatagram count: Int,
    isCut: Bool,
    at now: Instant
  ) {
    #if LEDGER
    receivedPurpose = .acknowledgement
    receivedBytes += bytes.count
    #endif
    do throws(MessageFormatError) {
      let message = isCut ? try MessageView(cut: bytes) : try MessageView(bytes)
      handle(message, ofDatagram: count, isCut: isCut, at: now)
    } catch {
      endpoint.handleMalformed(bytes, error, at: now)
    }
  }

  /// Handles the timers that have expired; call it at or after `pollTimeout`.
  public mutating func handleTimeout(at now: Instant) {
    if security.wrapsDatagrams {
      security.handleTimeout(at: now)
      takeSecurityEvents(at: now)
    }
    endpoint.handleTimeout(at: now)
    while case .timedOut? = endpoint.pollEvent() {
      // The association may have been lost silently: try again over another one, unless the
      // platform has acknowledged the request.
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
    isCut: Bool,
    at now: Instant
  ) {
    let reception = endpoint.handle(message, at: now)
    #if LEDGER
    note(reception, message.code)
    #endif
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
        handleReportAnswer(message, isCut: isCut, at: now)
      } else {
        handleAuthenticationAnswer(message, isCut: isCut, at: now)
      }
    case .acknowledged: isRequestAcknowledged = true
    case .reset: handleReset(isReport: isReport, at: now)
    default: noteAnswer(message)
    }
  }

  /// Handles a Reset.
  ///
  /// In symmetric mode anybody who guesses a message ID can send one, so the first ends only one
  /// attempt and costs an early retry.
  private mutating func handleReset(isReport: Bool, at now: Instant) {
    // The rejected message may still be answered.
    tokensInUse &+= 1
    let until = now + retryDelay(0)
    if isReport, !report.wasReset {
      report.wasReset = true
      report.phase = .waiting(until: until)
    } else if !isReport, !wasAuthenticationReset {
      wasAuthenticationReset = true
      authentication = .waiting(until: until)
    } else {
      endRequest(.reset, .reset, at: now)
    }
  }

  /// Reserves the token of an answer that may be repeated, because its acknowledgement was lost or
  /// a second copy of the request was answered.
  ///
  /// The table of duplicates is small, so the token must not be used for another request.
  private mutating func noteAnswer(_ message: borrowing MessageView) {
    if message.type != .acknowledgement || wasSentAgain { tokensInUse &+= 1 }
  }
}

// MARK: - Reports

extension CoAPLink where Security: ~Copyable {
  private mutating func handleReportAnswer(
    _ message: borrowing MessageView,
    isCut: Bool,
    at now: Instant
  ) {
    let code = message.code
    switch ResponseMeaning(ofReport: code) {
    case .success:
      if !isCut, let answerBlocks, answerBlocks.take(&self, message, now) { return }
      let extent = takeAnswer(message, isCut: isCut)
      if extent == .unreadable, !expectsUnreadable {
        report.isTaken = true
        if !report.hasChangedKeys { return changeKeys(at: now) }
        expectsUnreadable = true
      }
      return finishReport(
        takeReply(extent) ? .acknowledged : .rejected,
        code: code,
        extent: extent,
        at: now
      )
    case .authenticateAgain where !report.hasReauthenticated && report.block == nil:
      report.hasReauthenticated = true
      return authenticateAgain(at: now)
    case .retryLater where settings.allows(retry: report.retries):
      report.phase = .waiting(until: now + retryDelay(report.retries))
      report.retries += 1
      return
    case .putOff: report.result.retryAfter = message.retryAfter
    case .authenticateAgain:
      // A second 4.02 under a new token is about something else.
      if code == .unauthorized { forgetToken() }
    default:
      // The answer to /auth is not authenticated: after a forged one the two ends have different
      // keys, and every report is refused with 4.00. So is a retransmission from another address
      // (NAT, RFC 7252 Section 4.2): its number was used by the transmission before it.
      if code == .badRequest, wasSentAgain || !isKeyConfirmed, !report.hasChangedKeys,
        report.block == nil
      {
        return changeKeys(at: now)
      }
    }
    if isCut || !openAnswer(message.payload) { keepDiagnostic(message, isCut: isCut) }
    finishReport(.rejected, code: code, at: now)
  }

  /// Sends the report again under a new token, because the two ends may have different keys.
  private mutating func changeKeys(at now: Instant) {
    report.hasChangedKeys = true
    authenticateAgain(at: now)
  }

  /// Sends the report again under a new token; the old one is no longer used.
  @inline(never)
  private mutating func authenticateAgain(at now: Instant) {
    report.phase = .awaitingToken
    forgetToken()
    connect(at: now)
  }

  /// Stores the platform's answer to a report that it has, and how much of it was received.
  private mutating func takeAnswer(
    _ message: borrowing MessageView,
    isCut: Bool
  ) -> AnswerExtent {
    isKeyConfirmed = true
    if report.block == nil, let option = message.first(.platformMessageID) {
      // An elective option of an unexpected length is ignored.
      try? report.result.messageID.replace(with: option.value)
    }
    if isCut { return .cut }
    // A part of an answer that was encrypted as a whole cannot be decrypted.
    if message.block(.block2)?.isMore == true {
      report.result.gap = .notTaken
      return .incomplete
    }
    return openAnswer(message.payload) ? .whole : .unreadable
  }

  /// Reads the platform's reply on a topic that has replies; returns `false` if it refuses the
  /// report.
  private mutating func takeReply(_ extent: AnswerExtent) -> Bool {
    guard extent == .whole, Topic.hasReplies(report.topic.bytes.bytes),
      let reply = PlatformReply(answerStorage.bytes)
    else { return true }
    return report.result.take(reply, on: report.topic.bytes.bytes)
  }

  /// Stores the plaintext reason of a refusal (RFC 7252 Section 5.5.2), as in an answer to `/auth`,
  /// or from a server that does not know the token.
  mutating func keepDiagnostic(_ message: borrowing MessageView, isCut: Bool) {
    try? answerStorage.replace(with: isCut ? Span() : message.payload)
  }

  /// Decrypts the answer's payload; an empty payload is not encrypted in either mode.
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

  /// Reports the end of the report, with its message id.
  @inline(never)  // It is called from a dozen places.
  mutating func finishReport(
    _ outcome: ReportOutcome,
    code: Code?,
    extent: AnswerExtent = .whole,
    at now: Instant
  ) {
    result = report.result
    result.outcome = outcome
    result.code = code
    result.extent = extent
    // Whatever happened to a further block, the platform has the report.
    if report.block != nil, extent == .whole || extent == .cut {
      answerStorage.removeAll()
      result.messageID.removeAll()
      result.outcome = .acknowledged
      result.code = .content
      result.extent = .incomplete
      result.gap = gap(outcome, code, extent)
    }
    // Whatever happened to the second copy, the platform has the first.
    if report.isTaken, outcome != .acknowledged, result.replyCode == nil {
      result.outcome = .acknowledged
      result.code = .content
      result.extent = .unreadable
    }
    if case .unauthenticated(.putOff(_, let wait)) = outcome { result.retryAfter = wait }
    result.duration = now - report.startedAt
    events.append(.report)
    report.phase = .none
    hasStartedOver = false
  }

  /// Why a request for a further block failed.
  private func gap(
    _ outcome: ReportOutcome,
    _ code: Code?,
    _ extent: AnswerExtent
  ) -> AnswerGap {
    if outcome == .rejected, let code { return .refused(code) }
    return extent == .cut ? .unexpected : .unanswered
  }
}

extension MessageView {
  /// The wait requested by 4.29 and 5.03: Max-Age (RFC 7252 Section 5.10.5: 60 seconds if it is
  /// absent), at least a second and at most an hour.
  var retryAfter: Milliseconds {
    Milliseconds(Int64(max(1, min(uint(.maxAge) ?? 60, 3_600))) * 1_000)
  }
}

extension ReportResult {
  /// Stores the platform's reply; returns `false` if it refuses the report.
  package mutating func take(_ reply: PlatformReply, on topic: Span<UInt8>) -> Bool {
    replyCode = reply.code
    // A 500 here means that the platform has no newer firmware.
    return reply.isSuccess || reply.code == 500 && Topic.asksForFirmware(topic)
  }
}
