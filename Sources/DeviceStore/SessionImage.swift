internal import CPOSIX
internal import ConstrainedCore

/// A session with the bytes in memory that it has in the file, but for unused ones at the end.
///
/// Numbers are in the machine's byte order, for the file does not leave the machine. Whatever looks at
/// it is mutating, also where it changes nothing: else it would get a copy, whose secrets nobody wipes.
struct SessionImage {
  /// "NBSN".
  private var magic: UInt32 = 0
  private var version: UInt32 = 0
  /// Written over in place, within one sector, which a disk writes whole or not at all.
  private(set) var ceiling = SessionCeiling()
  /// Of all but the ceiling.
  private(set) var recordChecksum: UInt32 = 0
  /// The higher one of two counts.
  private(set) var generation: UInt64 = 0
  private var obtainedAt = KeptTime()
  /// How many bytes fingerprint, token, random and channel have.
  private var counts = InlineArray<4, UInt16>(repeating: 0)
  /// Fingerprint, token, random and channel.
  private var contents = InlineArray<2304, UInt8>(repeating: 0)

  // Not in the file: where `move` has come to.

  private var isForFile = false
  private var index = 0
  private var end = 0

  static var ceilingOffset: Int { 8 }
  /// How far apart the two places for it are in the file.
  static var spacing: Int { 4_096 }
  /// How many bytes of the file it takes at most.
  static var maxCount: Int { headCount &+ 2304 }
  private static var headCount: Int { 56 }
  private static var rightMagic: UInt32 { 0x4E53_424E }
  /// Its first 8 bytes as they are in the file: magic, then version.
  static var rightHead: UInt64 {
    #if _endian(little)
    UInt64(rightMagic) | 2 &<< 32
    #else
    UInt64(rightMagic) &<< 32 | 2
    #endif
  }

  /// How many bytes of the file it takes.
  var count: Int {
    @inline(never)
    mutating get {
      var count = Self.headCount
      for index in counts.indices { count &+= Int(counts[index]) }
      return count
    }
  }

  /// What the record's checksum must be; the count must be right.
  private var rightRecordChecksum: UInt32 {
    @inline(never)
    mutating get {
      let end = count
      // SAFETY: the bytes of a value without padding, used while it stays where it is.
      return unsafe withUnsafeBytes(of: &self) { bytes in
        let all = unsafe bytes.bytes
        return checksum(all.extracting(24..<end), after: checksum(all.extracting(0..<8)))
      }
    }
  }

  /// What was found, when `read` bytes of it were read.
  mutating func finding(read: Int) -> SessionFinding {
    if read < Self.headCount { return read == 0 ? .none : .damaged(.length) }
    if magic == 0, version == 0 { return .none }
    if magic != Self.rightMagic { return .damaged(.head) }
    if version != 2 { return .damaged(.version) }
    if read < count { return .damaged(.length) }
    if recordChecksum != rightRecordChecksum { return .damaged(.record) }
    return ceiling.checksum == ceiling.rightChecksum(after: recordChecksum)
      ? .found : .damaged(.reservation)
  }

  /// Hands over an image that has been found to be undamaged, of whatever fingerprint; says what it
  /// turns out to be.
  mutating func copy(
    to record: inout SessionRecord,
    for fingerprint: borrowing FixedBytes<32>
  ) -> SessionFinding {
    if !copyFields(&record) { return .damaged(.length) }
    record.obtainedAt = obtainedAt
    record.ceiling = ceiling.number
    return record.fingerprint == fingerprint ? .found : .foreign
  }

  /// Takes what is to be stored; the record stays as it is.
  mutating func copy(from record: inout SessionRecord, generation: UInt64) {
    self.generation = generation
    magic = Self.rightMagic
    version = 2
    isForFile = true
    _ = copyFields(&record)
    obtainedAt = record.obtainedAt
    recordChecksum = rightRecordChecksum
    ceiling.seal(record.ceiling, after: recordChecksum)
  }

  /// Copies the fields one way or the other; `false` when one is too long for the record.
  @inline(never)
  private mutating func copyFields(_ record: inout SessionRecord) -> Bool {
    copy(&record.fingerprint) && copy(&record.token) && copy(&record.random)
      && copy(&record.channel)
  }

  @inline(__always)
  private mutating func copy<let capacity: Int>(_ field: inout FixedBytes<capacity>) -> Bool {
    field.withParts { copy(&$0, &$1) }
  }

  /// Copies the next field, so that one function does for each capacity.
  @inline(never)
  private mutating func copy(_ field: inout MutableSpan<UInt8>, _ fieldCount: inout Int) -> Bool {
    if isForFile { counts[index] = UInt16(truncatingIfNeeded: fieldCount) }
    let count = Int(counts[index])
    if count > field.count { return false }
    fieldCount = count
    index &+= 1
    for offset in 0..<count {
      if isForFile { contents[end] = field[offset] } else { field[offset] = contents[end] }
      end &+= 1
    }
    return true
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
  private(set) var number: UInt64 = 0
  /// Continued from the record's: a number that was reserved for another record is refused.
  private(set) var checksum: UInt32 = 0

  /// What the checksum must be after that of the record.
  @inline(never)
  mutating func rightChecksum(after recordChecksum: UInt32) -> UInt32 {
    // SAFETY: the value's own bytes, used while it stays where it is.
    unsafe withUnsafeBytes(of: &number) {
      unsafe DeviceStore.checksum($0.bytes, after: recordChecksum)
    }
  }

  /// Becomes that number.
  mutating func seal(_ number: UInt64, after recordChecksum: UInt32) {
    self.number = number
    checksum = rightChecksum(after: recordChecksum)
  }
}
