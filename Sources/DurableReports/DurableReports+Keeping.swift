// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
package import DeviceStore
internal import ReportLink

/// Decides what is stored when, and which report is sent next.
extension DurableReports where Link: ~Copyable {
  /// Stores the state that the link waits for.
  @inline(never)
  mutating func keepSession(at now: TimeStamp) -> StoreResult {
    let unkept = link.unkept
    // A channel established since, under an unchanged token, is stored as well.
    let hasNewChannel = link.channelCount != keptChannels && link.isAuthenticated
    guard unkept != nil || hasNewChannel else { return .good }
    let ceiling = record.ceiling
    // Numbers are reserved in a session that the disk has; after a failure it is written anew.
    let isWhole = unkept != .numbers || !store.isUsable
    if isWhole { link.write(into: &record) }
    if unkept != .token { record.ceiling = ceiling }
    if unkept != nil {
      // As many as wait: a backlog then costs one write.
      let count = max(settings.reservation, UInt64(outbox.count))
      let (raised, isOver) = record.ceiling.addingReportingOverflow(count)
      record.ceiling = isOver ? .max : raised
    }
    // Write to disk first: otherwise a used number could be used again after a power failure.
    let result: StoreResult
    if !isWhole {
      result = store.reserve(upTo: record.ceiling)
    } else {
      if unkept == .token { record.obtainedAt = now.kept }
      result = store.replace(with: &record)
      if result.isGood { keptChannels = link.channelCount }
    }
    if result.isGood, unkept != nil { link.keep(numbersUpTo: record.ceiling, at: now.instant) }
    return result
  }

  /// Starts the next waiting report, if there is one and it may be sent; the session must be free.
  ///
  /// It may instead end an expired one (`takeEnded`).
  @inline(never)
  mutating func startNext(at now: TimeStamp) -> StoreResult {
    let result = outbox.findNext(at: now, beside: &taken)
    if !result.isGood || outbox.ended.id != 0 { return result }
    let isWaiting = now.instant < notBefore
    let isUrgent = isUrgent
    self.isUrgent = false
    if outbox.inFlight == 0 { return result }
    if isWaiting, !isUrgent || outbox.inFlightPriority < waitPriority {
      // The search was only for expired entries.
      outbox.release()
      return result
    }
    reportID = outbox.inFlight
    if link.isAuthenticated, settings.isExpired(record, at: now) { link.forgetAuthentication() }
    guard
      link.begin(
        id: reportID,
        topic: outbox.topic,
        payload: outbox.payload,
        format: outbox.contentFormat,
        at: now.instant
      )
    else {
      if hasSeveral, link.ending.verdict != .final {
        // The link has no place for it after all: it waits for the link.
        outbox.release()
        return result
      }
      // `accept` never stores such a report; it could never be sent.
      rejectedReports += 1
      delivery = .rejected
      return result
    }
    delivery = .underWay
    return result
  }

  /// Reports the entry that the outbox has ended, if any.
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
    case .report: hasSeveral ? endTaken(at: now) : delivery == .underWay ? end(at: now) : nil
    case nil: nil
    }
  }

  /// Handles the end of the link's report; `isLate` if all sending has paused since it began.
  mutating func end(at now: Instant, isLate: Bool = false) -> DurableEvent? {
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
      if Link.Taken.hasGate, ending.retryAfter < Milliseconds(0) {
        // Its topic has shut: it goes out once that is open again.
      } else if ending.verdict == .later {
        if !isLate { linkWorks() }
        putOff(ending.retryAfter, at: now)
      } else if isLate {
        // One loss ends all reports under way: it counts once.
        notBefore = max(notBefore, now + ending.retryAfter)
        waitPriority = max(waitPriority, outbox.inFlightPriority)
      } else {
        postpone(outbox.inFlightPriority, ending.retryAfter, ending.wasInterrupted, at: now)
      }
      // While it waits, it may make room for others.
      outbox.release()
      return delivery == .givenUp ? nil : .postponed(reportID)
    }
    outbox.unhold()
    if !isLate { linkWorks() }
    return nil
  }

  /// Ends a wait for the link after an answer of the platform, unless the platform asked for the
  /// wait.
  private mutating func linkWorks() {
    postponements = 0
    if !isWaitAsked { notBefore = Instant(milliseconds: .min) }
  }

  /// Pauses all sending after a report of that priority failed, at least as long as the platform
  /// asked.
  ///
  /// A report of higher priority that arrives meanwhile is still tried once, unless the platform
  /// asked for the wait.
  ///
  /// The interruption may be due to a forged ICMP message: the first one costs at most ACK_TIMEOUT.
  /// If the network is really gone, the early retry costs nothing on the air.
  @inline(never)
  mutating func postpone(
    _ priority: UInt8,
    _ asked: Milliseconds,
    _ isInterrupted: Bool,
    at now: Instant
  ) {
    let isFirst = isInterrupted && postponements == 0
    notBefore = now + (isFirst ? link.firstRetryDelay() : wait(after: postponements, asked))
    postponements += 1
    taken.outlook.pauses &+= 1
    isWaitAsked = asked > Milliseconds(0)
    if isWaitAsked { isUrgent = false }
    if !isUrgent { waitPriority = priority }
  }

  /// Pauses the report's topic; others continue, and so do reports of higher priority, unless the
  /// platform asked for the wait.
  private mutating func putOff(_ asked: Milliseconds, at now: Instant) {
    let until = now + wait(after: Int(outbox.putOffs), asked)
    outbox.putOff(until: until, isWhole: asked > Milliseconds(0), at: now)
  }

  /// The wait after that many failures in a row, at least as long as the platform asked.
  private mutating func wait(after failures: Int, _ asked: Milliseconds) -> Milliseconds {
    let doubled = settings.retry * (1 << Int64(min(failures, 16)))
    return max(link.spread(min(doubled, settings.retryLimit)), asked)
  }
}

extension DurableSettings {
  /// Whether a token is about to expire, as far as that is known.
  ///
  /// If it is not known, after a reboot without a synchronised clock, the platform answers 4.01.
  package func isExpired(_ record: borrowing SessionRecord, at now: TimeStamp) -> Bool {
    guard tokenLifetime > 0, record.obtainedAt.isKnown else { return false }
    let age = UInt64(now.age(of: record.obtainedAt))
    return age >= tokenLifetime - min(tokenLifetime, Self.tokenMargin)
  }
}
