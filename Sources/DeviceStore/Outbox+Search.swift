package import ConstrainedCore

/// What a search for the next entry has found out, and what of it holds for the next one.
struct OutboxSearch {
  /// Whether it stands at an entry that it has ended, and goes on from there.
  var isUnderWay = false
  /// Whether it goes through all that waits.
  var isWhole = false
  /// Whether it has found nothing to give out though entries wait.
  var isVain = false
  /// Whether the date was known.
  var knewDate = false
  /// One more than the priority that none exceeds of those that may be given out; 0 where that is not
  /// known.
  var highest: UInt8 = 0
  /// At which priority it ends.
  var bound = 0
  /// The best that was found so far.
  var best = 0
  var bestSize = 0
  var bestPriority = 0
  /// The first that waits.
  var first = 0
  /// Before this offset none of the highest priority may be given out.
  var resume = 0
  /// When the first of the topics that are held comes free, so that all this holds no longer.
  var heldUntil = Instant(milliseconds: 0)
  /// When the first entry is over.
  var nextExpiry = Instant(milliseconds: 0)

  /// Nothing is known any more.
  mutating func forget() {
    highest = 0
    isVain = false
  }

  /// Takes in an entry that is appended at `offset`; all is known of an outbox where no other one waits.
  @inline(never)
  mutating func takeIn(
    _ head: borrowing OutboxHead,
    at offset: Int,
    expiry: Instant,
    isAlone: Bool,
    knowsDate: Bool
  ) {
    isVain = false
    nextExpiry = isAlone ? expiry : min(nextExpiry, expiry)
    if isAlone {
      heldUntil = Instant(milliseconds: .max)
      knewDate = knowsDate
    }
    let priority = head.priority
    if isAlone || highest > 0 && priority >= highest {
      highest = priority &+ 1
      resume = offset
    }
  }
}

extension Outbox {
  /// Finds the entry to be sent next, of those whose topics are not held: its number is `inFlight`, 0
  /// when there is none, and its parts are `topic`, `payload` and `contentFormat` until the next call.
  ///
  /// It stops at an entry that is over, or superseded, which is then `ended`, and goes on from there at
  /// the next call.
  @inline(never)
  package mutating func findNext(at now: TimeStamp) -> StoreResult {
    ended.id = 0
    let result = finishRemoval()
    if !result.isGood { return result }
    if !search.isUnderWay { beginSearch(at: now) }
    while true {
      if goThrough(at: now) { return .good }
      if search.isWhole || search.bestPriority >= 0 && search.bestPriority == search.bound { break }
      // Behind the place to go on from there is no other of that priority.
      search.highest = 0
      beginSearch(at: now)
    }
    search.isUnderWay = false
    if search.isWhole, !walk.isUnreadable { start = search.first }
    if search.bestPriority != search.bound || search.bestPriority < 0 {
      search.highest = UInt8(truncatingIfNeeded: search.bestPriority &+ 1)
    }
    search.resume = search.best
    search.isVain = search.bestPriority < 0
    inFlight = 0
    isInFlightSuperseded = false
    if search.isVain { return .good }
    if recordOffset != search.best {
      // A better one that was damaged was read since.
      walk.offset = search.best
      let missing = kept.read(OutboxHead.count, into: &head, at: search.best)
      guard missing == 0, head.isWhole(at: search.best, header.nonce), read() == .whole else {
        return .failed(.read)
      }
    }
    inFlight = record.head.id
    inFlightOffset = search.best
    inFlightSize = search.bestSize
    inFlightTopic = record.head.topic
    inFlightPriority = record.head.priority
    return .good
  }

  /// Begins a search, as far behind as what is known allows.
  private mutating func beginSearch(at now: TimeStamp) {
    let isKnown =
      search.highest > 0 && inFlight == 0 && now.instant < search.nextExpiry
      && now.instant < search.heldUntil && search.knewDate == (now.date > 0)
    rewind()
    search.isUnderWay = true
    search.isWhole = true
    search.bestPriority = -1
    search.bound = -1
    search.best = 0
    search.first = end
    if isKnown {
      search.bound = Int(search.highest) &- 1
      // Where nothing is held all before it is done, and `start` moves.
      if held.isUsed, search.resume > start {
        walk.offset = search.resume
        walk.lastEnd = search.resume
        search.isWhole = false
      }
    } else {
      search.heldUntil = Instant(milliseconds: .max)
      search.nextExpiry = Instant(milliseconds: .max)
      search.knewDate = now.date > 0
    }
  }

  /// Looks at one entry after the other until none can be better; `true` when it has come to one that
  /// is over.
  private mutating func goThrough(at now: TimeStamp) -> Bool {
    while advance() {
      // A mark that cannot be written now is tried again next time; the entry is not given out.
      if isInFlightSuperseded, head.id == inFlight {
        if supersede() {
          isInFlightSuperseded = false
          return true
        }
      } else if isOver(at: now) {
        if ended.id != 0 { return true }
      } else if isHeld(at: now.instant) {
        // Passed over.
      } else if Int(head.priority) > search.bestPriority {
        switch read() {
        case .whole:
          search.best = walk.offset
          search.bestSize = walk.size
          search.bestPriority = Int(head.priority)
        case .damaged:
          if mark(as: OutboxStatus.damaged) {
            counters.damaged &+= 1
            continue
          }
          fallthrough
        case .failed:
          search.heldUntil = min(search.heldUntil, now.instant + Milliseconds(60_000))
        }
      }
      search.first = min(search.first, walk.offset)
      search.nextExpiry = min(search.nextExpiry, expiry(of: head, at: now))
      if search.bestPriority >= 0, search.bestPriority == search.bound { return false }
    }
    return false
  }

  /// Whether the topic of the record at hand is held.
  private mutating func isHeld(at now: Instant) -> Bool {
    if !held.isUsed { return false }
    let until = held.end(head.topic, head.priority)
    if until <= now { return false }
    search.heldUntil = min(search.heldUntil, until)
    return true
  }

  /// Ends the record at hand if it has waited too long; says whether it has, though its mark may not
  /// have been written.
  @inline(never)
  private mutating func isOver(at now: TimeStamp) -> Bool {
    if head.lifetime == 0, maxAge == 0 { return false }
    let age = now.age(of: head.accepted)
    let isExpired = head.lifetime > 0 && age > head.lifetime
    if !isExpired, maxAge == 0 || age <= maxAge { return false }
    if mark(as: isExpired ? OutboxStatus.expired : OutboxStatus.givenUp) {
      if isExpired { counters.expired &+= 1 } else { counters.givenUp &+= 1 }
      ended = EndedEntry(id: head.id, ending: isExpired ? .expired : .tooOld)
    }
    return true
  }

  /// When a record is over.
  @inline(never)
  func expiry(of head: borrowing OutboxHead, at now: TimeStamp) -> Instant {
    var limit = head.lifetime == 0 ? maxAge : head.lifetime
    if maxAge > 0 { limit = min(limit, maxAge) }
    if limit == 0 { return Instant(milliseconds: .max) }
    let age = min(now.age(of: head.accepted), limit)
    let seconds = Int64(widening: now.seconds) &+ Int64(widening: limit &- age) &+ 1
    return Instant(milliseconds: seconds &* 1_000)
  }

  /// When `findNext` may find something that it did not find last time, or end an entry; `nil` when it
  /// is to be called at once.
  package var due: Instant? {
    search.isVain ? min(search.heldUntil, search.nextExpiry) : nil
  }

  /// When the first entry is over.
  package var nextExpiry: Instant { search.nextExpiry }
}
