// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A walk through the records of the file that wait, past what is done and what is damaged.
///
/// The head of the record that it has come to is `Outbox.head`.
struct OutboxWalk {
  /// The offset of the current record.
  var offset = 0
  /// The size of the current record in bytes.
  var size = 0
  /// The end of the last record, whether it waits or not.
  var lastEnd = 0
  /// The number of the last record, which the next one's is above.
  var lastID: UInt64 = 0
  /// Places that are damaged and that records follow which became durable later.
  var damaged = 0
  /// Damaged places that no such record follows, and their bytes.
  var suspects = 0
  var suspectBytes = 0
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
    let missing = kept.read(OutboxHead.count, into: &head, at: walk.offset)
    if missing < 0 {
      passSector()
      return false
    }
    walk.size = head.size
    let isPending = head.isPending
    // Numbers only grow; but a number may stand once more where it does not wait.
    guard missing == 0, head.isWhole(at: walk.offset, header.nonce),
      head.id &- (isPending ? 1 : 0) >= walk.lastID, walk.size <= end &- walk.offset
    else {
      walk.offset &+= 8
      seek()
      return false
    }
    if walk.lastEnd < walk.offset {
      walk.suspects &+= 1
      walk.suspectBytes &+= walk.offset &- walk.lastEnd
    }
    if !head.isContinuation {
      walk.damaged &+= walk.suspects
      walk.suspects = 0
      walk.suspectBytes = 0
    }
    walk.lastID = head.id
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
    var sector = InlineArray<64, UInt64>(repeating: 0)
    while walk.offset < end {
      let count = min(512 &- (walk.offset & 511), end &- walk.offset)
      let missing = kept.read(count, into: &sector, at: walk.offset)
      if missing < 0 { return passSector() }
      if let place = OutboxHead.place(in: sector, within: count &- missing) {
        walk.offset &+= place
        return
      }
      walk.offset = (walk.offset | 511) &+ 1
    }
  }

  /// Reads topic and payload of the record that the walk has come to, unless they are at hand, and nothing
  /// behind it, because that may not be readable.
  @inline(never)
  mutating func read() -> OutboxReading {
    record.head = head
    if recordOffset == walk.offset { return .whole }
    recordOffset = 0
    #if SMALL_REPORTS
    let missing = kept.read(head.bodyCount, into: &record.body, at: walk.offset &+ OutboxHead.count)
    #else
    // Only a record that was made to deceive has more than its file's version takes.
    if head.bodyCount > record.room { return .damaged }
    let place = walk.offset &+ OutboxHead.count
    // SAFETY: the memory has room for so many bytes.
    let missing =
      unsafe record.takesLarge
      ? kept.read(head.bodyCount, into: record.large.baseAddress, at: place)
      : kept.read(head.bodyCount, into: &record.small.body, at: place)
    #endif
    if missing < 0 { return .failed }
    guard missing == 0, record.isWhole(header.nonce) else { return .damaged }
    recordOffset = walk.offset
    return .whole
  }

  /// Overwrites the status of the record that the walk has reached; returns whether it succeeded.
  ///
  /// Four bytes in place, within one sector. If it fails, the record still waits.
  @inline(never)
  mutating func mark(as status: UInt32) -> Bool {
    head.status = status
    let offset = walk.offset &+ OutboxHead.statusOffset
    if !kept.write(4, of: &head.status, at: offset).isGood { return false }
    if walk.offset == start { start &+= walk.size }
    if walk.offset == inFlightOffset { inFlightOffset = 0 }
    unsyncedMarks &+= 1
    count &-= 1
    pendingBytes &-= walk.size
    return true
  }

  /// Seals the current record and writes it at `newEnd`, which advances.
  @inline(never)
  mutating func writeRecord(_ nonce: UInt64, _ operation: KeptFile.Operation) -> StoreResult {
    let offset = newEnd
    recordOffset = 0
    record.seal(at: offset, nonce)
    let size = record.head.size
    newEnd &+= size
    #if SMALL_REPORTS
    return kept.write(size, of: &record, at: offset, operation)
    #else
    // SAFETY: head and body are behind each other in the memory, which has a multiple of 8 bytes.
    return unsafe record.takesLarge
      ? kept.write(size, from: record.whole, at: offset, operation)
      : kept.write(size, of: &record.small, at: offset, operation)
    #endif
  }
}
