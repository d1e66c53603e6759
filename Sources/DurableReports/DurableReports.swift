// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore
public import Platform
public import ReportLink

/// A device that loses nothing: a link whose state survives a restart, and reports that are kept on disk until
/// the platform has taken them.
///
/// A state machine over files, without a socket and without a clock. Order of calls: `accept` whatever
/// there is to report, or `add` several and `commit` them together; then again and again `pollEvent`
/// until it gives `nil`, move what the link sends and receives, and call `handleTimeout` at or after
/// `pollTimeout`. Over a `DatagramLink` it is one itself.
///
/// Each report goes to the platform at least once: one that was under way when the power went is sent
/// again, under the same id; so may be up to 15 that were told to be delivered right before. Before a
/// sequence number is used the disk holds a higher one, so that none is used twice under a token.
///
/// Memory: about 6 KB beside the link's, in place; no call allocates after the first report.
public struct DurableReports<Link: ReportLink & ~Copyable>: ~Copyable {
  var delivery = Delivery.none
  /// The state of the session's file when it was loaded.
  public private(set) var sessionFinding = SessionFinding.none
  /// Nothing is sent before this instant, except a report of a higher priority than `waitPriority`.
  var notBefore = Instant(milliseconds: .min)
  /// The priority of the report that started the wait.
  var waitPriority: UInt8 = 0
  /// Whether such a report has arrived since, or while another one was in flight: it is tried once.
  var isUrgent = false
  /// Whether the platform asked for the wait, which then applies to all reports.
  var isWaitAsked = false
  /// Identifies the boot of the machine.
  let boot: UInt64
  /// The time from which writing to the disk is retried.
  var storeNotBefore = Instant(milliseconds: .min)
  /// The number of reports in a row that the platform did not accept for now.
  var postponements = 0
  /// The number of secure channels established when the record was stored.
  var keptChannels = 0
  /// The id of the current report; 0 if there is none.
  var reportID: UInt64 = 0
  /// The reports under way, and those that have ended and are still to be told, if the link has several.
  var taken: Link.Taken

  /// The number of reports accepted by the platform.
  public internal(set) var deliveredReports = 0
  /// The number of reports that the platform refused for good.
  public internal(set) var rejectedReports = 0

  let settings: DurableSettings
  /// Delivers the reports, as many at a time as its capacity allows.
  public package(set) var link: Link
  var store = SessionStore()
  var outbox = Outbox()
  /// The link's state on disk.
  var record = SessionRecord()

  /// The state of the current report.
  enum Delivery {
    /// There is no report.
    case none
    /// The session is sending it.
    case underWay
    /// The platform has accepted it; this is not stored yet.
    case delivered
    /// The platform refuses it for good; this is not stored yet.
    case rejected
    /// It has had its last attempt; this is not stored yet.
    case givenUp
  }

  /// Whether the current report has ended for good.
  var isEnded: Bool { delivery != .none && delivery != .underWay }

  /// Loads a device from `directory`: its waiting reports, and its link's state unless that has
  /// another `fingerprint`.
  ///
  /// `now` identifies the boot of the machine; later instants must be of the same clock. The link
  /// stores its state through its owner, and leaves retries to the owner.
  public init(
    link: consuming Link,
    settings: DurableSettings = DurableSettings(),
    directory: borrowing StateDirectory,
    fingerprint: FixedBytes<32>,
    now: TimeStamp
  ) throws(StoreError) {
    self.init(link: link, settings: settings, boot: now.boot)
    try open(directory, fingerprint: fingerprint, at: now.instant, date: now.date)
  }

  /// A device without files; call `open` before anything else.
  ///
  /// `boot` identifies this start of the machine. Opening apart saves the code that would destroy a half-made device.
  public init(link: consuming Link, settings: DurableSettings, boot: UInt64) {
    self.settings = settings
    self.boot = boot
    taken = link.makeTaken()
    self.link = link
  }

  /// Reads the device's state from `directory`, as the initialiser with a directory does.
  public mutating func open(
    _ directory: borrowing StateDirectory,
    fingerprint: FixedBytes<32>,
    at now: Instant,
    date: UInt64
  ) throws(StoreError) {
    let now = TimeStamp(boot: boot, instant: now, date: date)
    let result = read(directory, fingerprint, now)
    if !result.isGood { throw result.error }
  }

  private mutating func read(
    _ directory: borrowing StateDirectory,
    _ fingerprint: FixedBytes<32>,
    _ now: TimeStamp
  ) -> StoreResult {
    outbox.maxAge = settings.maxAge
    #if SMALL_REPORTS
    var result = outbox.open(in: directory, settings: settings.outbox)
    #else
    var bounds = settings.outbox
    bounds.maxPayload = min(bounds.maxPayload, link.payloadLimit)
    var result = outbox.open(in: directory, settings: bounds)
    #endif
    if !result.isGood { return result }
    store.join(directory)
    result = store.load(for: fingerprint, into: &record, &sessionFinding)
    record.fingerprint = fingerprint
    if result.isGood, sessionFinding == .found {
      link.restore(record, isUsable: !settings.isExpired(record, at: now))
    }
    if result.isGood { store.keepRoom() }
    return result
  }

  /// The state of the outbox when it was opened.
  public var outboxFindings: OutboxFindings { outbox.findings }

  /// The number of reports waiting for the platform, including the one in flight.
  public var pendingReports: Int { outbox.count }

  /// The id of the next accepted report.
  public var nextID: UInt64 { outbox.nextID }

  /// The counters of the reports' results.
  public var outboxCounters: OutboxCounters { outbox.counters }

  /// The writes to disk for the session and its sequence numbers.
  public var sessionWrites: StoreWrites { store.writes }

  /// The writes to disk for the reports.
  public var outboxWrites: StoreWrites { outbox.writes }

  /// Whether a report of the maximum size would be accepted.
  public var hasRoom: Bool { outbox.hasRoom }

  /// Whether an eighth of the outbox is free as well.
  ///
  /// Once there was no room, to wait for this lets reports that wait become durable together.
  public var hasAmpleRoom: Bool { outbox.hasAmpleRoom }

  /// Whether half of the outbox is free.
  public var hasHalf: Bool { outbox.hasHalf }

  /// Whether all that waits has a topic that is shut, so that nothing can be sent before one opens.
  public var isShut: Bool { delivery == .none && taken.isEmpty && outbox.isShut }

  /// Whether no report waits, neither for the platform nor for the disk to say that it was delivered.
  public var isDone: Bool { outbox.count == 0 && !isEnded && !hasTold && !outbox.areMarksDue }

  /// Whether there is something to exchange with the platform, now or at `pollTimeout`.
  public var needsLink: Bool { !link.isIdle }
}

// MARK: - Commands

extension DurableReports where Link: ~Copyable {
  /// Takes a report: when this returns its id, the disk has it; see `add`.
  public mutating func accept(
    topic: borrowing @_addressable Topic,
    payload: Span<UInt8>,
    format: UInt16 = 50,
    priority: UInt8 = 0,
    lifetime: UInt32 = 0,
    key: UInt64 = 0,
    at now: Instant,
    date: UInt64
  ) throws(OutboxError) -> UInt64 {
    let id = try add(
      topic: topic,
      payload: payload,
      format: format,
      priority: priority,
      lifetime: lifetime,
      key: key,
      at: now,
      date: date
    )
    try commit()
    return id
  }

  /// Writes a report, which is taken when `commit` has returned; returns the id that it then has.
  ///
  /// Nothing but `add` and `commit` may be called in between. Where others were added since the last
  /// `commit`, it may throw for want of room that `commit` makes: call that, and add the report again.
  ///
  /// Each `placeholder` in the payload, unless that is empty, becomes the id.
  /// `format` is the number of the content format (RFC 7252 Section 12.3), 50 for JSON; `lifetime` is in
  /// seconds, 0 for ever; the higher `priority`, 0 to 7, goes first. Of reports with the
  /// same `key`, other than 0, the last one counts and the others are not sent any more: `pollReplaced`.
  /// `date` is now, in seconds since 1970, 0 unless the clock is synchronised (`WallClock.now`).
  public mutating func add(
    topic: borrowing @_addressable Topic,
    payload: Span<UInt8>,
    placeholder: Span<UInt8> = Span(),
    format: UInt16 = 50,
    priority: UInt8 = 0,
    lifetime: UInt32 = 0,
    key: UInt64 = 0,
    at now: Instant,
    date: UInt64
  ) throws(OutboxError) -> UInt64 {
    let id = try outbox.add(
      topic.bytes.bytes,
      payload,
      mark: placeholder,
      format,
      priority,
      lifetime,
      key,
      beside: &taken,
      at: TimeStamp(boot: boot, instant: now, date: date)
    )
    // Priorities above 7 count as 7.
    let least = isUnderWay && !isUrgent ? priorityUnderWay : waitPriority
    if isUnderWay || now < notBefore && !isWaitAsked, min(priority, 7) > least {
      waitPriority = min(priority, 7)
      isUrgent = true
    }
    return id
  }

  /// Makes durable what was added, all with one sync: from now on the disk has it.
  ///
  /// When it throws, none of it is taken.
  public mutating func commit() throws(OutboxError) {
    let result = outbox.commit()
    if !result.isGood { throw .store(result.error) }
  }

  /// Whether reports were added that the disk may not have yet.
  public var hasUncommitted: Bool { outbox.hasUncommitted }

  /// Tells of the next report that those accepted last have taken the place of.
  ///
  /// Call it until it gives `nil` before the next `add`, which ends the others without a word;
  /// `pollEvent` does it as well.
  @inline(never)
  public mutating func pollReplaced() -> DurableEvent? {
    outbox.shedNext(beside: &taken) ? takeEnded() : nil
  }

  /// Ends the report in flight because the link failed, for example without a network; the report
  /// stays and is sent again later.
  public mutating func interrupt(at now: Instant) {
    link.interrupt(at: now)
    if delivery == .none, taken.isEmpty { postpone(0, Milliseconds(0), true, at: now) }
  }

  #if !SMALL_REPORTS || GATEWAY
  /// Says what the calendar's clock shows at `now`, right or wrong, to a link that compares it with the server's.
  public mutating func setClock(_ seconds: UInt64, at now: Instant) {
    link.setClock(seconds, at: now)
  }
  #endif

  /// Ends the wait after an unanswered report, because the server has another address.
  public mutating func moveOn() { notBefore = Instant(milliseconds: .min) }

  /// Ends the secure channel; `pollTransmit` may give a goodbye.
  ///
  /// What is under way stays in the outbox. The disk then has all that was told.
  public mutating func close() {
    // Where that fails some reports are sent again after a power cut.
    _ = outbox.settleMarks(isLast: true)
    link.close()
    if delivery == .underWay { delivery = .none }
    outbox.releaseAll(&taken)
  }
}

// MARK: - Input and output

extension DurableReports where Link: ~Copyable {
  /// Handles the timers that have expired; call it at or after `pollTimeout`.
  public mutating func handleTimeout(at now: Instant) {
    link.handleTimeout(at: now)
  }

  /// The time of the next calls of `handleTimeout` and `pollEvent`, in the past if they are due;
  /// `nil` if nothing is pending.
  public mutating func pollTimeout() -> Instant? {
    var earliest = link.pollTimeout()
    // A disk that refuses is asked again; else `pollEvent` has written what was to be written.
    if link.unkept != nil || isEnded || hasTold || outbox.areMarksDue {
      earliest = earlier(earliest, storeNotBefore)
    }
    if delivery == .none, outbox.count > 0, mayStart {
      let start = max(nextStart, storeNotBefore)
      // Where all that waits has its topic under way, only the link is waited for.
      if !hasSeveral || start < Instant(milliseconds: .max) {
        earliest = earlier(earliest, start)
      }
    }
    return earliest
  }

  /// The time of the next search of the outbox.
  private var nextStart: Instant {
    if isUrgent || outbox.isShedding { return Instant(milliseconds: .min) }
    return min(max(notBefore, outbox.due ?? notBefore), outbox.nextExpiry)
  }

  /// Whether nothing can be sent at `now` although reports wait: until `pollTimeout`, unless others
  /// arrive.
  public func isHeldUp(at now: Instant) -> Bool {
    guard delivery == .none, taken.isEmpty, outbox.count > 0 else { return now < storeNotBefore }
    return now < storeNotBefore
      || !isUrgent && (now < notBefore || now < outbox.due ?? Instant(milliseconds: .min))
  }

  /// Stores pending state, and returns the next event since the last call; if there are no more,
  /// starts the next report that is due and returns `nil`.
  ///
  /// `date` is the current time in seconds since 1970; 0 if the clock is not set.
  public mutating func pollEvent(at now: Instant, date: UInt64) -> DurableEvent? {
    #if !SMALL_REPORTS || GATEWAY
    link.setDate(date, at: now)
    #endif
    if let event = pollReplaced() { return event }
    if now < storeNotBefore { return takeLinkEvent(at: now) }
    let time = TimeStamp(boot: boot, instant: now, date: date)
    while true {
      var result = keepSession(at: time)
      // Of what was ended otherwise.
      if result.isGood { result = outbox.settleMarks() }
      if result.isGood, isEnded {
        // Write to disk first: a reader of "delivered" must not see the report delivered again.
        let isGivenUp = delivery == .givenUp
        result =
          hasSeveral
          ? outbox.markRemoved(reportID, isGivenUp: isGivenUp)
          : outbox.remove(reportID, isGivenUp: isGivenUp)
        if result.isGood {
          defer { delivery = .none }
          if hasSeveral {
            keepEnded()
            continue
          }
          switch delivery {
          case .delivered: return .delivered(reportID)
          case .givenUp: return .givenUp(reportID, .maxAttempts)
          default: return .rejected(reportID)
          }
        }
      }
      if result.isGood {
        if let event = takeLinkEvent(at: now) { return event }
        // Store at once what the session's event has ended.
        if isEnded { continue }
        if hasTold {
          result = settleEnded()
          if result.isGood { return tellEnded() }
        } else {
          if Link.Taken.hasGate, taken.takeOpened() { outbox.reopen() }
          guard delivery == .none, link.isFree, outbox.count > 0, mayStart, now >= nextStart else {
            return nil
          }
          result = startNext(at: time)
          if result.isGood {
            if let event = takeEnded() { return event }
            if delivery == .none { return nil }
            if hasSeveral, delivery == .underWay {
              outbox.park(in: &taken)
              delivery = .none
            }
            // A started report requests numbers.
            continue
          }
        }
      }
      storeNotBefore = now + settings.storeRetry
      return .storeFailed(result.error)
    }
  }
}
