internal import ConstrainedCore

/// What a record's head says.
///
/// The head's bytes, every number with its lowest byte first: magic 4 (its last byte the version),
/// status 4, id 8, expiresAt 8, key 8, lengths of topic and payload 2 each, content format 2,
/// priority 1, zero 1, checksum of topic and payload 4, checksum of the head without the status 4.
/// Topic, payload and zeros up to a multiple of 8 follow.
///
/// The head's own checksum lets a walk through the file rely on the lengths without reading the
/// payloads, and go on behind a payload that is damaged.
struct OutboxRecord {
  /// Where it begins.
  var offset = 0
  var status: UInt32 = 0
  var id: UInt64 = 0
  var expiresAt: UInt64 = 0
  var key: UInt64 = 0
  var topicCount = 0
  var payloadCount = 0
  var contentFormat: UInt16 = 0
  var priority: UInt8 = 0
  var bodyChecksum: UInt32 = 0

  /// How many bytes of the file it takes.
  var size: Int { (Self.headCount + topicCount + payloadCount + 7) & ~7 }

  /// Whether it waits.
  ///
  /// One damaged byte turns at most 8 bits of a pending status on and at most 4 of another one off,
  /// so that it changes neither into the other.
  var isPending: Bool { status.nonzeroBitCount < 12 }

  static var headCount: Int { 48 }
  static var maxTopicCount: Int { 128 }
  static var maxPayloadCount: Int { 1024 }

  /// "NBO" and 1.
  static var magic: UInt64 { 0x014F_424E }
  static var statusOffset: Int { 4 }
  static var bodyChecksumOffset: Int { 40 }
  static var headChecksumOffset: Int { 44 }

  init() {}

  /// Reads the head of a record at the start of `bytes`, or `nil` where there is none.
  @inline(never)
  init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= Self.headCount, number(4, at: 0, of: bytes) == Self.magic,
      number(4, at: Self.headChecksumOffset, of: bytes)
        == UInt64(widening: Self.headChecksum(of: bytes))
    else { return nil }
    status = UInt32(truncatingIfNeeded: number(4, at: Self.statusOffset, of: bytes))
    id = number(8, at: 8, of: bytes)
    expiresAt = number(8, at: 16, of: bytes)
    key = number(8, at: 24, of: bytes)
    topicCount = Int(truncatingIfNeeded: number(2, at: 32, of: bytes))
    payloadCount = Int(truncatingIfNeeded: number(2, at: 34, of: bytes))
    contentFormat = UInt16(truncatingIfNeeded: number(2, at: 36, of: bytes))
    priority = UInt8(truncatingIfNeeded: number(1, at: 38, of: bytes))
    bodyChecksum = UInt32(truncatingIfNeeded: number(4, at: Self.bodyChecksumOffset, of: bytes))
    // A checksum may be right for what nobody wrote, and arithmetic must not overflow on it.
    guard topicCount <= Self.maxTopicCount, payloadCount <= Self.maxPayloadCount, id < 1 &<< 62
    else { return nil }
  }

  /// Writes the head, as that of a pending record, in front of the body that stands in `bytes`.
  @inline(never)
  func write(into bytes: inout MutableSpan<UInt8>) {
    put(Self.magic, 4, at: 0, in: &bytes)
    put(0, 4, at: Self.statusOffset, in: &bytes)
    put(id, 8, at: 8, in: &bytes)
    put(expiresAt, 8, at: 16, in: &bytes)
    put(key, 8, at: 24, in: &bytes)
    put(UInt64(widening: UInt16(truncatingIfNeeded: topicCount)), 2, at: 32, in: &bytes)
    put(UInt64(widening: UInt16(truncatingIfNeeded: payloadCount)), 2, at: 34, in: &bytes)
    put(UInt64(widening: contentFormat), 2, at: 36, in: &bytes)
    put(UInt64(widening: priority), 2, at: 38, in: &bytes)
    put(
      UInt64(widening: Self.bodyChecksum(of: bytes.span, topicCount + payloadCount)),
      4,
      at: Self.bodyChecksumOffset,
      in: &bytes
    )
    put(
      UInt64(widening: Self.headChecksum(of: bytes.span)),
      4,
      at: Self.headChecksumOffset,
      in: &bytes
    )
  }

  /// The checksum of the body behind a head at the start of `bytes`.
  static func bodyChecksum(of bytes: Span<UInt8>, _ count: Int) -> UInt32 {
    checksum(bytes.extracting(headCount..<headCount + count))
  }

  private static func headChecksum(of bytes: Span<UInt8>) -> UInt32 {
    checksum(bytes.extracting(8..<headChecksumOffset), after: checksum(bytes.extracting(first: 4)))
  }
}

/// What becomes of a record; written over its status in place.
///
/// Any two of them, and zero for one that waits, differ in 16 bits, half of each byte.
enum OutboxStatus: UInt32 {
  case delivered = 0x5A5A_5A5A
  case superseded = 0x3C3C_3C3C
  case expired = 0x6969_6969
  case dropped = 0x9696_9696
  case damaged = 0xC3C3_C3C3
}

/// A walk through the records of the file, from one to the next, past what is damaged.
struct OutboxWalk {
  /// Where the next record is looked for.
  var offset: Int

  /// Where the walk ends.
  let end: Int

  /// The number of the last record, which the next one's is above.
  var lastID: UInt64 = 0

  /// Where the last record ended.
  var lastEnd: Int

  /// Places that are damaged and that a record follows.
  var damaged = 0

  /// Whether some of the file could not even be read.
  var isUnreadable = false

  init(from offset: Int, to end: Int) {
    self.offset = offset
    lastEnd = offset
    self.end = end
  }

  /// The next record, or `nil` at the end.
  ///
  /// Where none is, it is looked for at each multiple of 8, so that damage costs the damaged alone.
  @inline(never)
  mutating func next(in file: borrowing StoreFile) -> OutboxRecord? {
    var storage = InlineArray<48, UInt8>(repeating: 0)
    while offset < end {
      var bytes = storage.mutableSpan
      let count = file.read(OutboxRecord.headCount, into: &bytes, at: offset)
      if count < 0 {
        // A sector that cannot be read costs the device seconds each time: on to the next one.
        isUnreadable = true
        offset = (offset | 511) + 1
        continue
      }
      // Numbers only grow: what a payload holds as if it were a record, or an old copy of one, is
      // none.
      if var record = OutboxRecord(bytes.span.extracting(first: count)), record.id > lastID,
        record.size <= end - offset
      {
        record.offset = offset
        if lastEnd < offset { damaged += 1 }
        offset += record.size
        lastEnd = offset
        lastID = record.id
        return record
      }
      offset += 8
    }
    return nil
  }
}
