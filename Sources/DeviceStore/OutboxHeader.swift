internal import ConstrainedCore

/// What an outbox's file begins with, twice, in sectors of their own; 40 bytes.
///
/// The newer one counts. A change goes over the one that is not known to be durable, so that a power cut
/// amid it leaves the other. Records are checked with the nonce, which nobody outside knows: bytes in a payload are no
/// record, and neither is a record of the file's former contents.
struct OutboxHeader {
  /// "NBO" and the version, 2.
  private var magic: UInt32 = 0
  /// Of all the rest.
  private var checksum: UInt32 = 0
  /// What the checksums of this file's records start from: the lower half those of heads, the upper half
  /// those of bodies.
  var nonce: UInt64 = 0
  /// Counts the changes: two with the same count say the same.
  var generation: UInt64 = 0
  /// A number that was given out; those of the records may be higher.
  var lastID: UInt64 = 0
  /// Where the records are interrupted by bytes that are none, and where they go on.
  var holeStart: UInt32 = 0
  var holeEnd: UInt32 = 0

  static var count: Int { 40 }
  /// How far apart the two are.
  static var spacing: Int { 512 }
  /// Where records begin.
  static var recordsStart: Int { 560 }
  private static var rightMagic: UInt32 { 0x024F_424E }

  /// The version of what looks like a header and is none of this version; 0 where it does not.
  var foreignVersion: UInt8 {
    if (magic ^ Self.rightMagic) & 0x00FF_FFFF != 0 || magic == Self.rightMagic { return 0 }
    return UInt8(truncatingIfNeeded: magic &>> 24)
  }

  /// Whether it is as this version wrote it.
  var isWhole: Bool {
    @inline(never)
    mutating get { magic == Self.rightMagic && checksum == rightChecksum }
  }

  /// Makes it one that this version wrote.
  mutating func seal() {
    magic = Self.rightMagic
    checksum = rightChecksum
  }

  private var rightChecksum: UInt32 {
    @inline(never)
    mutating get {
      // SAFETY: the bytes of a value without padding, used while it stays where it is.
      unsafe withUnsafeBytes(of: &self) { bytes in
        DeviceStore.checksum(unsafe bytes.bytes.extracting(8..<40))
      }
    }
  }
}
