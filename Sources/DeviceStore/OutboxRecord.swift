internal import CPOSIX
internal import ConstrainedCore

/// A record's head, with the bytes in memory that it has in the file, 48.
///
/// Numbers are in the machine's byte order, for the file does not leave the machine. The head's own
/// checksum lets a walk through the file rely on the lengths without reading the bodies, and go on
/// behind a body that is damaged.
struct OutboxHead {
  /// "NBO" and the version, 1; `seal` sets it.
  var magic: UInt32 = 0
  /// 0 for a record that waits; the checksum leaves it out, for it is written over in place.
  var status: UInt32 = 0
  var id: UInt64 = 0
  /// Seconds since 1970, 0 for never.
  var expiresAt: UInt64 = 0
  /// 0 for none.
  var key: UInt64 = 0
  var topicCount: UInt16 = 0
  var payloadCount: UInt16 = 0
  var contentFormat: UInt16 = 0
  var priority: UInt8 = 0
  var reserved: UInt8 = 0
  /// Of topic and payload.
  var bodyChecksum: UInt32 = 0
  /// Of this head but for the status and this field.
  var headChecksum: UInt32 = 0

  static var count: Int { 48 }
  static var maxTopicCount: Int { 128 }
  static var maxPayloadCount: Int { 1024 }
  static var statusOffset: Int { 4 }
  private static var rightMagic: UInt32 { 0x014F_424E }

  var bodyCount: Int { Int(topicCount) &+ Int(payloadCount) }

  /// How many bytes the record takes, with zeros up to a multiple of 8.
  var size: Int { (Self.count &+ bodyCount &+ 7) & ~7 }

  /// Whether the record waits.
  ///
  /// One damaged byte turns at most 8 bits of a status of 0 on and at most 4 of another one off, so
  /// that it makes neither of the other: nothing is lost and nothing is sent twice for it.
  var isPending: Bool { status.nonzeroBitCount < 12 }

  /// Whether these bytes are a head that was written as such, by whatever version.
  var isHead: Bool {
    mutating get {
      (magic ^ Self.rightMagic) & 0x00FF_FFFF == 0 && headChecksum == rightChecksum
    }
  }

  /// Whether this version wrote the head.
  var isOfThisVersion: Bool { magic == Self.rightMagic }

  /// Whether it can be reckoned with: a checksum may also be right for what nobody wrote.
  var isInBounds: Bool {
    id &- 1 < 1 &<< 62 && topicCount <= Self.maxTopicCount && payloadCount <= Self.maxPayloadCount
  }

  /// Makes it one that this version wrote; only the status changes afterwards.
  @inline(never)
  mutating func seal() {
    magic = Self.rightMagic
    headChecksum = rightChecksum
  }

  /// What the head's checksum must be.
  var rightChecksum: UInt32 {
    @inline(never)
    mutating get {
      // SAFETY: the bytes of a value without padding, used while it stays where it is.
      unsafe withUnsafeBytes(of: &self) { bytes in
        let all = unsafe bytes.bytes
        return checksum(all.extracting(8..<44), after: checksum(all.extracting(0..<4)))
      }
    }
  }
}

/// A record as it is in the file, but for the zeros at its end.
struct OutboxRecord {
  var head = OutboxHead()
  /// Topic and payload.
  var body = InlineArray<1152, UInt8>(repeating: 0)

  /// What the body's checksum must be.
  var rightBodyChecksum: UInt32 {
    // SAFETY: bytes have no padding.
    checksum(unsafe body.span.extracting(first: head.bodyCount).bytes)
  }

  /// Reads the record of that size where a walk has come to one, and nothing behind it, for that may
  /// not be readable.
  @inline(never)
  mutating func read(from file: borrowing StoreFile, at offset: Int, size: Int) -> OutboxReading {
    // SAFETY: any bytes make a value of integers.
    let count = unsafe withUnsafeMutableBytes(of: &self) { bytes in
      unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]), at: offset)
    }
    if count < 0 { return .failed }
    return count == size && head.isHead && head.isInBounds && head.size == size
      && rightBodyChecksum == head.bodyChecksum ? .whole : .damaged
  }

  /// Takes the body, and puts the checksums into the head, which has the lengths.
  mutating func fill(_ topic: Span<UInt8>, _ payload: Span<UInt8>) {
    put(topic, at: 0)
    put(payload, at: topic.count)
    head.bodyChecksum = rightBodyChecksum
    head.seal()
  }

  @inline(never)
  private mutating func put(_ bytes: Span<UInt8>, at offset: Int) {
    for index in bytes.indices { body[offset &+ index] = bytes[index] }
  }

  /// Writes as much of the record as it takes, and moves the end behind it.
  @inline(never)
  mutating func write(
    to file: borrowing StoreFile,
    at end: inout Int,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    let size = head.size
    // SAFETY: a record is no longer than this value.
    try unsafe withUnsafeBytes(of: &self) { bytes throws(StoreError) in
      let taken = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<size])
      try unsafe file.write(taken, at: end, counting: &writes)
    }
    end &+= size
  }

  /// Writes the last number that was given out, for when no record is left that tells it.
  ///
  /// A record that does not wait, twice, in sectors of their own: `lastCount` bytes.
  mutating func writeLast(
    _ id: UInt64,
    to file: borrowing StoreFile,
    at end: inout Int,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    if id == 0 { return }
    for copy in 0..<2 {
      head = OutboxHead()
      head.status = OutboxStatus.delivered
      head.id = id
      head.payloadCount = copy == 0 ? 464 : 0
      head.seal()
      try write(to: file, at: &end, counting: &writes)
    }
  }

  static var lastCount: Int { 560 }
}

/// What reading a record came to.
enum OutboxReading {
  case whole
  /// Its bytes are not what was written, and stay so.
  case damaged
  /// It could not be read, which may be over later.
  case failed
}

/// What becomes of a record; written over its status in place.
///
/// Any two of them, and zero for one that waits, differ in 16 bits, half of each byte.
enum OutboxStatus {
  static var delivered: UInt32 { 0x5A5A_5A5A }
  static var superseded: UInt32 { 0x3C3C_3C3C }
  static var expired: UInt32 { 0x6969_6969 }
  static var dropped: UInt32 { 0x9696_9696 }
  static var damaged: UInt32 { 0xC3C3_C3C3 }
}

/// A walk through the records of the file that wait, past what is done and what is damaged.
struct OutboxWalk {
  /// The head of the record that the walk has come to.
  private(set) var head = OutboxHead()
  /// Where that record begins.
  private(set) var offset = 0
  /// Where the last record ended, whether it waits or not.
  private(set) var lastEnd = 0
  /// The number of the last record, which the next one's is above.
  private(set) var lastID: UInt64 = 0
  /// Places that are damaged and that a record follows.
  private(set) var damaged = 0
  /// Whether there is a record that a later version wrote.
  private(set) var isOfLaterVersion = false
  /// Whether some of the file could not even be read.
  private(set) var isUnreadable = false
  private var end = 0

  /// Begins anew.
  @inline(never)
  mutating func begin(from start: Int, to end: Int) {
    self = OutboxWalk()
    offset = start
    lastEnd = start
    self.end = end
  }

  /// Goes on to the next record that waits; `false` at the end.
  ///
  /// Where no record is, one is looked for at each multiple of 8, so that damage costs the damaged
  /// alone.
  @inline(never)
  mutating func next(in file: borrowing StoreFile) -> Bool {
    if offset < lastEnd { offset = lastEnd }
    while offset < end {
      // SAFETY: any bytes make a value of integers.
      let count = unsafe withUnsafeMutableBytes(of: &head) { bytes in
        unsafe file.read(into: bytes, at: offset)
      }
      if count < 0 {
        // A sector that cannot be read may cost seconds each time: on to the next one.
        isUnreadable = true
        offset = (offset | 511) &+ 1
        continue
      }
      let isHead = count == OutboxHead.count && head.isHead
      if isHead, !head.isOfThisVersion { isOfLaterVersion = true }
      // Numbers only grow: what a payload holds as if it were a record is none. But a number may stand
      // once more where it does not wait.
      if isHead, head.isOfThisVersion, head.isInBounds,
        head.id &- (head.isPending ? 1 : 0) >= lastID, head.size <= end &- offset
      {
        if lastEnd < offset { damaged &+= 1 }
        lastEnd = offset &+ head.size
        lastID = head.id
        if head.isPending { return true }
        offset = lastEnd
      } else {
        offset &+= 8
      }
    }
    return false
  }
}
