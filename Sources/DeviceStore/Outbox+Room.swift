internal import CPOSIX
internal import ConstrainedCore

/// Keeps the file small, and makes room for new entries.
extension Outbox {
  /// Whether the largest entry has room, or others make room for it.
  public var hasRoom: Bool {
    dropsOldest || pendingBytes == 0
      || pendingBytes + Self.maxRecordCount <= maxBytes
  }

  /// What an entry with the longest topic and payload takes, in bytes.
  private static var maxRecordCount: Int { 1_216 }

  /// The maximum length of the file.
  private var limit: Int { OutboxHeader.recordsStart &+ 2 &* maxBytes }

  /// Whether a record of `size` bytes would make the file too long.
  func isTooLong(with size: Int) -> Bool { end &+ size > limit }

  /// Reclaims the room of entries that no longer wait, for a record of `size` bytes.
  @inline(never)
  mutating func tidy(for size: Int) -> StoreResult {
    if let result = condense(), !result.isGood || !isTooLong(with: size) { return result }
    return compact()
  }

  // MARK: - Within the file

  /// Moves waiting entries into a gap, after which the file ends; `nil` if no gap is large enough.
  ///
  /// It needs no room on the disk. Gaps are where records no longer wait.
  private mutating func condense() -> StoreResult? {
    var result: StoreResult?
    while isSettled {
      var gap = Gap()
      findGap(&gap)
      guard !walk.isUnreadable, gap.size >= pendingBytes,
        // There is one hole, which contains no valid records.
        header.holeEnd == 0 || gap.start <= Int(header.holeStart) && gap.end >= Int(header.holeEnd)
      else { break }
      result = move(into: gap)
      if result?.isGood == false || gap.start == OutboxHeader.recordsStart { break }
    }
    return result
  }

  /// Bytes between two waiting records.
  private struct Gap {
    var start = 0
    var end = 0
    var size: Int { end &- start }
  }

  /// Finds the gap at the start, if waiting entries fit into it, otherwise the largest.
  private mutating func findGap(_ gap: inout Gap) {
    var next = Gap(start: OutboxHeader.recordsStart)
    rewind()
    var isLast = false
    while !isLast {
      isLast = !advance()
      next.end = isLast ? end : walk.offset
      let isGood = gap.start == OutboxHeader.recordsStart && gap.size >= pendingBytes
      if !isGood, next.size >= gap.size { gap = next }
      next.start = walk.offset &+ walk.size
    }
  }

  /// Moves waiting entries into a gap that is large enough.
  ///
  /// First the gap is declared a hole; then the entries are written into it with checksums under
  /// another nonce; then one header, in one sector, makes that nonce valid. Until that is durable
  /// the old records are valid, afterwards the new ones.
  private mutating func move(into gap: Gap) -> StoreResult {
    newHeader = header
    // Needed before the records with higher numbers are in a hole.
    newHeader.lastID = lastID
    newEnd = gap.start
    var copied = Copied()
    if pendingBytes > 0 {
      let result = change(hole: gap.start, gap.end)
      if !result.isGood { return result }
    }
    newHeader.nonce = nbiot_random()
    if pendingBytes > 0 {
      var result = copyWaiting(&copied, .write)
      if result.isGood { result = settle(after: kept.sync()) }
      if !result.isGood { return result }
    }
    let isAtStart = gap.start == OutboxHeader.recordsStart
    let result = change(
      hole: isAtStart ? 0 : OutboxHeader.recordsStart,
      isAtStart ? 0 : gap.start
    )
    if !result.isGood {
      // Either may be found from now on: accept nothing more in this file.
      isSettled = false
      return result
    }
    // So that damage to one copy costs nothing; the next sync includes it.
    _ = writeHeader()
    if end > newEnd { _ = nbiot_ftruncate(kept.file.descriptor, newEnd) }
    take(copied, start: gap.start)
    return .good
  }

  /// Makes the new header durable with that hole, and as the valid one.
  @inline(never)
  private mutating func change(hole start: Int, _ end: Int) -> StoreResult {
    newHeader.holeStart = UInt32(truncatingIfNeeded: start)
    newHeader.holeEnd = UInt32(truncatingIfNeeded: end)
    newHeader.generation &+= 1
    newHeader.seal()
    var result = writeHeader()
    if result.isGood { result = settle(after: kept.sync()) }
    if result.isGood {
      header = newHeader
      headerPlace = OutboxHeader.spacing &- headerPlace
    }
    return result
  }

  /// Writes the new header over the copy that is not known to be durable.
  @inline(never)
  mutating func writeHeader(_ operation: KeptFile.Operation = .write) -> StoreResult {
    let place = OutboxHeader.spacing &- headerPlace
    return kept.write(OutboxHeader.count, of: &newHeader, at: place, operation)
  }

  // MARK: - Into another file

  /// Writes waiting entries into a new file, which replaces the old one.
  ///
  /// Until then the old file is unchanged: a failure or a power failure costs nothing, and
  /// whichever of the two is found afterwards has all waiting entries. If a part of the old file
  /// cannot be read now, it stays.
  @inline(never)
  mutating func compact() -> StoreResult {
    var result = kept.begin()
    if !result.isGood { return result }
    var copied = Copied()
    newHeader = OutboxHeader()
    newHeader.nonce = nbiot_random()
    newHeader.lastID = lastID
    newHeader.seal()
    newEnd = OutboxHeader.recordsStart
    result = copyWaiting(&copied, .writeAnew)
    if result.isGood, walk.isUnreadable { result = StoreResult(.read, code: EIO) }
    for _ in 0..<2 {
      if result.isGood { result = writeHeader(.writeAnew) }
      headerPlace = OutboxHeader.spacing &- headerPlace
    }
    result = kept.finish(.outbox, after: result)
    if !result.isGood { return result }
    header = newHeader
    // From here on the name refers to the new file, and so does everything else, even if the
    // directory cannot be made durable: the next call then does all this again.
    take(copied, start: OutboxHeader.recordsStart)
    return settle(after: kept.syncDirectory())
  }

  /// The number of records copied, and why others were not.
  private struct Copied {
    var waiting = 0
    var removed = 0
    var damaged = 0
  }

  /// Writes waiting entries from `newEnd` on, under the new header.
  @inline(never)
  private mutating func copyWaiting(
    _ copied: inout Copied,
    _ operation: KeptFile.Operation
  ) -> StoreResult {
    var result = StoreResult.good
    rewind()
    while result.isGood, advance() {
      if record.head.id == removing {
        copied.removed &+= 1
        continue
      }
      switch read() {
      case .failed: result = .failed(.read)
      case .damaged: copied.damaged &+= 1
      case .whole:
        copied.waiting &+= 1
        record.head.status = 0
        result = writeRecord(newHeader.nonce, operation)
      }
    }
    return result
  }

  /// Continues with the copied records.
  @inline(never)
  private mutating func take(_ copied: Copied, start: Int) {
    self.start = start
    end = newEnd
    pendingBytes = newEnd &- start
    count = copied.waiting
    if copied.removed > 0 { countRemoval() }
    counters.damaged &+= copied.damaged
    // These refer to offsets.
    search = OutboxSearch()
    inFlightOffset = 0
  }

  // MARK: - For a new entry

  /// How many bytes become free for the new record.
  mutating func room() -> Int {
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

  /// Ends the next entry that the accepted one takes the place of, which is then `ended`; `false` when
  /// there is none any more.
  ///
  /// Only now, for until it was accepted it could have been refused. A mark that cannot be written
  /// leaves an entry too much.
  @inline(never)
  package mutating func shedNext() -> Bool {
    ended.id = 0
    if !isShedding { return false }
    if new.key != 0 {
      rewind()
      while advance() {
        let id = record.head.id
        if record.head.key != new.key || id == new.id { continue }
        if id == inFlight {
          isInFlightSuperseded = true
        } else if id != removing, supersede() {
          return true
        }
      }
    }
    var priority: UInt8 = 0
    while pendingBytes > maxBytes, priority <= new.priority {
      rewind()
      while advance() {
        if record.head.priority == priority, givesWay(), mark(as: OutboxStatus.dropped) {
          counters.dropped &+= 1
          ended = EndedEntry(id: record.head.id, ending: .dropped)
          return true
        }
      }
      priority &+= 1
    }
    isShedding = false
    return false
  }

  /// Marks the record that the walk has reached; returns whether it succeeded.
  @inline(never)
  mutating func supersede() -> Bool {
    guard mark(as: OutboxStatus.superseded) else { return false }
    counters.superseded &+= 1
    hasUnsyncedSupersession = true
    ended = EndedEntry(id: record.head.id, ending: .superseded)
    return true
  }
}
