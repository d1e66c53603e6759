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
  /// The first number of this life.
  let firstID: UInt64

  /// What was there at the start.
  public private(set) var findings: OutboxFindings

  /// The number that the next entry gets.
  public internal(set) var nextID: UInt64

  /// How many entries wait.
  public internal(set) var count = 0

  /// What became of entries so far.
  public internal(set) var counters = OutboxCounters()

  /// What was written so far.
  public internal(set) var writes: StoreWrites

  /// Before this offset nothing waits.
  var start = OutboxHead.count
  /// Where the next record goes.
  var end: Int
  /// What the records that wait take.
  var pendingBytes = 0
  /// The number of the entry given out last, or 0.
  var inFlight: UInt64 = 0
  /// Whether a later entry with the same key came while that one was in flight.
  var isInFlightSuperseded = false
  /// The number of the entry whose removal has begun and is not finished, or 0.
  var removing: UInt64 = 0
  /// Whether the file's contents or its name may not be durable: then it is written anew before
  /// anything else is promised.
  var isUnsettled: Bool
  /// Whether an entry was superseded since the last sync.
  var hasUnsyncedSupersession = false

  /// Opens the outbox of the directory, where there need not be one yet.
  ///
  /// A file that others can read is mended; one that others can write to, or of somebody else, is
  /// refused, for what waits in it may not be the device's.
  public init(
    _ directory: borrowing StateDirectory,
    settings: OutboxSettings = OutboxSettings()
  ) throws(StoreError) {
    let kept = StoreFile(copying: directory.file)
    StoreFile.remove(Self.temporaryName, in: kept)
    let opened = StoreFile(in: kept, name: Self.name, flags: O_RDWR)
    var found = OutboxFindings()
    var writes = StoreWrites()
    var isUnsettled = true
    var baseID: UInt64 = 1
    var fileEnd = 0
    if opened.isOpen {
      switch try opened.privacy() {
      case .isPrivate: break
      case .isReadable: found.wasReadable = fchmod(opened.descriptor, 0o600) == 0
      case .notPrivate: throw .notPrivate
      }
      baseID = try OutboxHead.read(from: opened, damaged: &found.damagedHeads)
      fileEnd = opened.count()
      // The process that put this file in place may have been killed before its name was durable.
      // Then a power cut would bring the old file back, without what is appended from here on.
      do throws(StoreError) {
        try kept.sync(all: true, counting: &writes)
        isUnsettled = false
      } catch {}
    } else if opened.code == ELOOP {
      throw .notPrivate
    } else if opened.code != ENOENT {
      throw .open(code: opened.code)
    }
    var walk = OutboxWalk(from: OutboxHead.count, to: fileEnd)
    while walk.next(in: opened) != nil {}
    found.damaged = walk.damaged
    found.cutBytes = max(0, fileEnd - walk.lastEnd)
    // The bytes that are cut may have been whole entries once, whose numbers were given out.
    let lost = (found.cutBytes + OutboxRecord.headCount - 1) / OutboxRecord.headCount
    let nextID = max(baseID, walk.lastID + 1) + UInt64(widening: UInt32(truncatingIfNeeded: lost))
    self.nextID = nextID
    firstID = nextID
    end = walk.lastEnd
    self.directory = kept
    file = opened
    self.settings = settings.clamped
    self.writes = writes
    self.isUnsettled = isUnsettled
    findings = found
    survey()
  }

  /// Counts what waits, sorts out what is damaged, and mends the file if anything was.
  private mutating func survey() {
    var storage = InlineArray<1200, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    var walk = OutboxWalk(from: start, to: end)
    while let record = nextPending(&walk) {
      count += 1
      pendingBytes += record.size
      switch read(record, into: &bytes) {
      case .whole, .failed: findings.kept += 1
      case .damaged:
        findings.damaged += 1
        _ = tryMark(record, as: .damaged)
      }
    }
    counters.damaged = findings.damaged
    guard findings.damaged + findings.cutBytes + findings.damagedHeads > 0 else { return }
    // Written anew, so that the damage is told of once, and that no number is given out again that
    // what was cut may have had. Where that fails nothing is lost: the next record goes over what
    // was cut.
    do throws(StoreError) { try compact() } catch {}
  }
}

extension Outbox {
  static var name: StaticString { "outbox" }
  static var temporaryName: StaticString { "outbox.new" }

  /// The longest that the file may become.
  var maxCount: Int { OutboxHead.count + 2 * settings.maxBytes }

  /// Reads a record whole, and says whether its contents are what was written.
  ///
  /// A read that fails may succeed later; contents that are damaged stay so.
  @inline(never)
  func read(_ record: OutboxRecord, into bytes: inout MutableSpan<UInt8>) -> OutboxReading {
    let count = file.read(record.size, into: &bytes, at: record.offset)
    if count < 0 { return .failed(code: 0 &- Int32(truncatingIfNeeded: count)) }
    let bodyCount = record.topicCount + record.payloadCount
    guard count == record.size,
      OutboxRecord.bodyChecksum(of: bytes.span, bodyCount) == record.bodyChecksum
    else { return .damaged }
    return .whole
  }

  /// The walk's next record that waits.
  @inline(never)
  func nextPending(_ walk: inout OutboxWalk) -> OutboxRecord? {
    while let record = walk.next(in: file) {
      if record.isPending { return record }
    }
    return nil
  }

  /// Writes what became of a record that waits over its status, and counts it.
  ///
  /// Four bytes in place, within one sector. When it throws the record still waits.
  @inline(never)
  mutating func mark(_ record: OutboxRecord, as status: OutboxStatus) throws(StoreError) {
    var storage = InlineArray<4, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    put(UInt64(widening: status.rawValue), 4, at: 0, in: &bytes)
    let offset = record.offset + OutboxRecord.statusOffset
    try file.write(bytes.span, at: offset, counting: &writes)
    count -= 1
    pendingBytes -= record.size
    switch status {
    case .delivered: counters.delivered += 1
    case .superseded:
      counters.superseded += 1
      hasUnsyncedSupersession = true
    case .expired: counters.expired += 1
    case .dropped: counters.dropped += 1
    case .damaged: counters.damaged += 1
    }
  }

  /// The same where it does no harm that the record still waits; says whether it succeeded.
  mutating func tryMark(_ record: OutboxRecord, as status: OutboxStatus) -> Bool {
    do throws(StoreError) {
      try mark(record, as: status)
      return true
    } catch {
      return false
    }
  }

  /// Makes durable what was written to the file.
  ///
  /// After a failure nobody knows what of the blocks that were written to is still right, and a
  /// second sync would say nothing about them: the file is then written anew, elsewhere, from what
  /// the system has in memory.
  @inline(never)
  mutating func settle() throws(StoreError) {
    if isUnsettled { return try compact() }
    do throws(StoreError) {
      try file.sync(all: false, counting: &writes)
    } catch {
      isUnsettled = true
      throw error
    }
    hasUnsyncedSupersession = false
  }
}

/// What reading a record's contents came to.
enum OutboxReading {
  case whole
  case damaged
  case failed(code: Int32)
}
