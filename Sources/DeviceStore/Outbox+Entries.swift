internal import CPOSIX
internal import ConstrainedCore

extension Outbox {
  /// Accepts an entry; it is durable when this returns its number.
  ///
  /// With a `key` other than 0 it takes the place of those that wait with the same key, but for the
  /// one given out last, whose place it takes when `next` comes to it again. A `priority` above 7
  /// counts as 7. When it throws the entry is not accepted; if the power goes just then it may be
  /// found afterwards all the same, once.
  @inline(never)
  public mutating func append(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    contentFormat: UInt16,
    priority: UInt8 = 0,
    expiresAt: UInt64 = 0,
    key: UInt64 = 0
  ) throws(OutboxError) -> UInt64 {
    counters.refused &+= 1
    guard topic.count <= OutboxHead.maxTopicCount, payload.count <= OutboxHead.maxPayloadCount
    else { throw .tooLong }
    new.id = nextID
    new.expiresAt = expiresAt
    new.key = key
    new.topicCount = UInt16(truncatingIfNeeded: topic.count)
    new.payloadCount = UInt16(truncatingIfNeeded: payload.count)
    new.contentFormat = contentFormat
    new.priority = min(priority, 7)
    let size = new.size
    let excess = pendingBytes &+ size &- maxBytes
    if size > maxBytes || excess > 0 && room() < excess { throw .full }
    var isFull = false
    var result: StoreResult
    repeat {
      if isFull || !isSettled || end &+ size > OutboxRecord.lastCount &+ 2 &* maxBytes {
        result = compact()
        if !result.isGood { break }
      }
      result = write(topic, payload)
      // On a full disk what is done takes the room, if it is worth the writing.
      isFull = !isFull && end >= OutboxRecord.lastCount &+ 2 &* pendingBytes
    } while !result.isGood && isFull
    if !result.isGood { throw .store(result.error) }
    counters.refused &-= 1
    counters.accepted &+= 1
    lastID = new.id
    count &+= 1
    pendingBytes &+= size
    if new.priority >= highest || new.expiresAt != 0 { highest = 0 }
    makeRoom()
    return new.id
  }

  /// Gives out the entry of the highest priority, of these the oldest; `false` when none waits.
  ///
  /// Those that are over by `date`, in seconds since 1970, are sorted out; 0 stands for a date that is
  /// not known. Finishes a removal that failed before, and throws when it cannot.
  public mutating func next(
    into entry: inout OutboxEntry,
    at date: UInt64
  ) throws(StoreError) -> Bool {
    try findNext(at: date).check()
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
    entry.expiresAt = record.head.expiresAt
    entry.wasKept = record.head.id <= lastKeptID
    return true
  }

  /// The same without a copy of the entry: its number is `inFlight`, 0 when none waits, and its parts
  /// are `topic`, `payload` and `contentFormat` until the next call.
  @inline(never)
  package mutating func findNext(at date: UInt64) -> StoreResult {
    let result = finishRemoval()
    if !result.isGood { return result }
    var best = end
    var bestSize = 0
    var bestPriority = -1
    var first = end
    // Where the last one has been removed, the next of its priority is found without going through all.
    let highest = inFlight == 0 ? Int(highest) &- 1 : -1
    var mayExpire = false
    rewind()
    while advance() {
      // A mark that cannot be written now is tried again next time; the entry is not given out.
      if isInFlightSuperseded, record.head.id == inFlight {
        if supersede() { continue }
      } else if record.head.expiresAt != 0, date >= record.head.expiresAt {
        if mark(as: OutboxStatus.expired) {
          counters.expired &+= 1
          continue
        }
      } else if Int(record.head.priority) > bestPriority {
        switch read() {
        case .whole:
          best = walk.offset
          bestSize = walk.size
          bestPriority = Int(record.head.priority)
        case .damaged:
          if mark(as: OutboxStatus.damaged) {
            counters.damaged &+= 1
            continue
          }
        case .failed: break
        }
      }
      first = min(first, walk.offset)
      if record.head.expiresAt != 0 { mayExpire = true }
      if bestPriority >= 0, bestPriority == highest { break }
    }
    if !walk.isUnreadable { start = first }
    inFlight = 0
    isInFlightSuperseded = false
    self.highest = mayExpire ? 0 : UInt8(truncatingIfNeeded: bestPriority + 1)
    if bestPriority < 0 { return .good }
    // Again, for the reading may have come to a better one that was damaged.
    walk.offset = best
    walk.size = bestSize
    if read() != .whole { return .failed(.read) }
    inFlight = record.head.id
    return .good
  }

  /// The topic of the entry that `findNext` has found.
  package var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { record.body.span.extracting(first: Int(record.head.topicCount)) }
  }

  /// Its payload.
  package var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      record.body.span.extracting(first: record.head.bodyCount)
        .extracting(droppingFirst: Int(record.head.topicCount))
    }
  }

  /// Its payload's content format.
  package var contentFormat: UInt16 { record.head.contentFormat }

  /// Removes an entry that was given out.
  ///
  /// One from before this start is gone durably when this returns, so that it is not sent a third
  /// time; the mark of another one becomes durable with the next entry, at no cost of its own. When
  /// it throws it is to be called again before anything is sent.
  public mutating func remove(_ entry: borrowing OutboxEntry) throws(StoreError) {
    try remove(entry.id).check()
  }

  /// The same by the entry's number.
  @inline(never)
  package mutating func remove(_ id: UInt64) -> StoreResult {
    let result = finishRemoval()
    if !result.isGood { return result }
    removing = id
    return finishRemoval()
  }

  @inline(never)
  private mutating func finishRemoval() -> StoreResult {
    if removing == 0 { return .good }
    // Marks reach the storage in any order. Were this one durable before that of an older entry in
    // whose place it came, a power cut would bring the older one back, to be sent last.
    if hasUnsyncedSupersession {
      let result = settle()
      if !result.isGood { return result }
    }
    rewind()
    while advance() {
      guard record.head.id == removing else { continue }
      if !mark(as: OutboxStatus.delivered) { return .failed(.write) }
      counters.delivered &+= 1
      break
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

  @inline(never)
  private mutating func supersede() -> Bool {
    guard mark(as: OutboxStatus.superseded) else { return false }
    counters.superseded &+= 1
    hasUnsyncedSupersession = true
    return true
  }

  /// Writes a record behind the last one and makes it durable.
  private mutating func write(_ topic: Span<UInt8>, _ payload: Span<UInt8>) -> StoreResult {
    record.head = new
    record.fill(topic, payload)
    newEnd = end
    var result = writeRecord(.write)
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

  /// How many bytes become free for the new record.
  private mutating func room() -> Int {
    var room = 0
    rewind()
    while advance() {
      if givesWay() { room &+= walk.size }
    }
    return room
  }

  /// Whether the record that the walk has come to makes room for the new one: it is superseded, or
  /// may be dropped.
  @inline(never)
  private mutating func givesWay() -> Bool {
    let id = record.head.id
    if id == new.id || id == inFlight || id == removing { return false }
    if new.key != 0, record.head.key == new.key { return true }
    return dropsOldest && record.head.priority <= new.priority
  }

  /// Marks what the accepted record takes the place of.
  ///
  /// Only now, for until now it could have been refused. A mark that cannot be written leaves an
  /// entry too much.
  private mutating func makeRoom() {
    if new.key != 0 {
      rewind()
      while advance() {
        let id = record.head.id
        if record.head.key != new.key || id == new.id { continue }
        if id == inFlight {
          isInFlightSuperseded = true
        } else if id != removing {
          _ = supersede()
        }
      }
    }
    var priority: UInt8 = 0
    while pendingBytes > maxBytes, priority <= new.priority {
      rewind()
      while pendingBytes > maxBytes, advance() {
        if record.head.priority == priority, givesWay(), mark(as: OutboxStatus.dropped) {
          counters.dropped &+= 1
        }
      }
      priority &+= 1
    }
  }
}
