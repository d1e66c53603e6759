// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// A session in memory with the layout of the file, except for unused bytes at the end.
///
/// Numbers are in native byte order, because the file does not leave the machine. All functions
/// that access it are mutating, even if they change nothing: otherwise they would get a copy whose
/// secrets nobody wipes.
struct SessionImage {
  /// "NBSN".
  private var magic: UInt32 = 0
  private var version: UInt32 = 0
  /// Overwritten in place, within one sector, which a disk writes completely or not at all.
  private(set) var ceiling = SessionCeiling()
  /// The checksum of everything but the ceiling.
  private(set) var recordChecksum: UInt32 = 0
  /// The valid slot is the one with the higher count.
  private(set) var generation: UInt64 = 0
  private var obtainedAt = KeptTime()
  /// The lengths of fingerprint, token, random and channel.
  private var counts = InlineArray<4, UInt16>(repeating: 0)
  /// Fingerprint, token, random and channel.
  private var contents = InlineArray<2304, UInt8>(repeating: 0)

  // Not in the file: the position of `move`.

  private var isForFile = false
  private var index = 0
  private var end = 0

  static var ceilingOffset: Int { 8 }
  /// The distance between its two slots in the file.
  static var spacing: Int { 4_096 }
  /// The maximum number of bytes in the file.
  static var maxCount: Int { headCount &+ 2304 }
  private static var headCount: Int { 56 }
  private static var rightMagic: UInt32 { 0x4E53_424E }
  /// The first 8 bytes in the file: magic, then version.
  static var rightHead: UInt64 {
    #if _endian(little)
    UInt64(rightMagic) | 2 &<< 32
    #else
    UInt64(rightMagic) &<< 32 | 2
    #endif
  }

  /// The number of bytes in the file.
  var count: Int {
    @inline(never)
    mutating get {
      var count = Self.headCount
      for index in counts.indices { count &+= Int(counts[index]) }
      return count
    }
  }

  /// The correct checksum of the record; the count must be right.
  private var rightRecordChecksum: UInt32 {
    @inline(never)
    mutating get {
      let end = count
      // SAFETY: the bytes of a value without padding, used while it stays in place.
      return unsafe withUnsafeBytes(of: &self) { bytes in
        let all = unsafe bytes.bytes
        return checksum(all.extracting(24..<end), after: checksum(all.extracting(0..<8)))
      }
    }
  }

  /// The result of checking `read` bytes.
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

  /// Copies an undamaged image, of whatever fingerprint, into a record; returns what kind it is.
  mutating func copy(
    to record: inout SessionRecord,
    for fingerprint: borrowing FixedBytes<32>
  ) -> SessionFinding {
    if !copyFields(&record) { return .damaged(.length) }
    record.obtainedAt = obtainedAt
    record.ceiling = ceiling.number
    return record.fingerprint == fingerprint ? .found : .foreign
  }

  /// Copies a record to be stored; the record does not change.
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

  /// Copies the fields in one direction; returns `false` if one is too long for the record.
  @inline(never)
  private mutating func copyFields(_ record: inout SessionRecord) -> Bool {
    copy(&record.fingerprint) && copy(&record.token) && copy(&record.random)
      && copy(&record.channel)
  }

  @inline(__always)
  private mutating func copy<let capacity: Int>(_ field: inout FixedBytes<capacity>) -> Bool {
    field.withParts { copy(&$0, &$1) }
  }

  /// Copies the next field; one function serves all capacities.
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

  /// Wipes the token and the keys from memory.
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

  /// The correct checksum after that of the record.
  @inline(never)
  mutating func rightChecksum(after recordChecksum: UInt32) -> UInt32 {
    // SAFETY: the value's own bytes, used while it stays where it is.
    unsafe withUnsafeBytes(of: &number) {
      unsafe DeviceStore.checksum($0.bytes, after: recordChecksum)
    }
  }

  /// Sets the number and its checksum.
  mutating func seal(_ number: UInt64, after recordChecksum: UInt32) {
    self.number = number
    checksum = rightChecksum(after: recordChecksum)
  }
}
