internal import ConstrainedCore

/// A walk through the records of the file that wait, past what is done and what is damaged.
///
/// The head of the record that it has come to is that of `Outbox.record`.
struct OutboxWalk {
  /// The offset of the current record.
  var offset = 0
  /// The size of the current record in bytes.
  var size = 0
  /// The end of the last record, whether it waits or not.
  var lastEnd = 0
  /// The number of the last record, which the next one's is above.
  var lastID: UInt64 = 0
  /// Places that are damaged and that a record follows.
  var damaged = 0
  /// Whether some of the file could not even be read.
  var isUnreadable = false
}

extension Outbox {
  /// Starts the walk again where the first entry may wait; a paused search starts over.
  @inline(never)
  mutating func rewind() {
    search.isUnderWay = false
    walk = OutboxWalk()
    walk.offset = start
    walk.lastEnd = start
  }

  /// Advances to the next waiting record; returns `false` at the end.
  ///
  /// After damage it searches for a record at each multiple of 8, so that damage costs only the
  /// damaged records.
  @inline(never)
  mutating func advance() -> Bool {
    if walk.offset < walk.lastEnd { walk.offset = walk.lastEnd }
    while walk.offset < end {
      let hole = Int(header.holeEnd)
      if walk.offset >= Int(header.holeStart), walk.offset < hole {
        if walk.lastEnd < Int(header.holeStart) { walk.damaged &+= 1 }
        walk.offset = hole
        walk.lastEnd = hole
        continue
      }
      if readHead() { return true }
    }
    return false
  }

  /// Reads the head that may be at the walk's offset, and advances unless its record waits; returns
  /// whether it does.
  @inline(never)
  private mutating func readHead() -> Bool {
    let missing = kept.read(OutboxHead.count, into: &record.head, at: walk.offset)
    if missing < 0 {
      passSector()
      return false
    }
    walk.size = record.head.size
    let isPending = record.head.isPending
    // Numbers only grow; but a number may stand once more where it does not wait.
    guard missing == 0, record.head.isWhole(at: walk.offset, header.nonce),
      record.head.id &- (isPending ? 1 : 0) >= walk.lastID, walk.size <= end &- walk.offset
    else {
      walk.offset &+= 8
      seek()
      return false
    }
    if walk.lastEnd < walk.offset { walk.damaged &+= 1 }
    walk.lastID = record.head.id
    walk.lastEnd = walk.offset &+ walk.size
    if !isPending { walk.offset = walk.lastEnd }
    return isPending
  }

  /// Skips to the next sector: an unreadable one may cost seconds each time.
  private mutating func passSector() {
    walk.isUnreadable = true
    walk.offset = (walk.offset | 511) &+ 1
  }

  /// Goes on to the next place where a record may begin, sector by sector.
  private mutating func seek() {
    while walk.offset < end {
      let count = min(512 &- (walk.offset & 511), end &- walk.offset)
      let missing = kept.read(count, into: &record, at: walk.offset)
      if missing < 0 { return passSector() }
      if let place = record.beginning(within: count &- missing) {
        walk.offset &+= place
        return
      }
      walk.offset = (walk.offset | 511) &+ 1
    }
  }

  /// Reads the record that the walk has come to, and nothing behind it, for that may not be readable.
  @inline(never)
  mutating func read() -> OutboxReading {
    let missing = kept.read(walk.size, into: &record, at: walk.offset)
    if missing < 0 { return .failed }
    return missing == 0 && record.isWhole(of: walk.size, at: walk.offset, header.nonce)
      ? .whole : .damaged
  }

  /// Overwrites the status of the record that the walk has reached; returns whether it succeeded.
  ///
  /// Four bytes in place, within one sector. If it fails, the record still waits.
  @inline(never)
  mutating func mark(as status: UInt32) -> Bool {
    record.head.status = status
    let offset = walk.offset &+ OutboxHead.statusOffset
    if !kept.write(4, of: &record.head.status, at: offset).isGood { return false }
    count &-= 1
    pendingBytes &-= walk.size
    return true
  }

  /// Seals the current record and writes it at `newEnd`, which advances.
  @inline(never)
  mutating func writeRecord(_ nonce: UInt64, _ operation: KeptFile.Operation) -> StoreResult {
    let offset = newEnd
    record.seal(at: offset, nonce)
    let size = record.head.size
    newEnd &+= size
    return kept.write(size, of: &record, at: offset, operation)
  }
}
