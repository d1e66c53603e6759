internal import CPOSIX
internal import ConstrainedCore

/// A session with the bytes in memory that it has in the file, but for unused ones at the end.
///
/// Numbers are in the machine's byte order, for the file does not leave the machine.
struct SessionImage {
  /// "NBSN".
  var magic = Self.rightMagic
  var version: UInt32 = 1
  /// Written over in place, within one sector, which a disk writes whole or not at all.
  var ceiling = SessionCeiling(0, for: 0)
  /// Of all but the ceiling.
  var recordChecksum: UInt32 = 0
  var obtainedAt: UInt64 = 0
  var fingerprintCount: UInt16 = 0
  var tokenCount: UInt16 = 0
  var randomCount: UInt16 = 0
  var channelCount: UInt16 = 0
  /// Fingerprint, token, random and channel.
  var contents = InlineArray<2304, UInt8>(repeating: 0)

  static var headCount: Int { 40 }
  static var ceilingOffset: Int { 8 }
  private static var rightMagic: UInt32 { 0x4E53_424E }

  /// How many bytes of the file it takes.
  var count: Int {
    Self.headCount &+ Int(fingerprintCount) &+ Int(tokenCount) &+ Int(randomCount)
      &+ Int(channelCount)
  }

  /// What the record's checksum must be; the count must be right.
  var rightRecordChecksum: UInt32 {
    mutating get {
      let end = count
      // SAFETY: the bytes of a value without padding, used while it stays where it is.
      return unsafe withUnsafeBytes(of: &self) { bytes in
        let all = unsafe bytes.bytes
        return checksum(all.extracting(24..<end), after: checksum(all.extracting(0..<8)))
      }
    }
  }

  /// What is wrong with it, of which `read` bytes were read.
  mutating func damage(read: Int) -> SessionDamage? {
    if read < Self.headCount { return .length }
    if magic != Self.rightMagic { return .head }
    if version != 1 { return .version }
    if read != count || tokenCount > 192 || randomCount > 32 || channelCount > 2048
      || fingerprintCount > 32
    {
      return .length
    }
    if recordChecksum != rightRecordChecksum { return .record }
    return ceiling.checksum == SessionCeiling(ceiling.number, for: recordChecksum).checksum
      ? nil : .reservation
  }

  /// Hands over an image that has been found to be undamaged; says whether it has that fingerprint.
  @inline(never)
  mutating func copy(to record: inout SessionRecord, for fingerprint: Span<UInt8>) -> Bool {
    var end = Int(fingerprintCount)
    if end != fingerprint.count { return false }
    for index in 0..<end where contents[index] != fingerprint[index] { return false }
    end = 0
    record.fingerprint.fill { take(fingerprintCount, to: $0, from: &end) }
    record.token.fill { take(tokenCount, to: $0, from: &end) }
    record.random.fill { take(randomCount, to: $0, from: &end) }
    record.channel.fill { take(channelCount, to: $0, from: &end) }
    record.obtainedAt = obtainedAt
    record.ceiling = ceiling.number
    return true
  }

  /// Mutating, though it changes nothing: else it would get a copy, whose secrets nobody wipes.
  @inline(never)
  private mutating func take(
    _ count: UInt16,
    to field: consuming MutableSpan<UInt8>,
    from start: inout Int
  ) -> Int {
    for index in 0..<Int(count) { field[index] = contents[start &+ index] }
    start &+= Int(count)
    return Int(count)
  }

  /// Takes what is to be stored.
  @inline(never)
  mutating func copy(from record: borrowing SessionRecord) {
    obtainedAt = record.obtainedAt
    var end = 0
    fingerprintCount = put(record.fingerprint.bytes, at: &end)
    tokenCount = put(record.token.bytes, at: &end)
    randomCount = put(record.random.bytes, at: &end)
    channelCount = put(record.channel.bytes, at: &end)
    recordChecksum = rightRecordChecksum
    ceiling = SessionCeiling(record.ceiling, for: recordChecksum)
  }

  @inline(never)
  private mutating func put(_ field: Span<UInt8>, at end: inout Int) -> UInt16 {
    for index in field.indices { contents[end &+ index] = field[index] }
    end &+= field.count
    return UInt16(truncatingIfNeeded: field.count)
  }

  /// Leaves nothing of the token and the keys in memory.
  @inline(never)
  mutating func wipe() {
    // SAFETY: the pointer covers exactly the value and does not outlive the call.
    unsafe withUnsafeMutableBytes(of: &self) { bytes in
      unsafe explicit_bzero(bytes.baseAddress.unsafelyUnwrapped, bytes.count)
    }
  }
}

/// The highest number that may be used, 12 bytes.
struct SessionCeiling {
  let number: UInt64
  /// Continued from the record's: a number that was reserved for another record is refused.
  let checksum: UInt32

  init(_ number: UInt64, for recordChecksum: UInt32) {
    self.number = number
    // SAFETY: the value's own bytes, used while it stays where it is.
    checksum = unsafe withUnsafeBytes(of: number) {
      unsafe DeviceStore.checksum($0.bytes, after: recordChecksum)
    }
  }
}
