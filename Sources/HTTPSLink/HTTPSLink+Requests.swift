// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import HTTPSLayer
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import PlatformHTTPS
internal import ReportLink
internal import SecurityLayer

/// The two requests, and what becomes of them.
extension HTTPSLink where Layer: ~Copyable {
  /// Sends the report, or authenticates first.
  mutating func goOn() {
    if let tokenSince, now - tokenSince >= settings.tokenLifetime { wipeToken() }
    if token.isEmpty { authenticate() } else { sendReport() }
  }

  // MARK: - Authentication

  /// Sends `POST /auth`.
  mutating func authenticate() {
    let sign: FixedBytes<32>
    var request = HTTPSAuthenticationRequest(signMethod: settings.signMethod)
    if settings.sendsTimestamp, let seconds = believedDate { request.timestamp = seconds &* 1_000 }
    do throws(SecurityError) {
      sign = try settings.signMethod.signature(key: secret.bytes) {
        (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
    } catch {
      return endAuthentication(.signing, .unreachable)
    }
    var body = FixedBytes<640>()
    var message = HTTPSRequest()
    message.content = .json
    message.limit = settings.answerTimeout
    do throws(CapacityError) {
      try body.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeJSON(identity, signature: sign.bytes, into: &writer)
      }
      try message.path.replace(with: Span(HTTPSReportRequest.authenticationPath))
    } catch {
      return endAuthentication(.signing, .unreachable)
    }
    guard layer.begin(message, body: body.bytes) else {
      return endAuthentication(.memory, .unreachable)
    }
    counters.authentications += 1
    phase = .authenticating(until: now + settings.answerTimeout + Self.grace)
  }

  /// The time that goes into `/auth`: the server's where this machine's is unknown, or wrong by more than 15 minutes.
  ///
  /// The server has proved itself by its certificate, and its own clock is the one that the time is compared with.
  private var believedDate: UInt64? {
    if let serverDate, date == nil || clockDifference != 0 { return seconds(serverDate) }
    return date.map { seconds($0) }
  }

  /// Takes the answer to `/auth`.
  mutating func takeAuthenticationAnswer() {
    phase = .idle
    let status = layer.head.status
    let wasWrong = clockDifference != 0
    noteServerDate()
    let answer: PlatformHTTPSAnswer
    do throws(HTTPSAnswerError) {
      answer = try PlatformHTTPSAnswer(authentication: layer.body)
    } catch {
      let reaction = HTTPSReaction(status: status, code: nil)
      failure = status >= 200 && status < 300 ? .answer(error) : .status(status)
      if pauses() { return }
      return endAuthentication(
        failure,
        Self.verdict(ofAuthentication: reaction),
        retryAfter: wait(askedBy: failure)
      )
    }
    take(message: answer.message)
    switch HTTPSReaction(status: status, code: answer.code) {
    case .accepted:
      guard isPrintable(answer.token.bytes) else {
        return endAuthentication(.answer(.member(.token)), .unreachable)
      }
      token = answer.token
      tokenSince = now
      isTokenUnkept = true
      authenticationEvent = .authenticated
      if report != nil { sendReport() }
    case let reaction:
      failure = .code(answer.code, status: status)
      // The clock was found wrong by this answer: the same once more, with the server's time.
      if settings.sendsTimestamp, !wasWrong, clockDifference != 0, reaction == .credentials {
        return authenticate()
      }
      if pauses() { return }
      endAuthentication(
        .code(answer.code, status: status),
        Self.verdict(ofAuthentication: reaction),
        retryAfter: wait(askedBy: failure)
      )
    }
  }

  /// What an answer to `/auth` means for the report that waits for it: nothing is wrong with that one.
  private static func verdict(ofAuthentication reaction: HTTPSReaction) -> ReportVerdict {
    switch reaction {
    case .later, .foreign, .accepted: .unreachable
    case .authenticateAgain, .credentials, .refused: .credentials
    }
  }

  /// Ends an authentication that failed, and the report that waits for it.
  mutating func endAuthentication(
    _ reason: HTTPSLinkFailure,
    _ verdict: ReportVerdict,
    retryAfter: Milliseconds = Milliseconds(0)
  ) {
    phase = .idle
    failure = reason
    authenticationEvent = .authenticationFailed
    var isBroken = false
    if case .transfer(.broken) = reason { isBroken = true }
    endReport(verdict, retryAfter: retryAfter, wasInterrupted: isBroken)
  }

  // MARK: - A report

  /// Sends `POST /topic/TOPIC` with the body that the layer holds.
  mutating func sendReport() {
    guard let current = report else { return }
    // That of `/auth` says nothing of the report.
    message.removeAll()
    var request = HTTPSRequest()
    defer { request.password.withStorage { wipe(&$0) } }
    let limit = settings.answerTimeout + sendingTime(of: current.count)
    request.limit = limit
    do throws(CapacityError) {
      try request.path.write { (writer: inout ByteWriter) throws(CapacityError) in
        try HTTPSReportRequest.writePath(current.topic.bytes.bytes, into: &writer)
      }
      try request.password.replace(with: token.bytes)
    } catch {
      // Both fit: a topic has 128 bytes.
      failure = .memory
      return endReport(.final)
    }
    guard layer.begin(request) else {
      failure = .memory
      return endReport(.unreachable)
    }
    counters.reports += 1
    phase = .reporting(until: now + limit + Self.grace)
  }

  /// How long a body of so many bytes may take.
  private func sendingTime(of count: Int) -> Milliseconds {
    Milliseconds(1_000).scaled(by: Int64(count), over: settings.slowestRate)
  }

  /// Takes the answer to a report.
  mutating func takeReportAnswer() {
    phase = .idle
    report?.wasSent = true
    if report?.topicKey == suspect { suspect = 0 }
    let status = layer.head.status
    noteServerDate()
    var code: HTTPSCode?
    do throws(HTTPSAnswerError) {
      let answer = try PlatformHTTPSAnswer(report: layer.body)
      code = answer.code
      take(message: answer.message)
      messageID = answer.messageID
      failure = .code(answer.code, status: status)
    } catch {
      failure = status >= 200 && status < 300 ? .answer(error) : .status(status)
    }
    switch HTTPSReaction(status: status, code: code) {
    case .accepted:
      counters.acknowledged += 1
      endReport(.delivered)
    case .authenticateAgain:
      wipeToken()
      // Once: a token that is refused as soon as it is given would go on for ever.
      guard let current = report, !current.hasRenewed else {
        // A status alone says nothing of the device.
        return endReport(code == nil ? .later : .credentials, retryAfter: wait(askedBy: failure))
      }
      report?.hasRenewed = true
      authenticate()
    case .credentials: endReport(.credentials, retryAfter: wait(askedBy: failure))
    case .later: if !pauses() { endReport(.later, retryAfter: wait(askedBy: failure)) }
    case .refused: endReport(.final)
    // Whoever it was that answered, the platform does not have the report. Others may pass.
    case .foreign: endReport(.later, retryAfter: wait(askedBy: failure))
    }
  }

  /// Takes in that a request has no answer.
  mutating func takeFailure(_ reason: HTTPSFailure, wasSent: Bool) {
    switch phase {
    case .idle, .pausing: return
    case .authenticating: endAuthentication(.transfer(reason), .unreachable)
    case .reporting:
      phase = .idle
      if wasSent { report?.wasSent = true }
      failure = .transfer(reason)
      endReport(
        verdict(ofTransfer: reason, wasSent: wasSent),
        wasInterrupted: reason == .broken
      )
    }
  }

  /// What a missing answer means for the report: whether all wait, or its topic alone.
  ///
  /// A server that answers with what nobody can read is there. A connection that breaks, or stays silent, may be the
  /// network's fault; the second time in a row at one topic it is that topic's, for which others would wait for ever.
  private mutating func verdict(
    ofTransfer reason: HTTPSFailure,
    wasSent: Bool
  ) -> ReportVerdict {
    guard wasSent, let key = report?.topicKey else { return .unreachable }
    if reason == .tooLong || reason == .notHTTP || key == suspect { return .later }
    suspect = key
    return .unreachable
  }

  /// Keeps the platform's text, without the token or the secret that it may repeat.
  private mutating func take(message text: FixedBytes<128>) {
    var text = text
    text.mask(token.bytes)
    text.mask(secret.bytes)
    message = text
  }

  /// Ends the report, if there is one.
  mutating func endReport(
    _ verdict: ReportVerdict,
    retryAfter: Milliseconds = Milliseconds(0),
    wasInterrupted: Bool = false
  ) {
    guard let current = report else { return }
    report = nil
    ending = ReportEnding(
      verdict,
      retryAfter: retryAfter,
      wasSent: current.wasSent,
      wasInterrupted: wasInterrupted
    )
    endedID = current.id
    hasEnded = true
    _ = layer.hold(Span())
  }

  /// Whether the server has failed at the report, or at the authentication for it, and it is sent again after a wait.
  private mutating func pauses() -> Bool {
    let head = layer.head
    guard head.status >= 500, head.status != 503, head.retryAfter.isEmpty,
      let failures = report?.failures, failures < settings.retries
    else { return false }
    report?.failures += 1
    phase = .pausing(until: now + spread(settings.retry * (1 << Int64(min(failures, 16)))))
    return true
  }

  // MARK: - What the head says

  /// The wait that the last answer asks for; 0 where there is none.
  ///
  /// Too many requests, 40000 and status 429, and status 503 ask for one without saying how long: a minute, as in CoAP
  /// (RFC 7252 Section 5.10.5).
  private func wait(askedBy failure: HTTPSLinkFailure) -> Milliseconds {
    let head = layer.head
    // The server's clock, told by this answer or an earlier one, before this machine's.
    let time = (serverDate ?? date).map { seconds($0) }
    if let seconds = HTTPDate.wait(head.retryAfter.bytes, now: time) {
      return Milliseconds(Int64(widening: seconds) * 1_000)
    }
    if case .code(.tooManyRequests, _) = failure { return Milliseconds(60_000) }
    return Milliseconds(head.status == 429 || head.status == 503 ? 60_000 : 0)
  }

  /// Compares the server's clock with this machine's.
  private mutating func noteServerDate() {
    let head = layer.head
    guard let seconds = HTTPDate.seconds(head.date.bytes) else { return }
    serverDate = (seconds, now)
    guard let reading = clock ?? date else { return }
    let own = self.seconds(reading)
    let difference = Int64(bitPattern: seconds &- own)
    let isWrong = difference.magnitude > 900
    // A minute more or less is no news.
    if isWrong, (difference &- clockDifference).magnitude > 60 { isClockToTell = true }
    clockDifference = isWrong ? difference : 0
  }

  /// Whether a token can stand in a field: visible characters alone.
  private func isPrintable(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where bytes[index] <= 0x20 || bytes[index] >= 0x7F { return false }
    return true
  }

  /// How much later than the layer the link gives a request up.
  private static var grace: Milliseconds { Milliseconds(10_000) }
}
