// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
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
  /// The priority, then the payload's length beyond 16 bits, and in the highest bit whether it was added together with
  /// the record before it.
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
  private var lowCount: UInt16 = 0
  var contentFormat: UInt16 = 0

  static var count: Int { 64 }
  static var maxTopicCount: Int { 128 }
  /// The longest payload of a file of version 2.
  static var shortPayloadCount: Int { 1024 }
  static var statusOffset: Int { 4 }
  static var triesOffset: Int { 8 }
  static var rightMagic: UInt32 { 0x0252_424E }

  #if SMALL_REPORTS
  static var maxPayloadCount: Int { shortPayloadCount }

  /// The payload's length.
  var payloadCount: Int {
    get { Int(lowCount) }
    set { lowCount = UInt16(truncatingIfNeeded: newValue) }
  }
  #else
  /// 128 KB, the most that a transport takes: HTTPS (device guide 3.7).
  static var maxPayloadCount: Int { 131_072 }

  /// The payload's length: bits 3 to 5 of `rank` and 16 bits of its own.
  var payloadCount: Int {
    get { Int(rank & 0x38) &<< 13 | Int(lowCount) }
    set {
      lowCount = UInt16(truncatingIfNeeded: newValue)
      rank = rank & ~0x38 | UInt8(truncatingIfNeeded: newValue &>> 13) & 0x38
    }
  }
  #endif

  var bodyCount: Int { Int(topicCount) &+ payloadCount }

  /// Whether a file of version 2 cannot have it.
  var isLarge: Bool { payloadCount > Self.shortPayloadCount }

  /// 0 to 7.
  var priority: UInt8 { rank & 7 }

  /// Whether it and the record before it became durable by the same sync.
  ///
  /// So a place that is damaged is told from one that was being written when the power went.
  var isContinuation: Bool { rank & 0x80 != 0 }

  /// Sets the priority, at most 7, and whether it continues the record before it.
  mutating func rank(_ priority: UInt8, isContinuation: Bool) {
    #if SMALL_REPORTS
    rank = min(priority, 7) | (isContinuation ? 0x80 : 0)
    #else
    rank = rank & 0x38 | min(priority, 7) | (isContinuation ? 0x80 : 0)
    #endif
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
#if SMALL_REPORTS
struct OutboxRecord {
  var head = OutboxHead()
  /// Topic and payload.
  var body = InlineArray<1152, UInt8>(repeating: 0)
}
#else
///
/// Where payloads may have more than 1,024 bytes it is in memory of its own, made once.
///
/// Public only because the Embedded build must see how a part of a public value ends.
@safe
public struct OutboxRecord: ~Copyable {
  /// The head, and topic and payload unless they are in `memory`.
  var small = Small()
  /// A head's place, and topic and payload behind it; the system gives the pages that are used.
  private var memory: UnsafeMutableRawPointer?
  /// The longest payload that is taken.
  private(set) var limit = OutboxHead.shortPayloadCount

  /// As in the file.
  struct Small {
    var head = OutboxHead()
    var body = InlineArray<1152, UInt8>(repeating: 0)
  }

  init() {}

  deinit { unsafe free(memory) }

  var head: OutboxHead {
    get { small.head }
    set { small.head = newValue }
  }

  /// Makes room for payloads of up to `limit` bytes; `false` where there is no memory.
  ///
  /// Beyond 1,024 bytes it is room for the longest of all: the file may have payloads from when the limit was higher.
  mutating func prepare(_ limit: Int) -> Bool {
    self.limit = max(OutboxHead.shortPayloadCount, min(limit, OutboxHead.maxPayloadCount))
    if self.limit == OutboxHead.shortPayloadCount { return true }
    if unsafe memory == nil { unsafe memory = calloc(1, OutboxHead.count &+ Self.mostBytes) }
    return takesLarge
  }

  private static var mostBytes: Int { OutboxHead.maxTopicCount &+ OutboxHead.maxPayloadCount }

  /// Whether there is room for payloads of more than 1,024 bytes.
  var takesLarge: Bool { unsafe memory != nil }

  /// How many bytes topic and payload may have.
  var room: Int { takesLarge ? Self.mostBytes : small.body.count }

  /// Topic and payload, and what is behind them, of a record that takes large ones.
  var large: UnsafeMutableRawBufferPointer {
    @unsafe
    get {
      // SAFETY: the memory has a head's place and so many bytes.
      let start = unsafe memory.map { unsafe $0 + OutboxHead.count }
      return unsafe UnsafeMutableRawBufferPointer(start: start, count: start == nil ? 0 : room)
    }
  }

  /// The whole of such a record, with its head.
  var whole: UnsafeMutableRawPointer? {
    @unsafe
    get {
      unsafe memory?.storeBytes(of: head, as: OutboxHead.self)
      return unsafe memory
    }
  }
}
#endif

extension OutboxRecord {
  /// Topic and payload, and what is behind them.
  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      #if !SMALL_REPORTS
      if takesLarge {
        // SAFETY: the memory stays as long as this value, and only a mutating call changes it.
        let bytes = unsafe Span<UInt8>(_bytes: UnsafeRawBufferPointer(large).bytes)
        return unsafe _overrideLifetime(bytes, borrowing: self)
      }
      return small.body.span
      #else
      return body.span
      #endif
    }
  }

  /// The correct checksum of the body.
  ///
  /// Mutating although it changes nothing, because it would be computed on a copy otherwise.
  @inline(never)
  mutating func bodyChecksum(of count: Int, after start: UInt32) -> UInt32 {
    #if !SMALL_REPORTS
    return checksum(unsafe bytes.bytes.extracting(first: count), after: start)
    #else
    // SAFETY: the bytes of a value without padding, used while it stays in place.
    unsafe withUnsafeBytes(of: &body) { bytes in
      checksum(unsafe bytes.bytes.extracting(first: count), after: start)
    }
    #endif
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
    #if SMALL_REPORTS
    var writer = ByteWriter(body.mutableSpan)
    do throws(CapacityError) {
      try writer.append(topic)
      try writer.append(payload, replacing: mark, with: id)
    } catch {
      return false
    }
    let count = writer.count &- topic.count
    #else
    let written: Int?
    if takesLarge {
      // SAFETY: nothing else uses the memory meanwhile.
      let room = unsafe MutableSpan(_unsafeElements: large.bindMemory(to: UInt8.self))
      written = Self.write(topic, payload, mark, id, into: ByteWriter(room))
    } else {
      written = Self.write(topic, payload, mark, id, into: ByteWriter(small.body.mutableSpan))
    }
    guard let count = written, count <= limit else { return false }
    #endif
    head.topicCount = UInt8(truncatingIfNeeded: topic.count)
    head.payloadCount = count
    head.topic = bodyChecksum(of: topic.count, after: 0)
    return count <= OutboxHead.maxPayloadCount
  }

  #if !SMALL_REPORTS
  /// Writes topic and payload; the length of the latter, `nil` where they do not fit.
  private static func write(
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>,
    _ mark: Span<UInt8>,
    _ id: UInt64,
    into writer: consuming ByteWriter
  ) -> Int? {
    do throws(CapacityError) {
      try writer.append(topic)
      try writer.append(payload, replacing: mark, with: id)
    } catch {
      return nil
    }
    return writer.count &- topic.count
  }
  #endif
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
