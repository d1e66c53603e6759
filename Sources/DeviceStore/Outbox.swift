// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// What waits to be sent, in one file, `outbox`, that survives the loss of power at any instant.
///
/// Each entry is a record at the end of the file; `commit` makes all that were added durable with one sync.
/// What becomes of an entry is written over a word of its head in place, which needs no room on a full
/// disk. When the file has grown to twice `maxBytes`, or the disk is full, what still waits is moved into
/// the room of what does not, or else written anew. A record whose bytes were damaged costs itself alone.
///
/// Order of calls: `open` once; `add` as often as there is something, `commit` before anything else is
/// called, and `shedNext` until it gives `false`; `findNext`, and `remove` once the entry that was found is
/// delivered or will never be. An entry is given out again after a restart, or when it was not removed. No
/// call but `open` takes from the heap; each takes at most 3 KB of stack and walks through the heads of the records in
/// the file, some hundred in 64 KB.
///
/// Public only because the Embedded build must see how a part of a public value ends.
public struct Outbox: ~Copyable {
  // Frequently used members come first: those near the start of the value need shorter
  // instructions.

  var kept = KeptFile()
  /// No entry waits before this offset.
  var start = 0
  /// The offset of the next record.
  var end = 0
  /// The number of the entry given out last, or 0.
  package internal(set) var inFlight: UInt64 = 0
  /// The number of the entry whose removal is not finished, or 0.
  var removing: UInt64 = 0
  /// The new status of that entry.
  var removingStatus: UInt32 = 0
  /// The bytes taken by waiting entries.
  var pendingBytes = 0
  /// Whether the file's contents and its name are durable; if not, it is rewritten before anything
  /// else is accepted.
  var isSettled = false
  /// Whether an entry was superseded since the last sync.
  var hasUnsyncedSupersession = false
  /// How many entries were marked since the last sync.
  var unsyncedMarks = 0
  /// How many entries were added since the last `commit`, and what they take.
  var addedCount = 0
  var addedBytes = 0
  /// Whether a later entry with the same key came while the one given out last was in flight.
  var isInFlightSuperseded = false
  /// Whether a new entry that has no room takes that of others.
  var dropsOldest = false
  /// Whether the entries accepted last may yet take the place of others: `shedNext`.
  package internal(set) var isShedding = false
  /// The place of the entry given out last, 0 where that is not known, and what it takes; its topic's checksum
  /// and its priority.
  var inFlightOffset = 0
  var inFlightSize = 0
  var inFlightTopic: UInt32 = 0
  package internal(set) var inFlightPriority: UInt8 = 0
  /// The current walk through the file; there is one at a time.
  var walk = OutboxWalk()
  /// The results of `findNext` so far.
  var search = OutboxSearch()
  /// The maximum size of waiting entries in bytes.
  var maxBytes = 0
  /// The maximum waiting time of an entry in seconds; 0 for no limit.
  package var maxAge: UInt32 = 0
  /// The offset of the next record while records are being written.
  var newEnd = 0
  /// The number of the last entry.
  var lastID: UInt64 = 0
  /// The last number of earlier runs.
  var lastKeptID: UInt64 = 0
  /// The entry ended by `findNext` or `shedNext`; its number is 0 if there is none.
  package var ended = EndedEntry()
  /// How many entries wait.
  package internal(set) var count = 0
  /// What became of entries so far.
  package internal(set) var counters = OutboxCounters()
  /// The priority of the entry that was added last.
  var newPriority: UInt8 = 0
  /// The keys of the entries that were added together, and the last entry of each.
  var newKeys = NewKeys()
  /// The newer one of the file's headers, and where it is known to be durable.
  var header = OutboxHeader()
  var headerPlace = 0
  /// The header to be made durable next.
  var newHeader = OutboxHeader()
  /// Topics that are not to be given out for now.
  var held = HeldTopics()
  /// The head of the record that a walk has come to.
  var head = OutboxHead()
  /// The record that was written or read last; after `findNext` the entry that was found, until the next call.
  var record = OutboxRecord()
  /// The place of the record whose topic and payload `record` holds, 0 where it holds something else.
  var recordOffset = 0
  #if !SMALL_REPORTS
  /// Whether both copies of the header are of version 3, durably: payloads of more than 1,024 bytes may be added.
  var takesLarge = false
  #endif
  /// What was there at the start.
  package internal(set) var findings = OutboxFindings()

  /// The number that the next entry gets.
  package var nextID: UInt64 { lastID &+ 1 }

  /// What was written so far.
  package var writes: StoreWrites { kept.writes }

  /// Creates an outbox for `open`, to be called before anything else: all zeros, which costs least
  /// as a part of a larger value.
  @inline(never)
  package init() {}
}

extension Outbox {
  /// Opens it: finds out what there is in the file, which may not be there.
  ///
  /// A file that others can read is mended; one that others can write to, or of somebody else, is
  /// refused: what waits in it may not be the device's. So is one that is longer than any outbox gets.
  @inline(never)
  package mutating func open(
    in directory: borrowing StateDirectory,
    settings: OutboxSettings
  ) -> StoreResult {
    maxBytes = settings.clampedBytes
    dropsOldest = settings.whenFull == .dropOldest
    #if !SMALL_REPORTS
    if !record.prepare(settings.maxPayload) { return StoreResult(.open, code: ENOMEM) }
    #endif
    kept.join(directory)
    kept.file.open(.outbox, in: kept.directory, flags: O_RDWR)
    if !kept.file.isOpen {
      switch kept.file.code {
      case ENOENT: return .good
      case ELOOP: return StoreResult(.notPrivate)
      default: return StoreResult(.open, code: kept.file.code)
      }
    }
    var found = FoundFile()
    let result = kept.file.look(&found)
    if !result.isGood { return result }
    if found.count > OutboxSettings.maxFileCount { return StoreResult(.tooLarge) }
    if found.isReadable { findings.wasReadable = fchmod(kept.file.descriptor, 0o600) == 0 }
    end = found.count
    let version = readHeaders()
    // Its entries would appear damaged and be discarded.
    if version > 0 { return StoreResult(version == 1 ? .oldVersion : .version) }
    if start == 0 {
      // It may be readable later.
      if walk.isUnreadable { return StoreResult(.read, code: EIO) }
      // Without a header nothing distinguishes records from similar bytes.
      findings.cutBytes = end
      leap(over: end)
      end = 0
      _ = compact()
      return .good
    }
    survey()
    // The previous process may have been killed before its writes were durable: a record, which is
    // now reported as kept, or the file's name. A power failure would then restore the old file,
    // without entries appended to this one.
    isSettled = kept.sync().isGood && kept.syncDirectory().isGood
    #if !SMALL_REPORTS
    if !isSettled { takesLarge = false }
    #endif
    // Rewritten, so that damage is reported once and the next run does not reuse a number. If that
    // fails nothing is lost: the next record overwrites the part that was cut off.
    if findings.damaged &+ findings.cutBytes > 0 { _ = compact() }
    return .good
  }

  /// Reads the newer header, and copies it over the other one unless they agree; returns the
  /// version of a file of another version, otherwise 0.
  private mutating func readHeaders() -> UInt8 {
    var other = OutboxHeader()
    let missing = kept.read(OutboxHeader.count, into: &header, at: 0)
    let otherMissing = kept.read(OutboxHeader.count, into: &other, at: OutboxHeader.spacing)
    let hasFirst = missing == 0 && header.isWhole
    let hasOther = other.isWhole
    if !hasFirst, !hasOther {
      #if SMALL_REPORTS
      let version = missing == 0 ? header.foreignVersion : 0
      #else
      var version = missing == 0 ? header.foreignVersion : 0
      if missing == 0, header.takesLarge, !record.takesLarge { version = OutboxHeader.largeVersion }
      #endif
      walk.isUnreadable = missing < 0 || otherMissing < 0
      header = OutboxHeader()
      return version
    }
    start = OutboxHeader.recordsStart
    let isOld = !hasFirst || hasOther && other.generation > header.generation
    let areAlike = hasFirst && hasOther && other.generation == header.generation
    if isOld {
      header = other
      headerPlace = OutboxHeader.spacing
    }
    #if !SMALL_REPORTS
    if header.takesLarge, !record.takesLarge { return OutboxHeader.largeVersion }
    #endif
    newHeader = header
    // Interrupted between the two writes, or damaged. If it cannot be repaired now, the next start
    // tries again.
    #if SMALL_REPORTS
    if !areAlike { _ = writeHeader() }
    #else
    takesLarge = (areAlike || writeHeader().isGood) && header.takesLarge
    #endif
    return 0
  }

  /// Counts waiting entries and removes damaged ones.
  private mutating func survey() {
    rewind()
    while advance() {
      count &+= 1
      pendingBytes &+= walk.size
      if read() == .damaged {
        walk.suspects &+= 1
        walk.suspectBytes &+= walk.size
        if mark(as: OutboxStatus.damaged) { continue }
      }
      findings.kept &+= 1
    }
    findings.damaged = walk.damaged
    let behind = max(0, end &- walk.lastEnd)
    if walk.isUnreadable {
      // Bytes that cannot be read now may be readable later, so they are not overwritten; and
      // nothing is written into the same sector.
      end = (end | 511) &+ 1
    } else {
      // Those added last were being written when the power went, and none of them was told to be accepted.
      findings.cutBytes = behind &+ walk.suspectBytes
      end = walk.lastEnd
    }
    counters.damaged = findings.damaged
    lastID = max(walk.lastID, header.lastID)
    leap(over: behind)
  }

  /// Skips the numbers of all entries that so many bytes may have held.
  private mutating func leap(over count: Int) {
    let lost = (count &+ OutboxHead.count &- 1) / OutboxHead.count
    lastID &+= UInt64(widening: UInt32(truncatingIfNeeded: lost))
    lastKeptID = lastID
  }

  /// Makes all writes to the file durable.
  ///
  /// After a failure the state of the written blocks is unknown, and a second sync would not reveal
  /// it: the file is then rewritten elsewhere, from the data that the system has in memory.
  @inline(never)
  mutating func settle() -> StoreResult {
    if !isSettled { return compact() }
    return settle(after: kept.sync())
  }

  /// Records whether the storage has all writes.
  @inline(never)
  mutating func settle(after result: StoreResult) -> StoreResult {
    isSettled = result.isGood
    if isSettled {
      hasUnsyncedSupersession = false
      unsyncedMarks = 0
    }
    return result
  }
}
