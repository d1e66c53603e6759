internal import CPOSIX
internal import ConstrainedCore

/// What an outbox knows about its file.
struct OutboxBooks {
  /// The walk through the file that a call is about; there is one at a time.
  var walk = OutboxWalk()
  /// The head of the record that is being accepted.
  var new = OutboxHead()
  /// Before this offset nothing waits.
  var start = 0
  /// Where the next record goes.
  var end = 0
  /// How many records wait, and what they take.
  var count = 0
  var pendingBytes = 0
  var nextID: UInt64 = 1
  /// The first number of this life.
  private(set) var firstID: UInt64 = 1
  /// The number of the entry given out last, or 0.
  var inFlight: UInt64 = 0
  /// The number of the entry whose removal has begun and is not finished, or 0.
  var removing: UInt64 = 0
  /// Whether a later entry with the same key came while the one given out last was in flight.
  var isInFlightSuperseded = false
  /// Whether the file's contents or its name may not be durable: then it is written anew before
  /// anything else is promised.
  var isUnsettled = true
  /// Whether an entry was superseded since the last sync.
  var hasUnsyncedSupersession = false
  var writes = StoreWrites()
  var counters = OutboxCounters()
  private(set) var findings = OutboxFindings()

  /// Opens them: finds out what there is in the file, which may not be there.
  @inline(never)
  mutating func open(
    _ file: borrowing StoreFile,
    in directory: borrowing StoreFile,
    reading record: inout OutboxRecord
  ) throws(StoreError) {
    if !file.isOpen {
      switch file.code {
      case ENOENT: return
      case ELOOP: throw .notPrivate
      default: throw .open(code: file.code)
      }
    }
    let status = try file.status()
    switch status.privacy {
    case .isPrivate: break
    case .isReadable: findings.wasReadable = fchmod(file.descriptor, 0o600) == 0
    case .notPrivate: throw .notPrivate
    }
    end = status.count
    try survey(file, reading: &record)
    // The process before this one may have been killed before what it wrote was durable: a record,
    // which is told of as kept from here on, or the file's name. Then a power cut would bring the old
    // file back, without what is appended to this one.
    do throws(StoreError) {
      try file.sync(all: false, counting: &writes)
      try directory.sync(all: true, counting: &writes)
      isUnsettled = false
    } catch {}
  }

  /// Counts what waits and sorts out what is damaged.
  @inline(never)
  private mutating func survey(
    _ file: borrowing StoreFile,
    reading record: inout OutboxRecord
  ) throws(StoreError) {
    walk.begin(from: 0, to: end)
    var damagedStart = 0
    var damagedEnd = -1
    while walk.next(in: file) {
      count &+= 1
      pendingBytes &+= walk.head.size
      if case .damaged = record.read(from: file, at: walk.offset, size: walk.head.size) {
        findings.damaged &+= 1
        damagedStart = walk.offset
        damagedEnd = walk.lastEnd
        if mark(as: OutboxStatus.damaged, in: file) { continue }
      }
      findings.kept &+= 1
    }
    // Its entries would look damaged, and be thrown away.
    if walk.isOfLaterVersion { throw .version }
    findings.damaged &+= walk.damaged
    let behind = end &- walk.lastEnd
    if walk.isUnreadable {
      // What cannot be read now may be read later, and is not written over; nor does anything go into
      // the same sector.
      end = (end | 511) &+ 1
    } else {
      findings.cutBytes = behind
      end = walk.lastEnd
      if damagedEnd == end {
        // The last one was being written when the power went: its head is there, its body is not.
        findings.damaged &-= 1
        findings.cutBytes &+= end &- damagedStart
      }
    }
    counters.damaged = findings.damaged
    // These bytes may have been whole entries once, whose numbers were given out.
    let lost = (behind &+ OutboxHead.count &- 1) / OutboxHead.count
    nextID = walk.lastID &+ 1 &+ UInt64(widening: UInt32(truncatingIfNeeded: lost))
    firstID = nextID
  }

  /// Writes what became of the record that a walk has come to over its status; says whether.
  ///
  /// Four bytes in place, within one sector. When it fails the record still waits.
  @inline(never)
  mutating func mark(as status: UInt32, in file: borrowing StoreFile) -> Bool {
    let offset = walk.offset &+ OutboxHead.statusOffset
    do throws(StoreError) {
      // SAFETY: the value's own bytes, used while it stays where it is.
      try unsafe withUnsafeBytes(of: status) { bytes throws(StoreError) in
        try unsafe file.write(bytes, at: offset, counting: &writes)
      }
    } catch {
      return false
    }
    count &-= 1
    pendingBytes &-= walk.head.size
    return true
  }
}
