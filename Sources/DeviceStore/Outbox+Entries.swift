internal import CPOSIX
internal import ConstrainedCore

extension Outbox {
  /// Accepts an entry; it is durable when this returns its number.
  ///
  /// With a `key` other than 0 it takes the place of those that wait with the same key, but for the
  /// one given out last. A `priority` above 7 counts as 7. When it throws the entry is not accepted;
  /// if the power goes just then it may still be found afterwards, once.
  public mutating func append(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    contentFormat: UInt16,
    priority: UInt8 = 0,
    expiresAt: UInt64 = 0,
    key: UInt64 = 0
  ) throws(OutboxError) -> UInt64 {
    counters.refused += 1
    guard topic.count <= OutboxRecord.maxTopicCount, payload.count <= OutboxRecord.maxPayloadCount
    else { throw .tooLong }
    var record = OutboxRecord()
    record.id = nextID
    record.expiresAt = expiresAt
    record.key = key
    record.topicCount = topic.count
    record.payloadCount = payload.count
    record.contentFormat = contentFormat
    record.priority = min(priority, 7)
    let excess = pendingBytes + record.size - settings.maxBytes
    guard record.size <= settings.maxBytes, excess <= 0 || room(for: record) >= excess else {
      throw .full
    }
    var storage = InlineArray<1200, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    var place = OutboxRecord.headCount
    for index in topic.indices { bytes[place + index] = topic[index] }
    place += topic.count
    for index in payload.indices { bytes[place + index] = payload[index] }
    record.write(into: &bytes)
    do throws(StoreError) {
      try accept(bytes.span.extracting(first: record.size))
    } catch {
      throw .store(error)
    }
    counters.refused -= 1
    counters.accepted += 1
    nextID += 1
    count += 1
    pendingBytes += record.size
    makeRoom(for: record)
    return record.id
  }

  /// Gives out the entry of the highest priority, of these the oldest; `false` when none waits.
  ///
  /// Those that are over by `date`, in seconds since 1970, are sorted out; 0 stands for a date that is
  /// not known. Finishes a removal that failed before, and throws when it cannot.
  public mutating func next(
    into entry: inout OutboxEntry,
    at date: UInt64
  ) throws(StoreError) -> Bool {
    if removing != 0 { try finishRemoval() }
    var storage = InlineArray<1200, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    var best: OutboxRecord?
    var first = end
    var walk = OutboxWalk(from: start, to: end)
    while let record = nextPending(&walk) {
      // A mark that cannot be written now is tried again next time; the entry is not given out.
      if isInFlightSuperseded, record.id == inFlight, tryMark(record, as: .superseded) { continue }
      if record.expiresAt != 0, date >= record.expiresAt {
        if !tryMark(record, as: .expired) { first = min(first, record.offset) }
        continue
      }
      first = min(first, record.offset)
      if let best, best.priority >= record.priority { continue }
      switch read(record, into: &bytes) {
      case .whole: best = record
      case .damaged: _ = tryMark(record, as: .damaged)
      case .failed: break
      }
    }
    if !walk.isUnreadable { start = first }
    inFlight = 0
    isInFlightSuperseded = false
    guard let best else { return false }
    guard case .whole = read(best, into: &bytes) else { throw .read(code: EIO) }
    let body = bytes.span.extracting(OutboxRecord.headCount..<best.size)
    do throws(CapacityError) {
      try entry.topic.replace(with: body.extracting(first: best.topicCount))
      try entry.payload.replace(
        with: body.extracting(best.topicCount..<best.topicCount + best.payloadCount)
      )
    } catch {
      throw .read(code: EMSGSIZE)
    }
    entry.id = best.id
    entry.contentFormat = best.contentFormat
    entry.priority = best.priority
    entry.expiresAt = best.expiresAt
    entry.wasKept = best.id < firstID
    inFlight = best.id
    return true
  }

  /// Removes an entry that was given out.
  ///
  /// One from before this start is gone durably when this returns, so that it is not sent a third
  /// time; the mark of another one becomes durable with the next entry, at no cost of its own. When
  /// it throws it is to be called again before anything is sent.
  public mutating func remove(_ entry: borrowing OutboxEntry) throws(StoreError) {
    if removing != 0 { try finishRemoval() }
    removing = entry.id
    if removing != 0 { try finishRemoval() }
  }

  private mutating func finishRemoval() throws(StoreError) {
    // Marks reach the storage in any order. Were this one durable before that of an older entry in
    // whose place it came, a power cut would bring the older one back, to be sent last.
    if hasUnsyncedSupersession { try settle() }
    var walk = OutboxWalk(from: start, to: end)
    while let record = nextPending(&walk) {
      guard record.id == removing else { continue }
      try mark(record, as: .delivered)
      break
    }
    // Also when it was marked before: then the sync failed.
    if removing < firstID { try settle() }
    if inFlight == removing {
      inFlight = 0
      isInFlightSuperseded = false
    }
    removing = 0
  }

  /// Writes a record behind the last one and makes it durable.
  private mutating func accept(_ record: Span<UInt8>) throws(StoreError) {
    if isUnsettled || end + record.count > OutboxHead.count + 2 * settings.maxBytes {
      try compact()
    }
    do throws(StoreError) {
      try write(record)
    } catch {
      // On a full disk what is done takes the room, if it is worth the writing.
      guard end - OutboxHead.count >= 2 * pendingBytes, end > OutboxHead.count else { throw error }
      try compact()
      try write(record)
    }
    do throws(StoreError) {
      try settle()
    } catch {
      cutEnd()
      throw error
    }
    end += record.count
  }

  private mutating func write(_ record: Span<UInt8>) throws(StoreError) {
    do throws(StoreError) {
      try file.write(record, at: end, counting: &writes)
    } catch {
      cutEnd()
      throw error
    }
  }

  /// Cuts off a record that is not accepted, so that it does not come back after all.
  ///
  /// Where that fails the next record is written over it: it can come back once at most.
  private func cutEnd() {
    _ = ftruncate(file.descriptor, off_t(truncatingIfNeeded: end))
  }

  /// Whether a record that waits makes room for a new one: it is superseded, or may be dropped.
  private func givesWay(_ record: OutboxRecord, to new: OutboxRecord) -> Bool {
    guard record.id != new.id, record.id != inFlight, record.id != removing else { return false }
    return new.key != 0 && record.key == new.key
      || settings.whenFull == .dropOldest && record.priority <= new.priority
  }

  /// How many bytes would become free for a new record.
  private func room(for new: OutboxRecord) -> Int {
    var room = 0
    var walk = OutboxWalk(from: start, to: end)
    while let record = nextPending(&walk) {
      if givesWay(record, to: new) { room += record.size }
    }
    return room
  }

  /// Marks what an accepted record takes the place of.
  ///
  /// Only now, for until now it could have been refused. A mark that cannot be written leaves an
  /// entry too much.
  private mutating func makeRoom(for new: OutboxRecord) {
    if new.key != 0 {
      var walk = OutboxWalk(from: start, to: end)
      while let record = nextPending(&walk) {
        guard record.key == new.key, record.id != new.id, record.id != removing else { continue }
        if record.id == inFlight {
          isInFlightSuperseded = true
        } else {
          _ = tryMark(record, as: .superseded)
        }
      }
    }
    while pendingBytes > settings.maxBytes {
      var worst: OutboxRecord?
      var walk = OutboxWalk(from: start, to: end)
      while let record = nextPending(&walk) {
        guard givesWay(record, to: new) else { continue }
        if let worst, worst.priority <= record.priority { continue }
        worst = record
      }
      guard let worst, tryMark(worst, as: .dropped) else { return }
    }
  }
}
