internal import CPOSIX
internal import ConstrainedCore

/// The head of the file: magic 4, version 4, the first number that may be given out 8, checksum 4.
///
/// Twice, in sectors of their own, for with all records gone nothing else tells that number.
enum OutboxHead {
  /// "NBOB".
  static var magic: UInt64 { 0x424F_424E }
  static var version: UInt64 { 1 }
  static var copyOffset: Int { 512 }
  /// Where the first record begins.
  static var count: Int { 1024 }

  /// The first number that may be given out, as far as one of the copies tells it.
  static func read(
    from file: borrowing StoreFile,
    damaged: inout Int
  ) throws(StoreError) -> UInt64 {
    var storage = InlineArray<20, UInt8>(repeating: 0)
    var baseID: UInt64 = 1
    for copy in 0..<2 {
      var bytes = storage.mutableSpan
      let count = file.read(20, into: &bytes, at: copy * copyOffset)
      let head = bytes.span
      let id = number(8, at: 8, of: head)
      guard count == 20, number(4, at: 0, of: head) == magic, id < 1 &<< 62,
        number(4, at: 16, of: head) == UInt64(widening: checksum(head.extracting(first: 16)))
      else {
        damaged += 1
        continue
      }
      // Its records may look like none to this version, which would throw them away.
      guard number(4, at: 4, of: head) == version else { throw .version }
      baseID = max(baseID, id)
    }
    return baseID
  }

  static func write(
    _ baseID: UInt64,
    to file: borrowing StoreFile,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    var storage = InlineArray<20, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    put(magic, 4, at: 0, in: &bytes)
    put(version, 4, at: 4, in: &bytes)
    put(baseID, 8, at: 8, in: &bytes)
    put(UInt64(widening: checksum(bytes.span.extracting(first: 16))), 4, at: 16, in: &bytes)
    for copy in 0..<2 { try file.write(bytes.span, at: copy * copyOffset, counting: &writes) }
  }
}

extension Outbox {
  /// Writes what waits into a new file, which takes the place of the old one.
  ///
  /// Until then the old one is not touched: a failure or a power cut costs nothing, and whichever of
  /// the two is found afterwards has all that waits. Where a part of the old one cannot be read now,
  /// it stays.
  @inline(never)
  mutating func compact() throws(StoreError) {
    let made = try StoreFile.makeTemporary(in: directory, name: Self.temporaryName)
    var kept = OutboxCounters()
    var newEnd = OutboxHead.count
    do throws(StoreError) {
      try copy(to: made, end: &newEnd, counting: &kept)
      try made.take(
        Self.name,
        insteadOf: Self.temporaryName,
        in: directory,
        counting: &writes
      )
    } catch {
      StoreFile.remove(Self.temporaryName, in: directory)
      throw error
    }
    // From here on the name means the new file, and so must everything else, even if the directory
    // cannot be made durable: then the next call does all this again.
    file = made
    start = OutboxHead.count
    end = newEnd
    count = kept.accepted
    pendingBytes = newEnd - OutboxHead.count
    counters.delivered += kept.delivered
    counters.damaged += kept.damaged
    isUnsettled = true
    try directory.sync(all: true, counting: &writes)
    isUnsettled = false
    hasUnsyncedSupersession = false
  }

  private mutating func copy(
    to made: borrowing StoreFile,
    end: inout Int,
    counting kept: inout OutboxCounters
  ) throws(StoreError) {
    try OutboxHead.write(nextID, to: made, counting: &writes)
    var storage = InlineArray<1200, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    var walk = OutboxWalk(from: start, to: self.end)
    while let record = nextPending(&walk) {
      if record.id == removing {
        kept.delivered += 1
        continue
      }
      switch read(record, into: &bytes) {
      case .failed(let code): throw .read(code: code)
      case .damaged: kept.damaged += 1
      case .whole:
        kept.accepted += 1
        put(0, 4, at: OutboxRecord.statusOffset, in: &bytes)
        try made.write(bytes.span.extracting(first: record.size), at: end, counting: &writes)
        end += record.size
      }
    }
    if walk.isUnreadable { throw .read(code: EIO) }
  }
}
