internal import AliyunIoT
internal import CoAPMessage
internal import CoAPSecurity
internal import ConstrainedCore
package import DeviceStore
internal import OpenSSLSupport

/// What is written down when, and what is sent next.
extension DurableDevice where Security: ~Copyable {
  /// Writes down what the session waits for.
  @inline(never)
  mutating func keepSession(at now: TimeStamp) -> StoreResult {
    let unkept = session.unkept
    // A channel made since, for which the token has not changed, is written down, too.
    let hasNewChannel = wholeHandshakes != keptChannels && session.isAuthenticated
    guard unkept != nil || hasNewChannel else { return .good }
    let ceiling = record.ceiling
    if unkept != .numbers { session.write(into: &record) }
    if unkept == nil {
      record.ceiling = ceiling
    } else {
      let (raised, isOver) = record.ceiling.addingReportingOverflow(settings.reservation)
      record.ceiling = isOver ? .max : raised
    }
    // The disk first: a number that was used before would be used again after a power cut.
    let result: StoreResult
    if unkept == .numbers {
      result = store.tryToReserve(upTo: record.ceiling)
    } else {
      if unkept == .token { record.obtainedAt = now.kept }
      result = store.replace(with: &record)
      if result.isGood { keptChannels = wholeHandshakes }
    }
    if result.isGood, unkept != nil { session.keep(numbersUpTo: record.ceiling, at: now.instant) }
    return result
  }

  /// A resumed session is the one that is on disk already.
  private var wholeHandshakes: Int { session.counters.handshakes - session.counters.resumptions }

  /// Starts the next report that waits, if any does and may; the session must be free.
  ///
  /// It may instead end one that is over (`takeEnded`).
  @inline(never)
  mutating func startNext(at now: TimeStamp) -> StoreResult {
    let result = outbox.findNext(at: now)
    if !result.isGood || outbox.ended.id != 0 { return result }
    let isWaiting = now.instant < notBefore
    let isUrgent = isUrgent
    self.isUrgent = false
    if outbox.inFlight == 0 { return result }
    if isWaiting, !isUrgent || outbox.inFlightPriority < waitPriority {
      // It was looked through for what is over alone.
      outbox.release()
      return result
    }
    reportID = outbox.inFlight
    if session.isAuthenticated, settings.isExpired(record, at: now) { session.forgetToken() }
    guard takeEntry() else {
      // Nothing that `accept` takes comes here; what does can never be sent.
      rejectedReports += 1
      delivery = .rejected
      session.result = ReportResult()
      session.result.outcome = .rejected
      return result
    }
    _ = session.begin(
      format: ContentFormat(rawValue: outbox.contentFormat),
      accept: session.settings.accept,
      at: now.instant
    )
    delivery = .underWay
    return result
  }

  /// Tells of the report that the outbox has ended, if it has.
  @inline(never)
  mutating func takeEnded() -> DurableEvent? {
    let ended = outbox.ended
    outbox.ended.id = 0
    if ended.id == 0 { return nil }
    return switch ended.ending {
    case .expired: .expired(ended.id)
    case .tooOld: .givenUp(ended.id, .maxAge)
    case .dropped: .dropped(ended.id)
    case .superseded: .superseded(ended.id)
    }
  }

  /// Puts the entry that was found in the session's place for it; `false` when it is no report.
  private mutating func takeEntry() -> Bool {
    do throws(TopicError) {
      session.report.topic = try Topic(outbox.topic)
    } catch {
      return false
    }
    return (try? session.report.payload.replace(with: outbox.payload)) != nil
  }

  @inline(never)
  mutating func takeSessionEvent(at now: Instant) -> DurableEvent? {
    if isEnded { return nil }
    switch session.events.removeFirst() {
    case .authenticated: return .authenticated
    case .authenticationFailed: return .authenticationFailed(session.events.failure)
    case .report: return delivery == .underWay ? end(at: now) : nil
    default: return nil
    }
  }

  /// Takes in how the session's report has ended.
  private mutating func end(at now: Instant) -> DurableEvent? {
    delivery = .none
    let verdict = session.result.verdict
    switch verdict {
    case .delivered:
      deliveredReports += 1
      delivery = .delivered
    case .final:
      rejectedReports += 1
      delivery = .rejected
    case .later, .unreachable, .credentials:
      if verdict != .credentials, session.result.transmissions > 0 {
        let attempts = outbox.countAttempt()
        if settings.maxAttempts > 0, attempts >= settings.maxAttempts { delivery = .givenUp }
      }
      if verdict == .later {
        linkWorks()
        putOff(at: now)
      } else {
        let isInterrupted = session.result.outcome == .interrupted
        postpone(outbox.inFlightPriority, session.result.retryAfter, isInterrupted, at: now)
      }
      return delivery == .givenUp ? nil : .postponed(reportID)
    }
    outbox.unhold()
    linkWorks()
    return nil
  }

  /// Ends a wait for the link, for the platform has answered; not one that it has asked for.
  private mutating func linkWorks() {
    postponements = 0
    if !isWaitAsked { notBefore = Instant(milliseconds: .min) }
  }

  /// Lets the network, or the platform, rest after a report of that priority, for as long as the platform
  /// has asked for at least.
  ///
  /// One of a higher priority that has come meanwhile is tried all the same, once, unless the platform has
  /// asked for the wait.
  ///
  /// What interrupts a link may be an ICMP message that anybody can forge: the first one costs no more than
  /// ACK_TIMEOUT, which a network that is really gone costs nothing on the air.
  mutating func postpone(
    _ priority: UInt8,
    _ asked: Milliseconds,
    _ isInterrupted: Bool,
    at now: Instant
  ) {
    let isFirst = isInterrupted && postponements == 0
    notBefore = now + (isFirst ? session.retryDelay(0) : wait(after: postponements, asked))
    postponements += 1
    isWaitAsked = asked > Milliseconds(0)
    if isWaitAsked { isUrgent = false }
    if !isUrgent { waitPriority = priority }
  }

  /// Lets the report's topic rest; others go on, and so do those of a higher priority unless the platform
  /// has asked for the wait.
  private mutating func putOff(at now: Instant) {
    let asked = session.result.retryAfter
    let until = now + wait(after: Int(outbox.putOffs), asked)
    outbox.putOff(until: until, isWhole: asked > Milliseconds(0), at: now)
  }

  /// How long to wait after so many failures in a row: what the platform has asked for at least.
  private mutating func wait(after failures: Int, _ asked: Milliseconds) -> Milliseconds {
    let doubled = settings.retry * (1 << Int64(min(failures, 16)))
    return max(session.spread(min(doubled, settings.retryLimit)), asked)
  }
}

extension DurableSettings {
  /// Whether a token is about to expire, as far as that can be told.
  ///
  /// Where it cannot, after a restart of the machine with a clock that is not synchronised, the platform
  /// says so, with 4.01.
  package func isExpired(_ record: borrowing SessionRecord, at now: TimeStamp) -> Bool {
    guard tokenLifetime > 0, record.obtainedAt.isKnown else { return false }
    let age = UInt64(now.age(of: record.obtainedAt))
    return age >= tokenLifetime - min(tokenLifetime, Self.tokenMargin)
  }
}
