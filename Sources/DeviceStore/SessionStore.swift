internal import CPOSIX
package import ConstrainedCore

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
  /// The session's file is open while numbers can be reserved in it.
  private var kept = KeptFile()
  private var ceiling: UInt64 = 0
  private var recordChecksum: UInt32 = 0
  /// What is written over the ceiling in the file.
  private var slot = SessionCeiling()

  /// What was written so far.
  public var writes: StoreWrites { kept.writes }

  /// Keeps the directory open.
  public init(_ directory: borrowing StateDirectory) {
    kept.join(directory)
  }

  /// One that `join` is to be called of before anything else: until then it is all zeros, which costs
  /// least as a part of something larger.
  package init() {}

  /// Keeps the directory open.
  package mutating func join(_ directory: borrowing StateDirectory) { kept.join(directory) }

  /// Reads the session that belongs to `fingerprint`; changes `record` only when it was found.
  public mutating func load(
    for fingerprint: Span<UInt8>,
    into record: inout SessionRecord
  ) throws(StoreError) -> SessionFinding {
    var found = SessionRecord()
    defer { Self.wipe(&found) }
    var wanted = FixedBytes<32>()
    // One that is too long is none that a session was stored with.
    let fits = (try? wanted.replace(with: fingerprint)) != nil
    var finding = SessionFinding.none
    try load(for: wanted, into: &found, &finding).check()
    if finding == .found, !fits {
      kept.file.close()
      finding = .foreign
    }
    if finding == .found { record = found }
    return finding
  }

  /// The same without a copy of the record, which holds nothing when the session was not found.
  @inline(never)
  package mutating func load(
    for fingerprint: borrowing FixedBytes<32>,
    into record: inout SessionRecord,
    _ finding: inout SessionFinding
  ) -> StoreResult {
    var image = SessionImage()
    let result = read(&image, &finding)
    if finding == .found { finding = image.copy(to: &record, for: fingerprint) }
    if finding != .found {
      kept.file.close()
      // Somebody else's, or a part.
      Self.wipe(&record)
    }
    ceiling = image.ceiling.number
    recordChecksum = image.recordChecksum
    image.wipe()
    return result
  }

  private mutating func read(
    _ image: inout SessionImage,
    _ finding: inout SessionFinding
  ) -> StoreResult {
    finding = .none
    kept.file.open(.session, in: kept.directory, flags: O_RDWR)
    if !kept.file.isOpen {
      switch kept.file.code {
      case ENOENT: break
      case ELOOP, EACCES, EPERM, EISDIR, ENXIO: finding = .notPrivate
      default: return StoreResult(.open, code: kept.file.code)
      }
      return .good
    }
    var found = FoundFile()
    var result = kept.file.look(&found)
    if result == StoreResult(.notPrivate) || found.isReadable {
      finding = .notPrivate
      return .good
    }
    if !result.isGood { return result }
    // The process that put this file in place may have been killed before its name was durable. Were
    // numbers reserved in it then, a power cut could bring the former file back, with the same token
    // and a lower ceiling.
    result = kept.syncDirectory()
    if !result.isGood { return result }
    let missing = kept.read(SessionImage.maxCount, into: &image, at: 0)
    if missing < 0 { return .failed(.read) }
    // A longer file than an image is not read whole.
    let read = SessionImage.maxCount &- missing
    finding = image.finding(read: found.count == read ? read : 0)
    return .good
  }

  /// Stores a session in the place of the former one.
  ///
  /// When it throws, either of the two may be found later, and `reserve` refuses until the next
  /// success: no number above `record.ceiling` may then be used under this token, unless `forget`
  /// succeeds.
  public mutating func replace(with record: borrowing SessionRecord) throws(StoreError) {
    var copy = copy record
    defer { Self.wipe(&copy) }
    try replace(with: &copy).check()
  }

  /// The same without a copy of the record, which is not changed.
  @inline(never)
  package mutating func replace(with record: inout SessionRecord) -> StoreResult {
    var image = SessionImage()
    image.copy(from: &record)
    ceiling = record.ceiling
    recordChecksum = image.recordChecksum
    kept.file.close()
    var result = kept.begin()
    if result.isGood {
      result = kept.finish(
        .session,
        after: kept.write(image.count, of: &image, at: 0, .writeAnew)
      )
    }
    if result.isGood { result = kept.syncDirectory() }
    if !result.isGood { kept.file.close() }
    image.wipe()
    return result
  }

  /// Lets numbers up to `ceiling` be used, also after a power cut; a lower one than before changes
  /// nothing.
  ///
  /// 12 bytes written over in place, which needs no room on a full disk, and one sync. When it throws
  /// no number above the former ceiling may be used; it may be called again.
  public mutating func reserve(upTo ceiling: UInt64) throws(StoreError) {
    try tryToReserve(upTo: ceiling).check()
  }

  /// The same without an error that is thrown.
  @inline(never)
  package mutating func tryToReserve(upTo ceiling: UInt64) -> StoreResult {
    guard kept.file.isOpen else { return StoreResult(.noSession) }
    guard ceiling > self.ceiling else { return .good }
    slot.seal(ceiling, after: recordChecksum)
    // A power cut amid this write leaves a wrong checksum, never a wrong number. After a failure the
    // next call writes the bytes again, so that its sync has something to tell of.
    var result = kept.write(12, of: &slot, at: SessionImage.ceilingOffset)
    if result.isGood { result = kept.sync() }
    if result.isGood { self.ceiling = ceiling }
    return result
  }

  /// Removes the session.
  public mutating func forget() throws(StoreError) {
    kept.file.close()
    let code = kept.directory.remove(.session)
    guard code == 0 || code == ENOENT else { throw .remove(code: code) }
    // Also when there was none: an earlier call may have come only so far.
    try kept.syncDirectory().check()
  }

  private static func wipe(_ record: inout SessionRecord) {
    // SAFETY: the pointer covers exactly the value and does not outlive the call.
    unsafe withUnsafeMutableBytes(of: &record) { bytes in
      unsafe explicit_bzero(bytes.baseAddress.unsafelyUnwrapped, bytes.count)
    }
  }
}
