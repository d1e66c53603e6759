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
/// call takes from the heap; each takes at most 3 KB of stack and walks through the heads of the records in
/// the file, some hundred in 64 KB.
///
/// Public only because the Embedded build must see how a part of a public value ends.
public struct Outbox: ~Copyable {
  // What is used most comes first, for what is near the start of the value is reached by shorter
  // instructions.

  var kept = KeptFile()
  /// Before this offset nothing waits.
  var start = 0
  /// Where the next record goes.
  var end = 0
  /// The number of the entry given out last, or 0.
  package internal(set) var inFlight: UInt64 = 0
  /// The number of the entry whose removal has begun and is not finished, or 0.
  var removing: UInt64 = 0
  /// What becomes of that entry.
  var removingStatus: UInt32 = 0
  /// What those that wait take.
  var pendingBytes = 0
  /// Whether the file's contents and its name are durable: else it is written anew before anything else
  /// is promised.
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
  /// The walk through the file that a call is about; there is one at a time.
  var walk = OutboxWalk()
  /// What `findNext` has found out so far.
  var search = OutboxSearch()
  /// How many bytes wait at most.
  var maxBytes = 0
  /// How many seconds an entry waits at most; 0 for ever.
  package var maxAge: UInt32 = 0
  /// Where the next record goes of those that are being written.
  var newEnd = 0
  /// The number that the last entry got.
  var lastID: UInt64 = 0
  /// The last number of the lives before this one.
  var lastKeptID: UInt64 = 0
  /// The entry that `findNext` or `shedNext` has ended; its number is 0 where there is none.
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
  /// The one that is to be durable next.
  var newHeader = OutboxHeader()
  /// Topics that are not to be given out for now.
  var held = HeldTopics()
  /// The head of the record that a walk has come to.
  var head = OutboxHead()
  /// The record that was written or read last; after `findNext` the entry that was found, until the next call.
  var record = OutboxRecord()
  /// The place of the record whose topic and payload `record` holds, 0 where it holds something else.
  var recordOffset = 0
  /// What was there at the start.
  package internal(set) var findings = OutboxFindings()

  /// The number that the next entry gets.
  package var nextID: UInt64 { lastID &+ 1 }

  /// What was written so far.
  package var writes: StoreWrites { kept.writes }

  /// One that `open` is to be called of before anything else: until then it is all zeros, which costs
  /// least as a part of something larger.
  @inline(never)
  package init() {}
}

extension Outbox {
  /// Opens it: finds out what there is in the file, which may not be there.
  ///
  /// A file that others can read is mended; one that others can write to, or of somebody else, is
  /// refused, for what waits in it may not be the device's. So is one that is longer than any outbox gets.
  @inline(never)
  package mutating func open(
    in directory: borrowing StateDirectory,
    settings: OutboxSettings
  ) -> StoreResult {
    maxBytes = settings.clampedBytes
    dropsOldest = settings.whenFull == .dropOldest
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
    // Its entries would look damaged, and be thrown away.
    if version > 0 { return StoreResult(version == 1 ? .oldVersion : .version) }
    if start == 0 {
      // It may be read later.
      if walk.isUnreadable { return StoreResult(.read, code: EIO) }
      // Without a header nothing tells records from what looks like one.
      findings.cutBytes = end
      leap(over: end)
      end = 0
      _ = compact()
      return .good
    }
    survey()
    // The process before this one may have been killed before what it wrote was durable: a record,
    // which is told of as kept from here on, or the file's name. Then a power cut would bring the old
    // file back, without what is appended to this one.
    isSettled = kept.sync().isGood && kept.syncDirectory().isGood
    // Written anew, so that damage is told of once and the next life gives no number out again. Where
    // that fails nothing is lost: the next record goes over what was cut.
    if findings.damaged &+ findings.cutBytes > 0 { _ = compact() }
    return .good
  }

  /// Takes the newer header, and puts it in the place of the other one unless that says the same; the
  /// version of a file of another one, else 0.
  private mutating func readHeaders() -> UInt8 {
    var other = OutboxHeader()
    let missing = kept.read(OutboxHeader.count, into: &header, at: 0)
    let otherMissing = kept.read(OutboxHeader.count, into: &other, at: OutboxHeader.spacing)
    let hasFirst = missing == 0 && header.isWhole
    let hasOther = other.isWhole
    if !hasFirst, !hasOther {
      let version = missing == 0 ? header.foreignVersion : 0
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
    newHeader = header
    // Cut off between the two, or damaged. What cannot be mended now is tried again at the next start.
    if !areAlike { _ = writeHeader() }
    return 0
  }

  /// Counts what waits and sorts out what is damaged.
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
      // What cannot be read now may be read later, and is not written over; nor does anything go into
      // the same sector.
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

  /// Goes on behind the numbers of entries that so many bytes may have been once.
  private mutating func leap(over count: Int) {
    let lost = (count &+ OutboxHead.count &- 1) / OutboxHead.count
    lastID &+= UInt64(widening: UInt32(truncatingIfNeeded: lost))
    lastKeptID = lastID
  }

  /// Makes durable what was written to the file.
  ///
  /// After a failure nobody knows what of the blocks that were written to is still right, and a
  /// second sync would say nothing about them: the file is then written anew, elsewhere, from what
  /// the system has in memory.
  @inline(never)
  mutating func settle() -> StoreResult {
    if !isSettled { return compact() }
    return settle(after: kept.sync())
  }

  /// Takes in whether the storage has all that was written.
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
