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
  /// The session's file, open while numbers can be reserved in it.
  private var file = StoreFile(descriptor: -ENOENT)
  private var ceiling: UInt64 = 0
  private var recordChecksum: UInt32 = 0

  /// What was written so far.
  public private(set) var writes = StoreWrites()

  /// Keeps the directory open.
  public init(_ directory: borrowing StateDirectory) {
    self.directory = StoreFile(copying: directory.file)
  }

  /// Reads the session that belongs to `fingerprint`; changes `record` only when it was found.
  public mutating func load(
    for fingerprint: Span<UInt8>,
    into record: inout SessionRecord
  ) throws(StoreError) -> SessionFinding {
    var image = SessionImage()
    defer { image.wipe() }
    let finding = try load(&image)
    if finding != .found { return finding }
    if image.copy(to: &record, for: fingerprint) { return .found }
    file = StoreFile(descriptor: -ENOENT)
    return .foreign
  }

  private mutating func load(_ image: inout SessionImage) throws(StoreError) -> SessionFinding {
    file = StoreFile(descriptor: -ENOENT)
    let opened = StoreFile(in: directory, name: .session, flags: O_RDWR)
    if !opened.isOpen {
      switch opened.code {
      case ENOENT: return .none
      case ELOOP, EACCES, EPERM, EISDIR, ENXIO: return .notPrivate
      default: throw .open(code: opened.code)
      }
    }
    let status = try opened.status()
    if status.privacy != .isPrivate { return .notPrivate }
    // The process that put this file in place may have been killed before its name was durable. Were
    // numbers reserved in it then, a power cut could bring the former file back, with the same token
    // and a lower ceiling.
    try directory.sync(all: true, counting: &writes)
    // SAFETY: any bytes make a value of integers.
    let read = unsafe withUnsafeMutableBytes(of: &image) { unsafe opened.read(into: $0, at: 0) }
    if read < 0 { throw .read(code: nbiot_errno()) }
    // A longer file than an image is not read whole.
    if let damage = image.damage(read: status.count == read ? read : 0) { return .damaged(damage) }
    ceiling = image.ceiling.number
    recordChecksum = image.recordChecksum
    file = opened
    return .found
  }

  /// Stores a session in the place of the former one.
  ///
  /// When it throws, either of the two may be found later, and `reserve` refuses until the next
  /// success: no number above `record.ceiling` may then be used under this token, unless `forget`
  /// succeeds.
  public mutating func replace(with record: borrowing SessionRecord) throws(StoreError) {
    var image = SessionImage()
    defer { image.wipe() }
    image.copy(from: record)
    try replace(with: &image)
  }

  private mutating func replace(with image: inout SessionImage) throws(StoreError) {
    file = StoreFile(descriptor: -ENOENT)
    let count = image.count
    let made = try StoreFile(temporaryIn: directory)
    do throws(StoreError) {
      // SAFETY: the image has at least as many bytes as it takes of the file.
      try unsafe withUnsafeBytes(of: &image) { bytes throws(StoreError) in
        let taken = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
        try unsafe made.write(taken, at: 0, counting: &writes)
      }
      try made.take(.session, in: directory, counting: &writes)
    } catch {
      StoreFile.remove(.temporary, in: directory)
      throw error
    }
    try directory.sync(all: true, counting: &writes)
    ceiling = image.ceiling.number
    recordChecksum = image.recordChecksum
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
    let slot = SessionCeiling(ceiling, for: recordChecksum)
    // A power cut amid this write leaves a wrong checksum, never a wrong number. After a failure the
    // next call writes the bytes again, so that its sync has something to tell of.
    // SAFETY: the value's own bytes, used while it stays where it is.
    try unsafe withUnsafeBytes(of: slot) { bytes throws(StoreError) in
      try unsafe file.write(bytes, at: SessionImage.ceilingOffset, counting: &writes)
    }
    try file.sync(all: false, counting: &writes)
    self.ceiling = ceiling
  }

  /// Removes the session.
  public mutating func forget() throws(StoreError) {
    file = StoreFile(descriptor: -ENOENT)
    let code = StoreFile.remove(.session, in: directory)
    guard code == 0 || code == ENOENT else { throw .remove(code: code) }
    // Also when there was none: an earlier call may have come only so far.
    try directory.sync(all: true, counting: &writes)
  }
}
