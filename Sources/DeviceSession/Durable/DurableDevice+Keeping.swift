internal import AliyunIoT
internal import CoAPMessage
internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceStore
internal import OpenSSLSupport

/// What is written down when, and what is sent next.
extension DurableDevice where Security: ~Copyable {
  /// Writes down what the session or the outbox waits for; gives the event of a report whose end is now
  /// on disk.
  mutating func keep(at now: Instant, date: UInt64) throws(StoreError) -> DurableEvent? {
    switch session.unkept {
    case .token: try keepToken(at: now, date: date)
    case .numbers:
      let (ceiling, isOver) = record.ceiling.addingReportingOverflow(settings.reservation)
      record.ceiling = isOver ? .max : ceiling
      // The disk first: a number that was used before would be used again after a power cut.
      try store.reserve(upTo: record.ceiling)
      session.keep(numbersUpTo: record.ceiling, at: now)
    case nil:
      // A channel made since, for which the token has not changed.
      if wholeHandshakes != keptChannels, session.isAuthenticated {
        let ceiling = record.ceiling
        session.write(into: &record)
        record.ceiling = ceiling
        try keepRecord()
      }
    }
    guard case .ended(let event) = delivery else { return nil }
    // The disk first: who has read that it was delivered must not see it delivered again.
    try outbox.remove(entry)
    delivery = .none
    return event
  }

  private mutating func keepToken(at now: Instant, date: UInt64) throws(StoreError) {
    session.write(into: &record)
    let (ceiling, isOver) = record.ceiling.addingReportingOverflow(settings.reservation)
    record.ceiling = isOver ? .max : ceiling
    record.obtainedAt = date
    try keepRecord()
    session.keep(numbersUpTo: record.ceiling, at: now)
  }

  private mutating func keepRecord() throws(StoreError) {
    try store.replace(with: record)
    keptChannels = wholeHandshakes
  }

  /// A resumed session is the one that is on disk already.
  private var wholeHandshakes: Int { session.counters.handshakes - session.counters.resumptions }

  mutating func startNext(at now: Instant, date: UInt64) throws(StoreError) {
    guard case .none = delivery, now >= notBefore, session.isFree else { return }
    while try outbox.next(into: &entry, at: date) {
      if session.isAuthenticated, settings.isExpired(record, at: date) {
        session.forgetToken()
      }
      do throws(TopicError) {
        let topic = try Topic(entry.topic.bytes)
        do throws(DeviceError) {
          _ = try session.publish(
            topic: topic,
            payload: entry.payload.bytes,
            format: ContentFormat(rawValue: entry.contentFormat),
            at: now
          )
          delivery = .underWay
          return
        } catch {}
      } catch {}
      // Nothing that `accept` takes comes here; what does can never be sent.
      try outbox.remove(entry)
    }
  }

  mutating func takeSessionEvent(at now: Instant) -> DurableEvent? {
    if case .ended = delivery { return nil }
    switch session.pollEvent() {
    case .authenticated: return .authenticated
    case .authenticationFailed(let failure): return .authenticationFailed(failure)
    case .report(let result):
      guard case .underWay = delivery else { return nil }
      return end(result, at: now)
    case .registered, .registrationFailed, .answerBlock, nil: return nil
    }
  }

  /// Takes in how the session's report has ended.
  private mutating func end(_ result: ReportResult, at now: Instant) -> DurableEvent? {
    switch result.outcome {
    case .acknowledged:
      postponements = 0
      deliveredReports += 1
      delivery = .ended(.delivered(entry.id, result))
      return nil
    case .rejected
    where result.code == .badRequest && !session.isAuthenticated
      && doubtfulID != entry.id:
      // The token was new, or from before the start: the two ends may have different keys. Once more,
      // under a new one.
      doubtfulID = entry.id
      delivery = .none
      return .postponed(entry.id, result)
    case .rejected where result.isFinal, .unsealable:
      postponements = 0
      rejectedReports += 1
      delivery = .ended(.rejected(entry.id, result))
      return nil
    default:
      delivery = .none
      postpone(at: now)
      return .postponed(entry.id, result)
    }
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

extension ReportResult {
  /// Whether the platform would answer the same to the same report later.
  fileprivate var isFinal: Bool {
    guard let code else { return false }
    // 4.01 and 4.02 are about the token, 4.29 (RFC 8516) about the time; 5.xx about the server.
    switch code {
    case .unauthorized, .badOption, Code(4, 29): return false
    default: return code.class == 4
    }
  }
}
