internal import CPOSIX
internal import ConstrainedCore

/// What waits to be sent, in one file, `outbox`, that survives the loss of power at any instant.
///
/// Each entry is a record at the end of the file, durable before `append` returns; what becomes of it
/// is written over a word of its head in place, which needs no room on a full disk. When the file has
/// grown to twice `maxBytes`, what still waits is written anew. A record whose bytes were damaged
/// costs itself alone.
///
/// Order of calls: `append` at any time; `next`, and `remove` once its entry is delivered or will
/// never be. An entry is given out again after a restart, or when it was not removed. No call takes
/// from the heap; each takes at most 3 KB of stack and walks through the heads of the records in the
/// file, some hundred in 64 KB.
public struct Outbox: ~Copyable {
  let directory: StoreFile
  var file: StoreFile
  let settings: OutboxSettings
  var books = OutboxBooks()
  /// Room for the record that a call is about; its contents mean nothing between calls.
  ///
  /// Last, for what is near the start of the value is reached by shorter instructions.
  var record = OutboxRecord()

  /// What was there at the start.
  public var findings: OutboxFindings { books.findings }

  /// The number that the next entry gets.
  public var nextID: UInt64 { books.nextID }

  /// How many entries wait.
  public var count: Int { books.count }

  /// What became of entries so far.
  public var counters: OutboxCounters { books.counters }

  /// What was written so far.
  public var writes: StoreWrites { books.writes }

  /// Opens the outbox of the directory, where there need not be one yet.
  ///
  /// A file that others can read is mended; one that others can write to, or of somebody else, is
  /// refused, for what waits in it may not be the device's.
  public init(
    _ directory: borrowing StateDirectory,
    settings: OutboxSettings = OutboxSettings()
  ) throws(StoreError) {
    self.directory = StoreFile(copying: directory.file)
    file = StoreFile(in: self.directory, name: .outbox, flags: O_RDWR)
    self.settings = settings.clamped
    try books.open(file, in: self.directory, reading: &record)
    // Written anew, so that damage is told of once and the next life gives no number out again. Where
    // that fails nothing is lost: the next record goes over what was cut.
    if books.findings.damaged &+ books.findings.cutBytes > 0 {
      do throws(StoreError) { try compact() } catch {}
    }
  }
}

extension Outbox {
  /// Makes durable what was written to the file.
  ///
  /// After a failure nobody knows what of the blocks that were written to is still right, and a
  /// second sync would say nothing about them: the file is then written anew, elsewhere, from what
  /// the system has in memory.
  @inline(never)
  mutating func settle() throws(StoreError) {
    if books.isUnsettled { return try compact() }
    books.isUnsettled = true
    try file.sync(all: false, counting: &books.writes)
    books.isUnsettled = false
    books.hasUnsyncedSupersession = false
  }

  /// Writes what waits into a new file, which takes the place of the old one.
  ///
  /// Until then the old one is not touched: a failure or a power cut costs nothing, and whichever of
  /// the two is found afterwards has all that waits. Where a part of the old one cannot be read now,
  /// it stays.
  @inline(never)
  mutating func compact() throws(StoreError) {
    let made = try StoreFile(temporaryIn: directory)
    var kept = OutboxCounters()
    var newEnd = 0
    var newPendingBytes = 0
    do throws(StoreError) {
      newPendingBytes = try copy(to: made, end: &newEnd, counting: &kept)
      try made.take(.outbox, in: directory, counting: &books.writes)
    } catch {
      StoreFile.remove(.temporary, in: directory)
      throw error
    }
    // From here on the name means the new file, and so must everything else, even if the directory
    // cannot be made durable: then the next call does all this again.
    file = made
    books.start = 0
    books.end = newEnd
    books.pendingBytes = newPendingBytes
    books.count = kept.accepted
    books.counters.delivered &+= kept.delivered
    books.counters.damaged &+= kept.damaged
    books.isUnsettled = true
    try directory.sync(all: true, counting: &books.writes)
    books.isUnsettled = false
    books.hasUnsyncedSupersession = false
  }

  private mutating func copy(
    to made: borrowing StoreFile,
    end newEnd: inout Int,
    counting kept: inout OutboxCounters
  ) throws(StoreError) -> Int {
    books.walk.begin(from: books.start, to: books.end)
    while books.walk.next(in: file) {
      if books.walk.head.id == books.removing {
        kept.delivered &+= 1
        continue
      }
      switch record.read(from: file, at: books.walk.offset, size: books.walk.head.size) {
      case .failed: throw .read(code: nbiot_errno())
      case .damaged: kept.damaged &+= 1
      case .whole:
        kept.accepted &+= 1
        record.head.status = 0
        try record.write(to: made, at: &newEnd, counting: &books.writes)
      }
    }
    if books.walk.isUnreadable { throw .read(code: EIO) }
    let pendingBytes = newEnd
    try record.writeLast(books.nextID &- 1, to: made, at: &newEnd, counting: &books.writes)
    return pendingBytes
  }
}
