internal import ConstrainedCore
package import DeviceStore
internal import ReportLink

/// What is written down when, and what is sent next.
extension DurableReports where Link: ~Copyable {
  /// Writes down what the link waits for.
  @inline(never)
  mutating func keepSession(at now: TimeStamp) -> StoreResult {
    let unkept = link.unkept
    // A channel made since, for which the token has not changed, is written down, too.
    let hasNewChannel = link.channelCount != keptChannels && link.isAuthenticated
    guard unkept != nil || hasNewChannel else { return .good }
    let ceiling = record.ceiling
    if unkept != .numbers { link.write(into: &record) }
    if unkept == nil {
      record.ceiling = ceiling
    } else {
      // As many as wait: a backlog then costs one write.
      let count = max(settings.reservation, UInt64(outbox.count))
      let (raised, isOver) = record.ceiling.addingReportingOverflow(count)
      record.ceiling = isOver ? .max : raised
    }
    // The disk first: a number that was used before would be used again after a power cut.
    let result: StoreResult
    if unkept == .numbers {
      result = store.reserve(upTo: record.ceiling)
    } else {
      if unkept == .token { record.obtainedAt = now.kept }
      result = store.replace(with: &record)
      if result.isGood { keptChannels = link.channelCount }
    }
    if result.isGood, unkept != nil { link.keep(numbersUpTo: record.ceiling, at: now.instant) }
    return result
  }

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
    if link.isAuthenticated, settings.isExpired(record, at: now) { link.forgetAuthentication() }
    guard
      link.begin(
        topic: outbox.topic,
        payload: outbox.payload,
        format: outbox.contentFormat,
        at: now.instant
      )
    else {
      // Nothing that `accept` takes comes here; what does can never be sent.
      rejectedReports += 1
      delivery = .rejected
      return result
    }
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

  @inline(never)
  mutating func takeLinkEvent(at now: Instant) -> DurableEvent? {
    if isEnded { return nil }
    return switch link.pollLinkEvent() {
    case .authenticated: .authenticated
    case .authenticationFailed: .authenticationFailed
    case .downlink: .downlink
    case .report: delivery == .underWay ? end(at: now) : nil
    case nil: nil
    }
  }

  /// Takes in how the link's report has ended.
  private mutating func end(at now: Instant) -> DurableEvent? {
    delivery = .none
    let ending = link.ending
    switch ending.verdict {
    case .delivered:
      deliveredReports += 1
      delivery = .delivered
    case .final:
      rejectedReports += 1
      delivery = .rejected
    case .later, .unreachable, .credentials:
      if ending.verdict != .credentials, ending.wasSent {
        let attempts = outbox.countAttempt()
        if settings.maxAttempts > 0, attempts >= settings.maxAttempts { delivery = .givenUp }
      }
      if ending.verdict == .later {
        linkWorks()
        putOff(ending.retryAfter, at: now)
      } else {
        postpone(outbox.inFlightPriority, ending.retryAfter, ending.wasInterrupted, at: now)
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
    notBefore = now + (isFirst ? link.firstRetryDelay() : wait(after: postponements, asked))
    postponements += 1
    isWaitAsked = asked > Milliseconds(0)
    if isWaitAsked { isUrgent = false }
    if !isUrgent { waitPriority = priority }
  }

  /// Lets the report's topic rest; others go on, and so do those of a higher priority unless the platform
  /// has asked for the wait.
  private mutating func putOff(_ asked: Milliseconds, at now: Instant) {
    let until = now + wait(after: Int(outbox.putOffs), asked)
    outbox.putOff(until: until, isWhole: asked > Milliseconds(0), at: now)
  }

  /// How long to wait after so many failures in a row: what the platform has asked for at least.
  private mutating func wait(after failures: Int, _ asked: Milliseconds) -> Milliseconds {
    let doubled = settings.retry * (1 << Int64(min(failures, 16)))
    return max(link.spread(min(doubled, settings.retryLimit)), asked)
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
