internal import CPOSIX
internal import ConstrainedCore

/// The device's session in one file, `session`: the record, written anew and put in place as a whole,
/// and the highest number that may be used, written over in place.
///
/// Both have a checksum, and that of the number covers the record's, too. Any doubt about either means
/// that the session is not used, which costs one authentication: no number may be used twice under
/// one token.
///
/// Order of calls: `load` once, `replace` for each new session, `reserve` before a number above the
/// ceiling is used, `forget` when the session is over.
public struct SessionStore: ~Copyable {
  private let directory: StoreFile
  private var file = StoreFile(descriptor: -ENOENT)
  private var ceiling: UInt64 = 0
  private var recordChecksum: UInt32 = 0

  /// What was written so far.
  public private(set) var writes = StoreWrites()

  /// Keeps the directory open, and removes what an interrupted replacement left in it.
  public init(_ directory: borrowing StateDirectory) {
    self.directory = StoreFile(copying: directory.file)
    StoreFile.remove(Self.temporaryName, in: self.directory)
  }

  /// Reads the session that belongs to `fingerprint`; changes `record` only when it was found.
  public mutating func load(
    for fingerprint: Span<UInt8>,
    into record: inout SessionRecord
  ) throws(StoreError) -> SessionFinding {
    file = StoreFile(descriptor: -ENOENT)
    let opened = StoreFile(in: directory, name: Self.name, flags: O_RDWR)
    switch opened.code {
    case ENOENT: return .none
    case ELOOP, EACCES, EPERM, ENXIO: return .notPrivate
    case let code where !opened.isOpen: throw .open(code: code)
    default: break
    }
    guard try opened.privacy() == .isPrivate else { return .notPrivate }
    // The process that put this file in place may have been killed before its name was durable. Were
    // numbers reserved in it then, a power cut could bring the former file back, with the same token
    // and a lower ceiling.
    try directory.sync(all: true, counting: &writes)
    var storage = InlineArray<2345, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    defer { Self.wipe(&bytes) }
    let count = opened.read(bytes.count, into: &bytes, at: 0)
    guard count >= 0 else { throw .read(code: 0 &- Int32(truncatingIfNeeded: count)) }
    let finding = read(bytes.span.extracting(first: count), for: fingerprint, into: &record)
    if finding == .found { file = opened }
    return finding
  }

  /// Stores a session in the place of the former one; `record.fingerprint` must be complete.
  ///
  /// When it throws either of the two may be found later, and `reserve` refuses until the next
  /// success: no number above `record.ceiling` may then be used under this token, unless `forget`
  /// succeeds.
  public mutating func replace(with record: borrowing SessionRecord) throws(StoreError) {
    file = StoreFile(descriptor: -ENOENT)
    var storage = InlineArray<2345, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    defer { Self.wipe(&bytes) }
    let count = write(record, into: &bytes)
    let made = try StoreFile.makeTemporary(in: directory, name: Self.temporaryName)
    do throws(StoreError) {
      try made.write(bytes.span.extracting(first: count), at: 0, counting: &writes)
      try made.take(
        Self.name,
        insteadOf: Self.temporaryName,
        in: directory,
        counting: &writes
      )
    } catch {
      StoreFile.remove(Self.temporaryName, in: directory)
      throw error
    }
    try directory.sync(all: true, counting: &writes)
    file = made
  }

  /// Lets numbers up to `ceiling` be used, also after a power cut; a lower one than before changes
  /// nothing.
  ///
  /// 12 bytes written over in place, which needs no room on a full disk, and one sync. When it throws
  /// no number above the former ceiling may be used; it may be called again.
  public mutating func reserve(upTo ceiling: UInt64) throws(StoreError) {
    guard file.isOpen else { throw .noSession }
    guard ceiling > self.ceiling else { return }
    var storage = InlineArray<12, UInt8>(repeating: 0)
    var bytes = storage.mutableSpan
    writeSlot(ceiling, at: 0, into: &bytes)
    // A power cut amid this write leaves a wrong checksum, never a wrong number. After a failure the
    // next call writes the bytes again, so that its sync has something to tell of.
    try file.write(bytes.span, at: Layout.slot, counting: &writes)
    try file.sync(all: false, counting: &writes)
    self.ceiling = ceiling
  }

  /// Removes the session.
  public mutating func forget() throws(StoreError) {
    file = StoreFile(descriptor: -ENOENT)
    let code = StoreFile.remove(Self.name, in: directory)
    guard code == 0 || code == ENOENT else { throw .remove(code: code) }
    // Also when there was none: an earlier call may have come only so far.
    try directory.sync(all: true, counting: &writes)
  }

  private mutating func read(
    _ bytes: Span<UInt8>,
    for fingerprint: Span<UInt8>,
    into record: inout SessionRecord
  ) -> SessionFinding {
    guard bytes.count >= Layout.contents else { return .damaged(.length) }
    guard number(4, at: 0, of: bytes) == Layout.magic else { return .damaged(.head) }
    guard number(4, at: 4, of: bytes) == Layout.version else { return .damaged(.version) }
    var ends = InlineArray<5, Int>(repeating: Layout.contents)
    for index in 0..<4 {
      let count = number(2, at: Layout.counts + 2 * index, of: bytes)
      ends[index + 1] = ends[index] + Int(truncatingIfNeeded: count)
    }
    guard bytes.count == ends[4] else { return .damaged(.length) }
    let sum = Layout.checksum(of: bytes)
    guard number(4, at: Layout.recordChecksum, of: bytes) == UInt64(widening: sum) else {
      return .damaged(.record)
    }
    recordChecksum = sum
    let slot = bytes.extracting(Layout.slot..<Layout.slot + 12)
    let stored = number(8, at: 0, of: slot)
    guard number(4, at: 8, of: slot) == UInt64(widening: slotChecksum(slot)) else {
      return .damaged(.reservation)
    }
    guard bytes.extracting(ends[0]..<ends[1]).isEqual(to: fingerprint) else { return .foreign }
    do throws(CapacityError) {
      try record.token.replace(with: bytes.extracting(ends[1]..<ends[2]))
      try record.random.replace(with: bytes.extracting(ends[2]..<ends[3]))
      try record.channel.replace(with: bytes.extracting(ends[3]..<ends[4]))
      try record.fingerprint.replace(with: fingerprint)
    } catch {
      return .damaged(.length)
    }
    record.obtainedAt = number(8, at: Layout.obtainedAt, of: bytes)
    record.ceiling = stored
    ceiling = stored
    return .found
  }

  private mutating func write(
    _ record: borrowing SessionRecord,
    into bytes: inout MutableSpan<UInt8>
  ) -> Int {
    put(Layout.magic, 4, at: 0, in: &bytes)
    put(Layout.version, 4, at: 4, in: &bytes)
    put(record.obtainedAt, 8, at: Layout.obtainedAt, in: &bytes)
    var end = Layout.contents
    Self.append(record.fingerprint.bytes, 0, at: &end, in: &bytes)
    Self.append(record.token.bytes, 1, at: &end, in: &bytes)
    Self.append(record.random.bytes, 2, at: &end, in: &bytes)
    Self.append(record.channel.bytes, 3, at: &end, in: &bytes)
    recordChecksum = Layout.checksum(of: bytes.span.extracting(first: end))
    put(UInt64(widening: recordChecksum), 4, at: Layout.recordChecksum, in: &bytes)
    writeSlot(record.ceiling, at: Layout.slot, into: &bytes)
    ceiling = record.ceiling
    return end
  }

  @inline(never)
  private static func append(
    _ field: Span<UInt8>,
    _ index: Int,
    at end: inout Int,
    in bytes: inout MutableSpan<UInt8>
  ) {
    let count = UInt64(widening: UInt16(truncatingIfNeeded: field.count))
    put(count, 2, at: Layout.counts + 2 * index, in: &bytes)
    for index in field.indices { bytes[end + index] = field[index] }
    end += field.count
  }

  private func writeSlot(_ ceiling: UInt64, at offset: Int, into bytes: inout MutableSpan<UInt8>) {
    put(ceiling, 8, at: offset, in: &bytes)
    let sum = slotChecksum(bytes.span.extracting(offset..<offset + 8))
    put(UInt64(widening: sum), 4, at: offset + 8, in: &bytes)
  }

  /// Continued from the record's checksum: a number that was reserved for another record is refused.
  private func slotChecksum(_ slot: Span<UInt8>) -> UInt32 {
    checksum(slot.extracting(first: 8), after: recordChecksum)
  }

  private static func wipe(_ bytes: inout MutableSpan<UInt8>) {
    // SAFETY: the pointer covers exactly the span and does not outlive the call.
    unsafe bytes.withUnsafeMutableBytes { all in
      unsafe explicit_bzero(all.baseAddress.unsafelyUnwrapped, all.count)
    }
  }

  private static var name: StaticString { "session" }
  private static var temporaryName: StaticString { "session.new" }
}

/// The file's bytes, every number with its lowest byte first: magic 4, version 4, ceiling 8, its
/// checksum 4, the record's checksum 4, obtainedAt 8, lengths of the four fields 2 each, then
/// fingerprint, token, random and channel: at most 2,344, and a buffer of 2,345 shows a longer file.
private enum Layout {
  /// "NBSN".
  static var magic: UInt64 { 0x4E53_424E }
  static var version: UInt64 { 1 }
  /// Within one sector, which a disk writes whole or not at all.
  static var slot: Int { 8 }
  static var recordChecksum: Int { 20 }
  static var obtainedAt: Int { 24 }
  static var counts: Int { 32 }
  static var contents: Int { 40 }

  /// Of all but the slot and this checksum itself.
  static func checksum(of bytes: Span<UInt8>) -> UInt32 {
    DeviceStore.checksum(
      bytes.extracting(obtainedAt..<bytes.count),
      after: DeviceStore.checksum(bytes.extracting(first: 8))
    )
  }
}
