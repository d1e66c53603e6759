// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The header of an outbox's file, stored twice, in separate sectors; 40 bytes.
///
/// The newer copy is valid. A change overwrites the copy that is not known to be durable, so that a
/// power failure during the write leaves the other. Records are checked with the nonce, which is
/// unknown to outsiders: neither bytes in a payload nor records of the file's former contents pass
/// as records.
struct OutboxHeader {
  /// "NBO" and the version: 3 where payloads may be longer than 1,024 bytes, else 2.
  private var magic: UInt32 = 0
  /// The checksum of the other fields.
  private var checksum: UInt32 = 0
  /// The initial values of the checksums of this file's records: the lower half for heads, the
  /// upper half for bodies.
  var nonce: UInt64 = 0
  /// Counts the changes: copies with the same count are equal.
  var generation: UInt64 = 0
  /// An assigned number; those of the records may be higher.
  var lastID: UInt64 = 0
  /// The start and the end of a hole between the records.
  var holeStart: UInt32 = 0
  var holeEnd: UInt32 = 0

  static var count: Int { 40 }
  /// The distance between the two copies.
  static var spacing: Int { 512 }
  /// The offset of the first record.
  static var recordsStart: Int { 560 }
  private static var rightMagic: UInt32 { 0x024F_424E }

  /// The version of a header of another version; 0 if it is not one.
  var foreignVersion: UInt8 {
    if (magic ^ Self.rightMagic) & 0x00FF_FFFF != 0 || isOwn { return 0 }
    return UInt8(truncatingIfNeeded: magic &>> 24)
  }

  /// Whether it is intact and of this version.
  var isWhole: Bool {
    @inline(never)
    mutating get { isOwn && checksum == rightChecksum }
  }

  #if SMALL_REPORTS
  private var isOwn: Bool { magic == Self.rightMagic }

  /// Makes it valid for this version.
  mutating func seal() {
    magic = Self.rightMagic
    checksum = rightChecksum
  }
  #else
  private static var largeMagic: UInt32 { 0x034F_424E }
  static var largeVersion: UInt8 { 3 }

  private var isOwn: Bool { magic == Self.rightMagic || magic == Self.largeMagic }

  /// Whether the file may have payloads of more than 1,024 bytes, so that it is of version 3.
  ///
  /// Nothing else differs between the two versions.
  var takesLarge: Bool {
    get { magic == Self.largeMagic }
    set { magic = newValue ? Self.largeMagic : Self.rightMagic }
  }

  /// Makes it valid, for the version that it has, or else for version 2.
  mutating func seal() {
    if !takesLarge { magic = Self.rightMagic }
    checksum = rightChecksum
  }
  #endif

  private var rightChecksum: UInt32 {
    @inline(never)
    mutating get {
      #if SMALL_REPORTS
      let start: UInt32 = 0
      #else
      // A changed bit of the version must not make it the other one.
      let start = takesLarge ? Self.largeMagic : 0
      #endif
      // SAFETY: the bytes of a value without padding, used while it stays in place.
      return unsafe withUnsafeBytes(of: &self) { bytes in
        DeviceStore.checksum(unsafe bytes.bytes.extracting(8..<40), after: start)
      }
    }
  }
}
