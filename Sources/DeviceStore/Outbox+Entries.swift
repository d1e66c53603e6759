internal import CPOSIX
package import ConstrainedCore

extension Outbox {
  /// Accepts an entry; it is durable when this returns its number.
  ///
  /// With a `key` other than 0 it takes the place of those that wait with the same key, but for the
  /// one given out last, whose place it takes when `next` comes to it again. A `priority` above 7
  /// counts as 7; `lifetime` is in seconds from `now`, 0 for ever. When it throws the entry is not
  /// accepted; if the power goes just then it may be found afterwards all the same, once.
  public mutating func append(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    contentFormat: UInt16,
    priority: UInt8 = 0,
    lifetime: UInt32 = 0,
    key: UInt64 = 0,
    at now: TimeStamp
  ) throws(OutboxError) -> UInt64 {
    let id = try accept(topic, payload, contentFormat, priority, lifetime, key, at: now)
    while shedNext() {}
    return id
  }

  /// The same, but that entries whose place it takes are only ended by `shedNext`: call that until it
  /// gives `false`, else the next entry ends them, and nobody learns their numbers.
  @inline(never)
  package mutating func accept(
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>,
    _ contentFormat: UInt16,
    _ priority: UInt8,
    _ lifetime: UInt32,
    _ key: UInt64,
    at now: TimeStamp
  ) throws(OutboxError) -> UInt64 {
    while shedNext() {}
    counters.refused &+= 1
    guard topic.count <= OutboxHead.maxTopicCount, payload.count <= OutboxHead.maxPayloadCount
    else { throw .tooLong }
    new.id = nextID
    new.accepted = now.kept
    new.lifetime = lifetime
    new.key = key
    new.topicCount = UInt8(truncatingIfNeeded: topic.count)
    new.payloadCount = UInt16(truncatingIfNeeded: payload.count)
    new.contentFormat = contentFormat
    new.priority = min(priority, 7)
    let size = new.size
    let excess = pendingBytes &+ size &- maxBytes
    if size > maxBytes || excess > 0 && room() < excess { throw .full }
    var isFull = false
    var result: StoreResult
    repeat {
      if isFull || !isSettled || isTooLong(with: size) {
        result = tidy(for: size)
        if !result.isGood { break }
      }
      result = write(topic, payload)
      // On a full disk what is done takes the room, if it is worth the writing.
      isFull = !isFull && end >= OutboxHeader.recordsStart &+ 2 &* pendingBytes
    } while !result.isGood && isFull
    if !result.isGood { throw .store(result.error) }
    counters.refused &-= 1
    counters.accepted &+= 1
    lastID = new.id
    count &+= 1
    pendingBytes &+= size
    search.takeIn(new, at: end &- size, expiry: expiry(of: new, at: now))
    isShedding = new.key != 0 || pendingBytes > maxBytes
    return new.id
  }

  /// Writes a record behind the last one and makes it durable.
  private mutating func write(_ topic: Span<UInt8>, _ payload: Span<UInt8>) -> StoreResult {
    record.head = new
    record.fill(topic, payload)
    newEnd = end
    var result = writeRecord(header.nonce, .write)
    let end = newEnd
    if result.isGood { result = settle() }
    if result.isGood {
      self.end = end
    } else {
      // So that it does not come back after all. Where this fails the next record is written over
      // it: it comes back once at most.
      _ = nbiot_ftruncate(kept.file.descriptor, self.end)
    }
    return result
  }

  /// Gives out the entry of the highest priority, of these the oldest; `false` when none waits.
  ///
  /// Those that are over are sorted out. Finishes a removal that failed before, and throws when it
  /// cannot.
  public mutating func next(
    into entry: inout OutboxEntry,
    at now: TimeStamp
  ) throws(StoreError) -> Bool {
    repeat { try findNext(at: now).check() } while ended.id != 0
    if inFlight == 0 { return false }
    do throws(CapacityError) {
      try entry.topic.replace(with: topic)
      try entry.payload.replace(with: payload)
    } catch {
      throw .read(code: EMSGSIZE)
    }
    entry.id = record.head.id
    entry.contentFormat = record.head.contentFormat
    entry.priority = record.head.priority
    entry.lifetime = record.head.lifetime
    entry.wasKept = record.head.id <= lastKeptID
    return true
  }

  /// The topic of the entry found by `findNext`.
  package var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { record.body.span.extracting(first: Int(record.head.topicCount)) }
  }

  /// The payload of that entry.
  package var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      record.body.span.extracting(first: record.head.bodyCount)
        .extracting(droppingFirst: Int(record.head.topicCount))
    }
  }

  /// The content format of that payload.
  package var contentFormat: UInt16 { record.head.contentFormat }

  /// Removes an entry that was given out.
  ///
  /// One from before this start is gone durably when this returns, so that it is not sent a third
  /// time; the mark of another one becomes durable with the next entry, at no cost of its own. When
  /// it throws it is to be called again before anything is sent.
  public mutating func remove(_ entry: borrowing OutboxEntry) throws(StoreError) {
    try remove(entry.id).check()
  }

  /// The same by the entry's number; `isGivenUp` where it was not delivered.
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
    if removing == 0 { return .good }
    // Marks reach the storage in any order. If this one became durable before the mark of an older
    // entry that it replaced, a power failure would restore the older one, to be sent last.
    if hasUnsyncedSupersession {
      let result = settle()
      if !result.isGood { return result }
    }
    if find(removing) {
      if !mark(as: removingStatus) { return .failed(.write) }
      countRemoval()
    }
    // Also when it was marked before: then the sync failed.
    if removing <= lastKeptID {
      let result = settle()
      if !result.isGood { return result }
    }
    if inFlight == removing {
      inFlight = 0
      isInFlightSuperseded = false
    }
    removing = 0
    return .good
  }

  /// Counts the entry that is being removed.
  mutating func countRemoval() {
    if removingStatus == OutboxStatus.delivered {
      counters.delivered &+= 1
    } else {
      counters.givenUp &+= 1
    }
  }

  /// Comes to the entry of that number, if it waits.
  @inline(never)
  private mutating func find(_ id: UInt64) -> Bool {
    rewind()
    if id == inFlight, inFlightOffset > start {
      walk.offset = inFlightOffset
      walk.lastEnd = inFlightOffset
      if advance(), record.head.id == id { return true }
      rewind()
    }
    while advance() {
      if record.head.id == id { return true }
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
    let attempts = record.head.attempts
    record.head.attempts = attempts == .max ? .max : attempts &+ 1
    _ = kept.write(
      2,
      of: &record.head.tries,
      at: walk.offset &+ OutboxHead.triesOffset
    )
    return record.head.attempts
  }

  /// Holds the topic of the entry given out last until `until`, up to that entry's priority, or
  /// completely.
  package mutating func putOff(until: Instant, isWhole: Bool, at now: Instant) {
    held.hold(inFlightTopic, upTo: isWhole ? 7 : inFlightPriority, until: until, at: now)
    search.heldUntil = min(search.heldUntil, until)
    release()
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
