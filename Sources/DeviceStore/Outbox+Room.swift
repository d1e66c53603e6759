// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// Keeps the file small, and makes room for new entries.
extension Outbox {
  /// Whether the largest entry has room, or others make room for it.
  package var hasRoom: Bool {
    dropsOldest || pendingBytes == 0
      || pendingBytes + maxRecordCount <= maxBytes
  }

  /// Whether an eighth of the room is free as well.
  package var hasAmpleRoom: Bool { hasRoom && pendingBytes <= maxBytes &- maxBytes / 8 }

  /// Whether half of the room is free.
  package var hasHalf: Bool { pendingBytes <= maxBytes / 2 }

  /// What an entry with the longest topic and payload takes, in bytes.
  #if SMALL_REPORTS
  private var maxRecordCount: Int { 1_216 }
  #else
  private var maxRecordCount: Int { OutboxHead.count &+ OutboxHead.maxTopicCount &+ record.limit }
  #endif

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
    #if !SMALL_REPORTS
    newHeader.takesLarge = copied.hasLarge
    #endif
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

  #if !SMALL_REPORTS
  /// Makes the file one of version 3, in both copies of its header, before it has a payload of more than 1,024 bytes.
  ///
  /// A program that does not know such payloads then refuses it, whichever copy it can read.
  @inline(never)
  mutating func takeLarge() -> StoreResult {
    for _ in 0..<2 {
      newHeader = header
      newHeader.takesLarge = true
      let result = change(hole: Int(header.holeStart), Int(header.holeEnd))
      if !result.isGood { return result }
    }
    takesLarge = true
    return .good
  }
  #endif

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
    #if !SMALL_REPORTS
    newHeader.takesLarge = copied.hasLarge
    newHeader.seal()
    #endif
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
    #if !SMALL_REPORTS
    /// Whether one of them makes the file one of version 3.
    var hasLarge = false
    #endif
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
      if head.id == removing {
        copied.removed &+= 1
        continue
      }
      switch read() {
      case .failed: result = .failed(.read)
      case .damaged: copied.damaged &+= 1
      case .whole:
        copied.waiting &+= 1
        #if !SMALL_REPORTS
        if record.head.isLarge { copied.hasLarge = true }
        #endif
        record.head.status = 0
        record.head.rank(record.head.priority, isContinuation: false)
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
    #if !SMALL_REPORTS
    takesLarge = copied.hasLarge
    #endif
    // These refer to offsets.
    search = OutboxSearch()
    inFlightOffset = 0
    recordOffset = 0
  }

  // MARK: - For a new entry

  /// How many bytes become free for the record at hand: of those that it supersedes, or that may be dropped.
  mutating func room(beside taken: some TakenEntries) -> Int {
    var room = 0
    rewind()
    while advance() {
      if head.id == inFlight || head.id == removing || taken.has(head.id) { continue }
      let isSuperseded = head.key != 0 && head.key == record.head.key
      if isSuperseded || dropsOldest && head.priority <= record.head.priority {
        room &+= walk.size
      }
    }
    return room
  }

  /// Ends the next entry that the accepted ones take the place of, which is then `ended`; `false` when
  /// there is none any more.
  ///
  /// Only now, for until they were accepted they could have been refused. A mark that cannot be written
  /// leaves an entry too much.
  @inline(never)
  package mutating func shedNext(beside taken: inout some TakenEntries) -> Bool {
    ended.id = 0
    if !isShedding { return false }
    if newKeys.count > 0 {
      rewind()
      while advance() {
        let id = head.id
        if newKeys.last(of: head.key) <= id { continue }
        if id == inFlight {
          isInFlightSuperseded = true
        } else if id != removing, !taken.replace(id), supersede() {
          return true
        }
      }
    }
    var priority: UInt8 = 0
    while dropsOldest, pendingBytes > maxBytes, priority <= newPriority {
      rewind()
      while advance() {
        let id = head.id
        if head.priority == priority, id != lastID, id != inFlight, id != removing, !taken.has(id),
          mark(as: OutboxStatus.dropped)
        {
          counters.dropped &+= 1
          ended = EndedEntry(id: id, ending: .dropped)
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
    ended = EndedEntry(id: head.id, ending: .superseded)
    return true
  }
}

/// The keys of entries that were added together, and the number of the last entry of each.
struct NewKeys {
  var count = 0
  private var keys = InlineArray<16, UInt64>(repeating: 0)
  private var ids = InlineArray<16, UInt64>(repeating: 0)

  /// Where the key stands; `count` where it does not.
  @inline(never)
  private func place(of key: UInt64) -> Int {
    var place = 0
    while place < count, keys[place] != key { place &+= 1 }
    return place
  }

  /// Whether `take` has a place for the key; 0 needs none.
  func hasRoom(for key: UInt64) -> Bool { key == 0 || place(of: key) < keys.count }

  /// Takes in that an entry of that number has the key, where there is a place.
  mutating func take(_ key: UInt64, _ id: UInt64) {
    let place = place(of: key)
    if key == 0 || place == keys.count { return }
    keys[place] = key
    ids[place] = id
    count = max(count, place &+ 1)
  }

  /// The number of the last of these entries with that key; 0 where there is none.
  func last(of key: UInt64) -> UInt64 {
    let place = place(of: key)
    return place < count ? ids[place] : 0
  }
}
