// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
package import ConstrainedCore

extension Outbox {
  /// Writes an entry, which is accepted when `commit` has made it durable; returns its number.
  ///
  /// Each `mark` in the payload, unless that is empty, becomes that number. With a `key` other than 0 the
  /// entry takes the place of those that wait with the same key, but for the one given out last, whose place
  /// it takes when `findNext` comes to it again. A `priority` above 7 counts as 7; `lifetime` is in seconds
  /// from `now`, 0 for ever.
  ///
  /// When it throws the entry is not there; if the power goes just then it may be found afterwards all the
  /// same, once. Where others were added since the last `commit`, it may throw for want of room that `commit`
  /// makes: call that, and add the entry again.
  @inline(never)
  package mutating func add<Taken: TakenEntries>(
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>,
    mark: Span<UInt8>,
    _ contentFormat: UInt16,
    _ priority: UInt8,
    _ lifetime: UInt32,
    _ key: UInt64,
    beside taken: inout Taken,
    at now: TimeStamp
  ) throws(OutboxError) -> UInt64 {
    if addedCount == 0 {
      while shedNext(beside: &taken) {}
      newKeys.count = 0
    }
    var refusal = OutboxError.full
    var isAddedAgain = addedCount > 0
    var isTidy = false
    while true {
      // Anew after what waits was moved, for that uses the same place.
      recordOffset = 0
      record.head.status = 0
      record.head.tries = 0
      record.head.id = nextID
      record.head.accepted = now.kept
      record.head.lifetime = lifetime
      record.head.key = key
      record.head.contentFormat = contentFormat
      record.head.rank(priority, isContinuation: addedCount > 0)
      if !record.fill(topic, payload, mark) {
        refusal = .tooLong
        isAddedAgain = false
        break
      }
      let size = record.head.size
      var result = StoreResult.good
      var needsRoom = !isSettled || isTooLong(with: size)
      let excess = pendingBytes &+ size &- maxBytes
      if size > maxBytes || excess > 0 && room(beside: taken) < excess || !newKeys.hasRoom(for: key)
      {
        break
      }
      #if !SMALL_REPORTS
      if record.head.isLarge, !takesLarge, !needsRoom {
        // What was added must not become durable by itself.
        if addedCount > 0 { break }
        result = takeLarge()
        if result.isGood { continue }
        refusal = .store(result.error)
        break
      }
      #endif
      if !needsRoom {
        newEnd = end
        result = writeRecord(header.nonce, .write)
        if result.isGood {
          take(at: now, beside: &taken)
          return lastID
        }
        cut()
        // On a full disk what is done takes the room, if it is worth the writing.
        needsRoom = end >= OutboxHeader.recordsStart &+ 2 &* pendingBytes
      }
      if addedCount == 0, needsRoom, !isTidy {
        isTidy = true
        result = tidy(for: size)
        if result.isGood { continue }
      }
      if !result.isGood { refusal = .store(result.error) }
      break
    }
    if !isAddedAgain { counters.refused &+= 1 }
    throw refusal
  }

  /// Takes in the record that was written.
  private mutating func take<Taken: TakenEntries>(at now: TimeStamp, beside taken: inout Taken) {
    let size = newEnd &- end
    recordOffset = end
    let wasVain = search.isVain
    search.takeIn(
      record.head,
      at: end,
      expiry: expiry(of: record.head, at: now),
      isAlone: count == 0,
      knowsDate: now.date > 0
    )
    if Taken.hasGate, !taken.isOpen(topic) {
      search.isVain = wasVain
    } else if Taken.places > 0 {
      search.takeIn(record.head, at: end, beside: &taken, wasVain: wasVain)
    }
    end = newEnd
    counters.accepted &+= 1
    lastID &+= 1
    count &+= 1
    pendingBytes &+= size
    addedCount &+= 1
    addedBytes &+= size
    newPriority = record.head.priority
    newKeys.take(record.head.key, lastID)
  }

  /// Cuts off what lies behind the last record, so that it does not come back after all.
  ///
  /// Where this fails the next record is written over it: it comes back once at most.
  private mutating func cut() { _ = nbiot_ftruncate(kept.file.descriptor, end) }

  /// Makes durable what was added, all with one sync; where that fails none of it is accepted.
  ///
  /// Entries whose place they take are only ended by `shedNext`: call that until it gives `false`, else the
  /// next entry ends them, and nobody learns their numbers.
  @inline(never)
  package mutating func commit() -> StoreResult {
    if addedCount == 0 { return .good }
    let result = settle(after: kept.sync())
    if result.isGood {
      isShedding = newKeys.count > 0 || pendingBytes > maxBytes
    } else {
      end &-= addedBytes
      cut()
      pendingBytes &-= addedBytes
      count &-= addedCount
      lastID &-= UInt64(widening: UInt32(truncatingIfNeeded: addedCount))
      counters.accepted &-= addedCount
      counters.refused &+= addedCount
      search = OutboxSearch()
      recordOffset = 0
    }
    addedCount = 0
    addedBytes = 0
    return result
  }

  /// Whether entries were added that are not durable yet.
  package var hasUncommitted: Bool { addedCount > 0 }

  /// The topic of the entry found by `findNext`.
  package var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { record.bytes.extracting(first: Int(record.head.topicCount)) }
  }

  /// The payload of that entry.
  package var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      record.bytes.extracting(first: record.head.bodyCount)
        .extracting(droppingFirst: Int(record.head.topicCount))
    }
  }

  /// The content format of that payload.
  package var contentFormat: UInt16 { record.head.contentFormat }

  /// How many seconds from its acceptance on it is worth sending; 0 for ever.
  package var inFlightLifetime: UInt32 { record.head.lifetime }

  /// Removes the entry of that number, which was given out; `isGivenUp` where it was not delivered.
  ///
  /// Its mark is durable when this returns if no entry waits any more, if it is the 16th that is not
  /// durable, or if the entry is from before this start, so that it is not sent a third time; else it
  /// becomes durable with the next sync. When it fails it is to be called again before anything is sent.
  @inline(never)
  package mutating func remove(_ id: UInt64, isGivenUp: Bool = false) -> StoreResult {
    let result = finishRemoval()
    if !result.isGood { return result }
    removing = id
    removingStatus = isGivenUp ? OutboxStatus.givenUp : OutboxStatus.delivered
    return finishRemoval()
  }

  @inline(never)
  mutating func finishRemoval() -> StoreResult {
    precondition(addedCount == 0, "what was added is committed before anything else is done")
    if removing == 0 { return .good }
    var result = markRemoval()
    if !result.isGood { return result }
    // Also when it was marked before: then the sync failed.
    if removing <= lastKeptID || areMarksDue {
      result = settle()
      if !result.isGood { return result }
    }
    endRemoval()
    return .good
  }

  /// Marks the entry that is being removed.
  mutating func markRemoval() -> StoreResult {
    // Marks reach the storage in any order. If this one became durable before the mark of an older
    // entry that it replaced, a power failure would restore the older one, to be sent last.
    if hasUnsyncedSupersession {
      let result = settle()
      if !result.isGood { return result }
    }
    if findRemoved() {
      if !mark(as: removingStatus) { return .failed(.write) }
      countRemoval()
    }
    return .good
  }

  /// Forgets the entry that was removed.
  mutating func endRemoval() {
    if inFlight == removing {
      inFlight = 0
      isInFlightSuperseded = false
    }
    removing = 0
  }

  /// Whether marks are to be made durable: none waits any more, or 16 of them are not durable.
  ///
  /// Each that is not may be undone by a power cut.
  package var areMarksDue: Bool {
    unsyncedMarks >= Self.maxUnsyncedMarks || unsyncedMarks > 0 && count == 0
  }

  private static var maxUnsyncedMarks: Int { 16 }

  /// Makes marks durable where they are due, or where there are any and `isLast`.
  @inline(never)
  package mutating func settleMarks(isLast: Bool = false) -> StoreResult {
    areMarksDue || isLast && unsyncedMarks > 0 ? settle() : .good
  }

  /// Counts the entry that is being removed.
  mutating func countRemoval() {
    if removingStatus == OutboxStatus.delivered {
      counters.delivered &+= 1
    } else {
      counters.givenUp &+= 1
    }
  }

  /// Comes to the entry that is being removed, if it waits; its head is not read where its place is known.
  private mutating func findRemoved() -> Bool {
    guard removing == inFlight, inFlightOffset > 0 else { return find(removing) }
    rewind()
    walk.offset = inFlightOffset
    walk.size = inFlightSize
    return true
  }

  /// Comes to the entry of that number, if it waits.
  @inline(never)
  mutating func find(_ id: UInt64) -> Bool {
    rewind()
    if id == inFlight, inFlightOffset > start {
      walk.offset = inFlightOffset
      walk.lastEnd = inFlightOffset
      if advance(), head.id == id { return true }
      rewind()
    }
    while advance() {
      if head.id == id { return true }
    }
    return false
  }

  /// Counts an attempt of the entry given out last that was not accepted; returns the number of
  /// attempts.
  ///
  /// The count is overwritten in place without a sync of its own: a power failure may undo some.
  @inline(never)
  package mutating func countAttempt() -> UInt8 {
    guard find(inFlight) else { return 0 }
    let attempts = head.attempts
    head.attempts = attempts == .max ? .max : attempts &+ 1
    _ = kept.write(2, of: &head.tries, at: walk.offset &+ OutboxHead.triesOffset)
    return head.attempts
  }

  /// Holds the topic of the entry given out last until `until`, up to that entry's priority, or
  /// completely.
  package mutating func putOff(until: Instant, isWhole: Bool, at now: Instant) {
    held.hold(inFlightTopic, upTo: isWhole ? 7 : inFlightPriority, until: until, at: now)
    search.heldUntil = min(search.heldUntil, until)
  }

  /// How often in a row the topic of the entry given out last was put off.
  package var putOffs: UInt8 { held.count(inFlightTopic) }

  /// Records that the platform has finally answered the entry given out last: its topic is no
  /// longer held.
  package mutating func unhold() {
    if held.release(inFlightTopic) { search.forget() }
  }

  /// Takes back the entry given out last, which then waits as before.
  package mutating func release() {
    if !isInFlightSuperseded { inFlight = 0 }
  }
}
