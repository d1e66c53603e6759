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
  var isPending: Bool {
    var rest = status
    var bits = 0
    // By hand: `nonzeroBitCount` is three times the code where there is no instruction for it.
    while rest != 0 {
      rest &= rest &- 1
      bits &+= 1
    }
    return bits < 12
  }

  /// What wrote these bytes.
  var origin: OutboxOrigin {
    @inline(never)
    mutating get {
      if (magic ^ Self.rightMagic) & 0x00FF_FFFF != 0 { return .none }
      if headChecksum != rightChecksum { return .none }
      if magic != Self.rightMagic { return .laterVersion }
      // A checksum may also be right for what nobody wrote.
      return id &- 1 < 1 &<< 62 && topicCount <= Self.maxTopicCount
        && payloadCount <= Self.maxPayloadCount ? .thisVersion : .none
    }
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

/// What wrote the head of a record.
enum OutboxOrigin {
  /// Nothing: it is none, or damaged.
  case none
  case thisVersion
  case laterVersion
}

/// A record as it is in the file, but for the zeros at its end.
struct OutboxRecord {
  var head = OutboxHead()
  /// Topic and payload.
  var body = InlineArray<1152, UInt8>(repeating: 0)

  /// How many bytes tell the last number that was given out, see `Outbox.writeLast`.
  static var lastCount: Int { 560 }

  /// What the body's checksum must be.
  ///
  /// Mutating, though it changes nothing: else it would be of a copy.
  var rightBodyChecksum: UInt32 {
    @inline(never)
    mutating get {
      let count = head.bodyCount
      // SAFETY: the bytes of a value without padding, used while it stays where it is.
      return unsafe withUnsafeBytes(of: &body) { bytes in
        checksum(unsafe bytes.bytes.extracting(first: count))
      }
    }
  }

  /// Whether what was read is a record of that size as it was written.
  mutating func isWhole(of size: Int) -> Bool {
    head.origin == .thisVersion && head.size == size && rightBodyChecksum == head.bodyChecksum
  }

  /// Takes the body, and puts its checksum into the head, which has the lengths.
  mutating func fill(_ topic: Span<UInt8>, _ payload: Span<UInt8>) {
    put(topic, at: 0)
    put(payload, at: topic.count)
    head.bodyChecksum = rightBodyChecksum
  }

  @inline(never)
  private mutating func put(_ bytes: Span<UInt8>, at offset: Int) {
    for index in bytes.indices { body[offset &+ index] = bytes[index] }
  }
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
