internal import AliyunIoT
internal import CoAPMessage
internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceStore
internal import OpenSSLSupport

/// What is written down when, and what is sent next.
extension DurableDevice where Security: ~Copyable {
  /// Writes down what the session waits for.
  @inline(never)
  mutating func keepSession(at now: Instant, date: UInt64) -> StoreResult {
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
      if unkept == .token { record.obtainedAt = date }
      result = store.replace(with: &record)
      if result.isGood { keptChannels = wholeHandshakes }
    }
    if result.isGood, unkept != nil { session.keep(numbersUpTo: record.ceiling, at: now) }
    return result
  }

  /// A resumed session is the one that is on disk already.
  private var wholeHandshakes: Int { session.counters.handshakes - session.counters.resumptions }

  /// Starts the next report that waits, if any does; the session must be free.
  @inline(never)
  mutating func startNext(at now: Instant, date: UInt64) -> StoreResult {
    let result = outbox.findNext(at: date)
    if !result.isGood || outbox.inFlight == 0 { return result }
    reportID = outbox.inFlight
    if session.isAuthenticated, settings.isExpired(record, at: date) { session.forgetToken() }
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
      at: now
    )
    delivery = .underWay
    return result
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
    switch session.result.verdict {
    case .delivered:
      deliveredReports += 1
      delivery = .delivered
    case .final:
      rejectedReports += 1
      delivery = .rejected
    case .later, .unreachable, .credentials:
      postpone(at: now)
      return .postponed(reportID)
    }
    postponements = 0
    return nil
  }

  /// Lets the platform, or the network, rest.
  mutating func postpone(at now: Instant) {
    let doubled = settings.retry * (1 << Int64(min(postponements, 16)))
    postponements += 1
    notBefore = now + session.spread(min(doubled, settings.retryLimit))
  }
}

extension DurableSettings {
  /// Whether a token is about to expire, as far as the two dates tell.
  ///
  /// Where the clock is not set, or has gone back since, they do not: then the platform says so, with 4.01.
  func isExpired(_ record: borrowing SessionRecord, at date: UInt64) -> Bool {
    guard tokenLifetime > 0, record.obtainedAt > 0, date > record.obtainedAt else { return false }
    return date - record.obtainedAt >= tokenLifetime - min(tokenLifetime, Self.tokenMargin)
  }
}
