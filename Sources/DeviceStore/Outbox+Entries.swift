internal import CPOSIX
internal import ConstrainedCore

extension Outbox {
  /// Accepts an entry; it is durable when this returns its number.
  ///
  /// With a `key` other than 0 it takes the place of those that wait with the same key, but for the
  /// one given out last, whose place it takes when `next` comes to it again. A `priority` above 7
  /// counts as 7. When it throws the entry is not accepted; if the power goes just then it may be
  /// found afterwards all the same, once.
  public mutating func append(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    contentFormat: UInt16,
    priority: UInt8 = 0,
    expiresAt: UInt64 = 0,
    key: UInt64 = 0
  ) throws(OutboxError) -> UInt64 {
    books.counters.refused &+= 1
    guard topic.count <= OutboxHead.maxTopicCount, payload.count <= OutboxHead.maxPayloadCount
    else { throw .tooLong }
    books.new = OutboxHead()
    books.new.id = books.nextID
    books.new.expiresAt = expiresAt
    books.new.key = key
    books.new.topicCount = UInt16(truncatingIfNeeded: topic.count)
    books.new.payloadCount = UInt16(truncatingIfNeeded: payload.count)
    books.new.contentFormat = contentFormat
    books.new.priority = min(priority, 7)
    let size = books.new.size
    let excess = books.pendingBytes &+ size &- settings.maxBytes
    if size > settings.maxBytes || excess > 0 && room() < excess { throw .full }
    do throws(StoreError) {
      if books.isUnsettled || books.end &+ size > OutboxRecord.lastCount &+ 2 &* settings.maxBytes {
        try compact()
      }
      do throws(StoreError) {
        try write(topic, payload)
      } catch {
        // On a full disk what is done takes the room, if it is worth the writing.
        if books.end < OutboxRecord.lastCount &+ 2 &* books.pendingBytes { throw error }
        try compact()
        try write(topic, payload)
      }
    } catch {
      throw .store(error)
    }
    books.counters.refused &-= 1
    books.counters.accepted &+= 1
    books.nextID &+= 1
    books.count &+= 1
    books.pendingBytes &+= size
    makeRoom()
    return books.new.id
  }

  /// Gives out the entry of the highest priority, of these the oldest; `false` when none waits.
  ///
  /// Those that are over by `date`, in seconds since 1970, are sorted out; 0 stands for a date that is
  /// not known. Finishes a removal that failed before, and throws when it cannot.
  public mutating func next(
    into entry: inout OutboxEntry,
    at date: UInt64
  ) throws(StoreError) -> Bool {
    try finishRemoval()
    var best = books.end
    var bestSize = 0
    var bestPriority = -1
    var first = books.end
    books.walk.begin(from: books.start, to: books.end)
    while books.walk.next(in: file) {
      // A mark that cannot be written now is tried again next time; the entry is not given out.
      if books.isInFlightSuperseded, books.walk.head.id == books.inFlight {
        if supersede() { continue }
      } else if books.walk.head.expiresAt != 0, date >= books.walk.head.expiresAt {
        if books.mark(as: OutboxStatus.expired, in: file) {
          books.counters.expired &+= 1
          continue
        }
      } else if Int(books.walk.head.priority) > bestPriority {
        let size = books.walk.head.size
        switch record.read(from: file, at: books.walk.offset, size: size) {
        case .whole:
          best = books.walk.offset
          bestSize = size
          bestPriority = Int(books.walk.head.priority)
        case .damaged:
          if books.mark(as: OutboxStatus.damaged, in: file) {
            books.counters.damaged &+= 1
            continue
          }
        case .failed: break
        }
      }
      first = min(first, books.walk.offset)
    }
    if !books.walk.isUnreadable { books.start = first }
    books.inFlight = 0
    books.isInFlightSuperseded = false
    if bestPriority < 0 { return false }
    // Again, for the reading may have come to a better one that was damaged.
    guard case .whole = record.read(from: file, at: best, size: bestSize) else {
      throw .read(code: nbiot_errno())
    }
    let body = record.body.span.extracting(first: record.head.bodyCount)
    do throws(CapacityError) {
      let topicCount = Int(record.head.topicCount)
      try entry.topic.replace(with: body.extracting(first: topicCount))
      try entry.payload.replace(with: body.extracting(droppingFirst: topicCount))
    } catch {
      throw .read(code: EMSGSIZE)
    }
    entry.id = record.head.id
    entry.contentFormat = record.head.contentFormat
    entry.priority = record.head.priority
    entry.expiresAt = record.head.expiresAt
    entry.wasKept = record.head.id < books.firstID
    books.inFlight = record.head.id
    return true
  }

  /// Removes an entry that was given out.
  ///
  /// One from before this start is gone durably when this returns, so that it is not sent a third
  /// time; the mark of another one becomes durable with the next entry, at no cost of its own. When
  /// it throws it is to be called again before anything is sent.
  public mutating func remove(_ entry: borrowing OutboxEntry) throws(StoreError) {
    try finishRemoval()
    books.removing = entry.id
    try finishRemoval()
  }

  @inline(never)
  private mutating func finishRemoval() throws(StoreError) {
    if books.removing == 0 { return }
    // Marks reach the storage in any order. Were this one durable before that of an older entry in
    // whose place it came, a power cut would bring the older one back, to be sent last.
    if books.hasUnsyncedSupersession { try settle() }
    books.walk.begin(from: books.start, to: books.end)
    while books.walk.next(in: file) {
      guard books.walk.head.id == books.removing else { continue }
      guard books.mark(as: OutboxStatus.delivered, in: file) else {
        throw .write(code: nbiot_errno())
      }
      books.counters.delivered &+= 1
      break
    }
    // Also when it was marked before: then the sync failed.
    if books.removing < books.firstID { try settle() }
    if books.inFlight == books.removing {
      books.inFlight = 0
      books.isInFlightSuperseded = false
    }
    books.removing = 0
  }

  @inline(never)
  private mutating func supersede() -> Bool {
    guard books.mark(as: OutboxStatus.superseded, in: file) else { return false }
    books.counters.superseded &+= 1
    books.hasUnsyncedSupersession = true
    return true
  }

  /// Writes a record behind the last one and makes it durable.
  @inline(never)
  private mutating func write(
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>
  ) throws(StoreError) {
    record.head = books.new
    record.fill(topic, payload)
    var newEnd = books.end
    do throws(StoreError) {
      try record.write(to: file, at: &newEnd, counting: &books.writes)
      try settle()
    } catch {
      // So that it does not come back after all. Where this fails the next record is written over
      // it: it comes back once at most.
      _ = nbiot_ftruncate(file.descriptor, books.end)
      throw error
    }
    books.end = newEnd
  }

  /// How many bytes become free for the new record.
  private mutating func room() -> Int {
    var room = 0
    books.walk.begin(from: books.start, to: books.end)
    while books.walk.next(in: file) {
      if givesWay() { room &+= books.walk.head.size }
    }
    return room
  }

  /// Whether the record that the walk has come to makes room for the new one: it is superseded, or
  /// may be dropped.
  @inline(never)
  private mutating func givesWay() -> Bool {
    let id = books.walk.head.id
    if id == books.new.id || id == books.inFlight || id == books.removing { return false }
    if books.new.key != 0, books.walk.head.key == books.new.key { return true }
    return settings.whenFull == .dropOldest && books.walk.head.priority <= books.new.priority
  }

  /// Marks what the accepted record takes the place of.
  ///
  /// Only now, for until now it could have been refused. A mark that cannot be written leaves an
  /// entry too much.
  private mutating func makeRoom() {
    if books.new.key != 0 {
      books.walk.begin(from: books.start, to: books.end)
      while books.walk.next(in: file) {
        let id = books.walk.head.id
        if books.walk.head.key != books.new.key || id == books.new.id { continue }
        if id == books.inFlight {
          books.isInFlightSuperseded = true
        } else if id != books.removing {
          _ = supersede()
        }
      }
    }
    var priority: UInt8 = 0
    while books.pendingBytes > settings.maxBytes, priority <= books.new.priority {
      books.walk.begin(from: books.start, to: books.end)
      while books.pendingBytes > settings.maxBytes, books.walk.next(in: file) {
        if books.walk.head.priority == priority, givesWay(),
          books.mark(as: OutboxStatus.dropped, in: file)
        {
          books.counters.dropped &+= 1
        }
      }
      priority &+= 1
    }
  }
}
