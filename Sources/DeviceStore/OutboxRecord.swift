internal import ConstrainedCore

/// A record's head, in memory with the layout of the file, 64 bytes.
///
/// Numbers are in native byte order, because the file does not leave the machine. With the head's
/// own checksum a walk through the file can rely on the lengths without reading the bodies, and
/// continue after a damaged body. The checksum depends on the file's nonce and on the record's
/// offset: bytes composed by others do not pass as a record, nor does a copy elsewhere.
struct OutboxHead {
  /// "NBR" and the version, 2; `seal` sets it.
  var magic: UInt32 = 0
  /// 0 for a waiting record; the checksum excludes it, because it is overwritten in place.
  var status: UInt32 = 0
  /// The number of attempts without acceptance, and in the upper half its complement; also
  /// overwritten in place, without a sync.
  var tries: UInt16 = 0
  var topicCount: UInt8 = 0
  /// The priority, and in the highest bit whether it was added together with the record before it.
  private var rank: UInt8 = 0
  /// Of this head but for the status, the tries and this field.
  var headChecksum: UInt32 = 0
  var id: UInt64 = 0
  /// 0 for none.
  var key: UInt64 = 0
  var accepted = KeptTime()
  /// The time in seconds for which it is worth sending; 0 for no limit.
  var lifetime: UInt32 = 0
  /// The topic's checksum.
  var topic: UInt32 = 0
  /// The checksum of topic and payload.
  var bodyChecksum: UInt32 = 0
  var payloadCount: UInt16 = 0
  var contentFormat: UInt16 = 0

  static var count: Int { 64 }
  static var maxTopicCount: Int { 128 }
  static var maxPayloadCount: Int { 1024 }
  static var statusOffset: Int { 4 }
  static var triesOffset: Int { 8 }
  static var rightMagic: UInt32 { 0x0252_424E }

  var bodyCount: Int { Int(topicCount) &+ Int(payloadCount) }

  /// 0 to 7.
  var priority: UInt8 { rank & 7 }

  /// Whether it and the record before it became durable by the same sync.
  ///
  /// So a place that is damaged is told from one that was being written when the power went.
  var isContinuation: Bool { rank & 0x80 != 0 }

  /// Sets the priority, at most 7, and whether it continues the record before it.
  mutating func rank(_ priority: UInt8, isContinuation: Bool) {
    rank = min(priority, 7) | (isContinuation ? 0x80 : 0)
  }

  /// How many bytes the record takes, with zeros up to a multiple of 8.
  var size: Int { (Self.count &+ bodyCount &+ 7) & ~7 }

  /// The number of attempts without acceptance; 0 if the two copies differ.
  var attempts: UInt8 {
    get {
      let count = UInt8(truncatingIfNeeded: tries)
      return UInt8(truncatingIfNeeded: tries &>> 8) == ~count ? count : 0
    }
    set { tries = UInt16(newValue) | UInt16(~newValue) &<< 8 }
  }

  /// Whether the record waits.
  ///
  /// One damaged byte sets at most 8 bits of a status of 0, and clears at most 4 of any other, so
  /// neither is mistaken for the other: damage neither loses a record nor sends one twice.
  var isPending: Bool {
    var rest = status
    var bits = 0
    // A loop: `nonzeroBitCount` takes three times the code without an instruction for it.
    while rest != 0 {
      rest &= rest &- 1
      bits &+= 1
    }
    return bits < 12
  }

  /// Where among the first `count` bytes of a sector a record may begin, at a multiple of 8.
  static func place(in sector: borrowing InlineArray<64, UInt64>, within count: Int) -> Int? {
    for index in 0..<(count / 8) {
      let word = UInt32(truncatingIfNeeded: UInt64(littleEndian: sector[index]))
      if word == UInt32(littleEndian: rightMagic) { return index &* 8 }
    }
    return nil
  }

  /// Whether this version wrote it at that place of the file.
  @inline(never)
  mutating func isWhole(at offset: Int, _ nonce: UInt64) -> Bool {
    magic == Self.rightMagic && headChecksum == rightChecksum(at: offset, nonce)
      // A checksum may also match by chance.
      && id &- 1 < 1 &<< 62 && topicCount <= Self.maxTopicCount
      && payloadCount <= Self.maxPayloadCount
  }

  /// Makes it valid for this version at that offset; only status and attempts change afterwards.
  @inline(never)
  mutating func seal(at offset: Int, _ nonce: UInt64) {
    magic = Self.rightMagic
    headChecksum = rightChecksum(at: offset, nonce)
  }

  /// The correct checksum of the head.
  @inline(never)
  private mutating func rightChecksum(at offset: Int, _ nonce: UInt64) -> UInt32 {
    let start = UInt32(truncatingIfNeeded: nonce) ^ UInt32(truncatingIfNeeded: offset)
    // SAFETY: the bytes of a value without padding, used while it stays in place.
    return unsafe withUnsafeBytes(of: &self) { bytes in
      let all = unsafe bytes.bytes
      let sum = checksum(all.extracting(0..<4), after: start)
      return checksum(all.extracting(16..<64), after: checksum(all.extracting(10..<12), after: sum))
    }
  }
}

/// A record as in the file, except for the zeros at its end.
struct OutboxRecord {
  var head = OutboxHead()
  /// Topic and payload.
  var body = InlineArray<1152, UInt8>(repeating: 0)

  /// The correct checksum of the body.
  ///
  /// Mutating although it changes nothing, because it would be computed on a copy otherwise.
  @inline(never)
  mutating func bodyChecksum(of count: Int, after start: UInt32) -> UInt32 {
    // SAFETY: the bytes of a value without padding, used while it stays in place.
    unsafe withUnsafeBytes(of: &body) { bytes in
      checksum(unsafe bytes.bytes.extracting(first: count), after: start)
    }
  }

  /// Whether the body is the one that was written with the head.
  mutating func isWhole(_ nonce: UInt64) -> Bool { head.bodyChecksum == bodySum(nonce) }

  /// Makes it valid for this version at that offset of the file.
  mutating func seal(at offset: Int, _ nonce: UInt64) {
    head.bodyChecksum = bodySum(nonce)
    head.seal(at: offset, nonce)
  }

  private mutating func bodySum(_ nonce: UInt64) -> UInt32 {
    bodyChecksum(of: head.bodyCount, after: UInt32(truncatingIfNeeded: nonce &>> 32))
  }

  /// Takes topic and payload, with the head's id in the place of each `mark`, unless that is empty; `false`
  /// where one of them is too long.
  mutating func fill(_ topic: Span<UInt8>, _ payload: Span<UInt8>, _ mark: Span<UInt8>) -> Bool {
    guard topic.count <= OutboxHead.maxTopicCount else { return false }
    let id = head.id
    var writer = ByteWriter(body.mutableSpan)
    do throws(CapacityError) {
      try writer.append(topic)
      try writer.append(payload, replacing: mark, with: id)
    } catch {
      return false
    }
    let count = writer.count &- topic.count
    head.topicCount = UInt8(truncatingIfNeeded: topic.count)
    head.payloadCount = UInt16(truncatingIfNeeded: count)
    head.topic = bodyChecksum(of: topic.count, after: 0)
    return count <= OutboxHead.maxPayloadCount
  }
}

/// The result of reading a record.
enum OutboxReading {
  case whole
  /// Its bytes are permanently not those that were written.
  case damaged
  /// It could not be read now, but perhaps later.
  case failed
}

/// The end of a record; written over its status in place.
///
/// Any two of them, and zero for a waiting record, differ in 16 bits, half of each byte.
enum OutboxStatus {
  static var delivered: UInt32 { 0x5A5A_5A5A }
  static var superseded: UInt32 { 0x3C3C_3C3C }
  static var expired: UInt32 { 0x6969_6969 }
  static var dropped: UInt32 { 0x9696_9696 }
  static var damaged: UInt32 { 0xC3C3_C3C3 }
  static var givenUp: UInt32 { 0xA5A5_A5A5 }
}
