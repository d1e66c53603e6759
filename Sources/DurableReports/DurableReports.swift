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
/// Memory: about 5 KB beside the link's, in place; no call allocates after the first report.
public struct DurableReports<Link: ReportLink & ~Copyable>: ~Copyable {
  var delivery = Delivery.none
  /// What the session's file was found to be.
  public private(set) var sessionFinding = SessionFinding.none
  /// Nothing is sent before this instant, but for a report of a higher priority than `waitPriority`.
  var notBefore = Instant(milliseconds: .min)
  /// The priority of the report that the wait began with.
  var waitPriority: UInt8 = 0
  /// Whether such a report has come since, or while another one was under way: it is tried once.
  var isUrgent = false
  /// Whether the platform has asked for the wait, which holds for all.
  var isWaitAsked = false
  /// Which start of the machine this is.
  let boot: UInt64
  /// Since when the disk refuses to be written; it is asked again from this instant on.
  var storeNotBefore = Instant(milliseconds: .min)
  /// How many reports in a row the platform did not take for now.
  var postponements = 0
  /// How many secure channels had been made when the record was written.
  var keptChannels = 0
  /// The report at hand, if there is one.
  var reportID: UInt64 = 0

  /// How many reports the platform has taken.
  public internal(set) var deliveredReports = 0
  /// How many reports the platform will never take.
  public internal(set) var rejectedReports = 0

  let settings: DurableSettings
  /// What delivers the reports, one at a time.
  public internal(set) var link: Link
  var store = SessionStore()
  var outbox = Outbox()
  /// What is on disk of the link.
  var record = SessionRecord()

  /// Where the report at hand stands.
  enum Delivery {
    /// There is none.
    case none
    /// The session has it.
    case underWay
    /// The platform has taken it, which is still to be written down.
    case delivered
    /// The platform will never take it, which is still to be written down.
    case rejected
    /// It was tried often enough, which is still to be written down.
    case givenUp
  }

  /// Whether the report at hand has ended for good.
  var isEnded: Bool { delivery != .none && delivery != .underWay }

  /// What `directory` holds of a device: the reports that wait, and the state of its link unless that is of another
  /// `fingerprint`.
  ///
  /// `now` says which start of the machine this is; the instants that are handed over later are of the same
  /// clock. The link keeps its state where its owner does, and leaves it to the owner to try a report again.
  public init(
    link: consuming Link,
    settings: DurableSettings = DurableSettings(),
    directory: borrowing StateDirectory,
    fingerprint: FixedBytes<32>,
    now: TimeStamp
  ) throws(StoreError) {
    self.settings = settings
    boot = now.boot
    self.link = link
    // Last, for what exists in part is taken apart by more code than what exists as a whole.
    let result = open(directory, fingerprint, now)
    if !result.isGood { throw result.error }
  }

  /// Reads what `directory` holds of the device.
  @inline(never)
  private mutating func open(
    _ directory: borrowing StateDirectory,
    _ fingerprint: FixedBytes<32>,
    _ now: TimeStamp
  ) -> StoreResult {
    outbox.maxAge = settings.maxAge
    var result = outbox.open(in: directory, settings: settings.outbox)
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

  /// What was found in the outbox.
  public var outboxFindings: OutboxFindings { outbox.findings }

  /// How many reports wait for the platform, with the one under way.
  public var pendingReports: Int { outbox.count }

  /// The id that the next accepted report has.
  public var nextID: UInt64 { outbox.nextID }

  /// What became of the reports.
  public var outboxCounters: OutboxCounters { outbox.counters }

  /// What was written to disk for the session and its sequence numbers.
  public var sessionWrites: StoreWrites { store.writes }

  /// What was written to disk for the reports.
  public var outboxWrites: StoreWrites { outbox.writes }

  /// Whether the largest report would be taken.
  public var hasRoom: Bool { outbox.hasRoom }

  /// Whether an eighth of the outbox is free as well.
  ///
  /// Once there was no room, to wait for this lets reports that wait become durable together.
  public var hasAmpleRoom: Bool { outbox.hasAmpleRoom }

  /// Whether no report waits, neither for the platform nor for the disk to say that it was delivered.
  public var isDone: Bool { outbox.count == 0 && !isEnded && !outbox.areMarksDue }

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
      at: TimeStamp(boot: boot, instant: now, date: date)
    )
    // Priorities above 7 count as 7.
    let isUnderWay = delivery == .underWay
    let least = isUnderWay && !isUrgent ? outbox.inFlightPriority : waitPriority
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
  /// `pollEvent` does it, too.
  @inline(never)
  public mutating func pollReplaced() -> DurableEvent? {
    outbox.shedNext() ? takeEnded() : nil
  }

  /// Ends what is under way because the link failed, for example when there is no network; the report
  /// stays and is sent again later.
  public mutating func interrupt(at now: Instant) {
    link.interrupt(at: now)
    if delivery == .none { postpone(0, Milliseconds(0), true, at: now) }
  }

  /// Ends the wait that a report has begun to which nothing came, for the server has another address.
  public mutating func moveOn() { notBefore = Instant(milliseconds: .min) }

  /// Ends the secure channel; `pollTransmit` may give a goodbye.
  ///
  /// What is under way stays in the outbox. The disk then has all that was told.
  public mutating func close() {
    // Where that fails some reports are sent again after a power cut.
    _ = outbox.settleMarks(isLast: true)
    link.close()
    if delivery == .underWay { delivery = .none }
  }
}

// MARK: - Input and output

extension DurableReports where Link: ~Copyable {
  /// Takes in that time has passed; call it at or after `pollTimeout`.
  public mutating func handleTimeout(at now: Instant) {
    link.handleTimeout(at: now)
  }

  /// When `handleTimeout` and `pollEvent` are to be called next, an instant of the past when they are due;
  /// `nil` while nothing is waited for.
  public mutating func pollTimeout() -> Instant? {
    var earliest = link.pollTimeout()
    // A disk that refuses is asked again; else `pollEvent` has written what was to be written.
    if link.unkept != nil || isEnded || outbox.areMarksDue {
      earliest = min(earliest ?? storeNotBefore, storeNotBefore)
    }
    if delivery == .none, outbox.count > 0 {
      let start = max(nextStart, storeNotBefore)
      earliest = min(earliest ?? start, start)
    }
    return earliest
  }

  /// When the outbox is to be looked through next.
  private var nextStart: Instant {
    if isUrgent || outbox.isShedding { return Instant(milliseconds: .min) }
    return min(max(notBefore, outbox.due ?? notBefore), outbox.nextExpiry)
  }

  /// Whether nothing can be sent at `now`, though reports wait: until `pollTimeout`, unless others come.
  public func isHeldUp(at now: Instant) -> Bool {
    guard delivery == .none, outbox.count > 0 else { return now < storeNotBefore }
    return now < storeNotBefore
      || !isUrgent && (now < notBefore || now < outbox.due ?? Instant(milliseconds: .min))
  }

  /// Writes down what is to be kept, and tells what happened since the last call; when that is all, starts
  /// the next report that is due and gives `nil`.
  ///
  /// `date` is now, in seconds since 1970; 0 when the clock is not set.
  @inline(never)
  public mutating func pollEvent(at now: Instant, date: UInt64) -> DurableEvent? {
    if let event = pollReplaced() { return event }
    if now < storeNotBefore { return takeLinkEvent(at: now) }
    let time = TimeStamp(boot: boot, instant: now, date: date)
    while true {
      var result = keepSession(at: time)
      // Of what was ended otherwise.
      if result.isGood { result = outbox.settleMarks() }
      if result.isGood, isEnded {
        // The disk first: who has read that it was delivered must not see it delivered again.
        result = outbox.remove(reportID, isGivenUp: delivery == .givenUp)
        if result.isGood {
          defer { delivery = .none }
          switch delivery {
          case .delivered: return .delivered(reportID)
          case .givenUp: return .givenUp(reportID, .maxAttempts)
          default: return .rejected(reportID)
          }
        }
      }
      if result.isGood {
        if let event = takeLinkEvent(at: now) { return event }
        // What the session's event has ended is written down at once.
        if isEnded { continue }
        guard delivery == .none, link.isFree, outbox.count > 0, now >= nextStart else {
          return nil
        }
        result = startNext(at: time)
        if result.isGood {
          if let event = takeEnded() { return event }
          if delivery == .none { return nil }
          // A report that is started asks for numbers.
          continue
        }
      }
      storeNotBefore = now + settings.storeRetry
      return .storeFailed(result.error)
    }
  }
}
