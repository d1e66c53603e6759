// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore

/// The state of a search for the next entry, and the results that remain valid for the next one.
struct OutboxSearch {
  /// Whether the search paused at an entry that it has ended, and continues from there.
  var isUnderWay = false
  /// Whether it covers all waiting entries.
  var isWhole = false
  /// Whether it has found no entry that may be sent, although entries wait.
  var isVain = false
  /// Whether the date was known.
  var knewDate = false
  /// One more than the highest priority that may be sent; 0 if that is not known.
  var highest: UInt8 = 0
  /// The priority at which it stops.
  var bound = 0
  /// The best entry found so far.
  var best = 0
  var bestSize = 0
  var bestPriority = 0
  /// The offset of the first waiting entry.
  var first = 0
  /// Before this offset no entry of the highest priority may be sent.
  var resume = 0
  /// When the first held topic becomes free, which invalidates these results.
  var heldUntil = Instant(milliseconds: 0)
  /// When the first entry expires.
  var nextExpiry = Instant(milliseconds: 0)

  /// Discards all results.
  mutating func forget() {
    highest = 0
    isVain = false
  }

  /// Records an entry that is appended at `offset`; if it waits alone, these results are complete.
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

  /// Records the same of an entry beside others that are on their way; `wasVain` says what was known.
  mutating func takeIn(
    _ head: borrowing OutboxHead,
    at offset: Int,
    beside taken: inout some TakenEntries,
    wasVain: Bool
  ) {
    if taken.blocks(head.topic, head.priority) {
      isVain = wasVain
    } else if max(taken.outlook.passed, head.priority) > 0 {
      forget()
    } else if taken.outlook.isRestBlocked {
      taken.outlook.reopened &+= 1
      taken.noteReopened(head.topic)
      if wasVain {
        highest = 1
        resume = offset
      }
    }
  }
}

extension Outbox {
  /// Finds the next entry to send among those whose topics are not held.
  ///
  /// Its number is `inFlight`, 0 if there is none, and its parts are `topic`, `payload` and
  /// `contentFormat` until the next call. The search stops at an entry that is expired or
  /// superseded, which is then `ended`, and continues from there with the next call.
  @inline(never)
  package mutating func findNext<Taken: TakenEntries>(
    at now: TimeStamp,
    beside taken: inout Taken
  ) -> StoreResult {
    ended.id = 0
    let result = finishRemoval()
    if !result.isGood { return result }
    if !search.isUnderWay { beginSearch(at: now, beside: &taken) }
    while true {
      if goThrough(at: now, beside: &taken) { return .good }
      if search.isWhole || search.bestPriority >= 0 && search.bestPriority == search.bound { break }
      // After this offset there is no other of that priority.
      search.highest = 0
      beginSearch(at: now, beside: &taken)
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
    if search.isVain {
      taken.outlook.isRestBlocked = true
      taken.outlook.reopened = 0
      taken.forgetReopened()
      return .good
    }
    // Only a search that relied on what was known leaves that valid.
    if search.bound < 0 { taken.outlook.isRestBlocked = false }
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

  /// Starts a search as far into the file as earlier results allow.
  private mutating func beginSearch(at now: TimeStamp, beside taken: inout some TakenEntries) {
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
      // If nothing is held, everything before it is done, and `start` advances.
      if held.isUsed || !taken.isEmpty, search.resume > start {
        walk.offset = search.resume
        walk.lastEnd = search.resume
        search.isWhole = false
      }
    } else {
      search.heldUntil = Instant(milliseconds: .max)
      search.nextExpiry = Instant(milliseconds: .max)
      search.knewDate = now.date > 0
      taken.outlook.passed = 0
    }
  }

  /// Checks one entry after the other until none can be better; returns `true` if it has reached an
  /// expired one.
  private mutating func goThrough<Taken: TakenEntries>(
    at now: TimeStamp,
    beside taken: inout Taken
  ) -> Bool {
    while advance() {
      if taken.has(head.id) {
        search.first = min(search.first, walk.offset)
        continue
      }
      // A mark that cannot be written now is tried again next time; the entry is not given out.
      if isInFlightSuperseded, head.id == inFlight {
        if supersede() {
          isInFlightSuperseded = false
          return true
        }
      } else if isOver(at: now) {
        if ended.id != 0 { return true }
      } else if isHeld(at: now.instant) || taken.blocks(head.topic, head.priority) {
        // Passed over.
      } else if Taken.hasGate, search.bound >= 0, taken.outlook.isRestBlocked,
        !taken.isReopened(head.topic)
      {
        // Found to be shut or on its way before, and nothing has changed: its body is not read again.
      } else if Int(head.priority) > search.bestPriority {
        switch read() {
        case .whole where Taken.hasGate && !taken.isOpen(topic):
          // Passed over: `reopen` comes before it can be given out.
          break
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

  /// Has `findNext` go through all that waits, because a topic has opened that was passed over.
  package mutating func reopen() {
    search.isUnderWay = false
    search.forget()
  }

  /// Whether the topic of the current record is held.
  private mutating func isHeld(at now: Instant) -> Bool {
    if !held.isUsed { return false }
    let until = held.end(head.topic, head.priority)
    if until <= now { return false }
    search.heldUntil = min(search.heldUntil, until)
    return true
  }

  /// Ends the current record if it has waited too long; returns whether it has, even if its mark
  /// could not be written.
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

  /// When a record expires.
  @inline(never)
  func expiry(of head: borrowing OutboxHead, at now: TimeStamp) -> Instant {
    var limit = head.lifetime == 0 ? maxAge : head.lifetime
    if maxAge > 0 { limit = min(limit, maxAge) }
    if limit == 0 { return Instant(milliseconds: .max) }
    let age = min(now.age(of: head.accepted), limit)
    let seconds = Int64(widening: now.seconds) &+ Int64(widening: limit &- age) &+ 1
    return Instant(milliseconds: seconds &* 1_000)
  }

  /// When `findNext` may find an entry that it did not find last time, or end one; `nil` if it
  /// should be called at once.
  package var due: Instant? {
    search.isVain ? min(search.heldUntil, search.nextExpiry) : nil
  }

  /// Whether the last search has found nothing although entries wait, none of which is held: their topics are shut, or
  /// on their way.
  package var isShut: Bool {
    count > 0 && search.isVain && search.heldUntil == Instant(milliseconds: .max)
  }

  /// When the first entry expires.
  package var nextExpiry: Instant { search.nextExpiry }
}
