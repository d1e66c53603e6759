internal import CPOSIX

/// An open file or directory, or none; closed when the value ends.
///
/// The calls that may wait are repeated when a signal interrupts them. Public only because the
/// Embedded build must see how a part of a public value ends.
public struct StoreFile: ~Copyable {
  /// The descriptor, or `errno` negated when the file could not be opened.
  let descriptor: Int32

  var isOpen: Bool { descriptor >= 0 }

  /// What `errno` was when the file could not be opened.
  var code: Int32 { 0 &- descriptor }

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Another descriptor of the same open file, which holds its lock, too.
  init(copying other: borrowing StoreFile) {
    let copy = nbiot_duplicate(other.descriptor)
    descriptor = copy < 0 ? 0 &- nbiot_errno() : copy
  }

  /// Opens the file of that name in a directory.
  @inline(never)
  init(in directory: borrowing StoreFile, name: StoreName, flags: Int32) {
    var result: Int32
    repeat {
      result = unsafe nbiot_open_file(directory.descriptor, name.text, flags)
      if result < 0 { result = 0 &- nbiot_errno() }
    } while result == -EINTR
    descriptor = result
  }

  deinit {
    Self.end(descriptor)
  }

  @inline(never)
  private static func end(_ descriptor: Int32) {
    // Not repeated: Linux has given the descriptor back even if it was interrupted.
    if descriptor >= 0 { _ = close(descriptor) }
  }
}

extension StoreFile {
  /// Fills `room` from `offset` on.
  ///
  /// Returns how many bytes there were before the end of the file, -1 when they cannot be read.
  @unsafe
  @inline(never)
  func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    var count = 0
    while count < room.count {
      // SAFETY: the pointer covers exactly the rest of the room.
      let result = unsafe nbiot_pread(
        descriptor,
        room.baseAddress.unsafelyUnwrapped + count,
        room.count &- count,
        offset &+ count
      )
      if result == 0 { break }
      if result > 0 { count &+= result } else if nbiot_errno() != EINTR { return -1 }
    }
    return count
  }

  /// Writes all of `bytes`, of which there is at least one, from `offset` on.
  ///
  /// What stands there is unknown when it throws.
  @unsafe
  @inline(never)
  func write(
    _ bytes: UnsafeRawBufferPointer,
    at offset: Int,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    var count = 0
    while count < bytes.count {
      // SAFETY: the pointer covers exactly the rest of the bytes.
      let result = unsafe nbiot_pwrite(
        descriptor,
        bytes.baseAddress.unsafelyUnwrapped + count,
        bytes.count &- count,
        offset &+ count
      )
      if result > 0 {
        count &+= result
        writes.writes &+= 1
        writes.bytes &+= result
      } else if result == 0 || nbiot_errno() != EINTR {
        throw .write(code: nbiot_errno())
      }
    }
  }

  /// Waits until the storage has what was written.
  ///
  /// Of the inode it has only as much as is needed to read the bytes again, unless `all` is asked
  /// for, as directories and new files need: a mark in place then costs no write of the inode.
  ///
  /// After a failure nothing is known of what was written since the last success, not even when a
  /// second call succeeds: Linux reports an error once and takes the pages for written.
  @inline(never)
  func sync(all: Bool, counting writes: inout StoreWrites) throws(StoreError) {
    writes.syncs &+= 1
    while (all ? fsync(descriptor) : fdatasync(descriptor)) != 0 {
      if nbiot_errno() != EINTR { throw .sync(code: nbiot_errno()) }
    }
  }

  /// Who else can do what with it, and how many bytes it has.
  @inline(never)
  func status() throws(StoreError) -> (privacy: FilePrivacy, count: Int) {
    var status = stat()
    // SAFETY: writes exactly one stat.
    guard unsafe fstat(descriptor, &status) == 0 else { throw .open(code: nbiot_errno()) }
    let kind = Int32(bitPattern: status.st_mode) & S_IFMT
    let count = Int(truncatingIfNeeded: status.st_size)
    guard kind == S_IFREG || kind == S_IFDIR, status.st_uid == geteuid(),
      status.st_mode & 0o022 == 0
    else { return (.notPrivate, count) }
    return (status.st_mode & 0o044 == 0 ? .isPrivate : .isReadable, count)
  }
}

/// What others than its owner can do with a file.
enum FilePrivacy {
  /// Nothing.
  case isPrivate
  /// Read it.
  case isReadable
  /// Change it; or it belongs to somebody else, or is no file.
  case notPrivate
}

extension StoreFile {
  /// Makes the file that is to take the place of another one, in a directory.
  ///
  /// Only where there is none: what an interrupted replacement left is removed first.
  @inline(never)
  init(temporaryIn directory: borrowing StoreFile) throws(StoreError) {
    Self.remove(.temporary, in: directory)
    self.init(in: directory, name: .temporary, flags: O_RDWR | O_CREAT | O_EXCL)
    if !isOpen { throw .open(code: code) }
  }

  /// Gives the finished temporary file its name.
  ///
  /// First the contents, then the name: the other way round a power cut could leave the name with a
  /// file without contents, and the old one gone. The directory is the caller's to sync: until then
  /// either file may come back.
  @inline(never)
  func take(
    _ name: StoreName,
    in directory: borrowing StoreFile,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    try sync(all: true, counting: &writes)
    let result = unsafe renameat(
      directory.descriptor,
      StoreName.temporary.text,
      directory.descriptor,
      name.text
    )
    if result != 0 { throw .rename(code: nbiot_errno()) }
    writes.replacements &+= 1
  }

  /// Removes a file and says what `errno` was, or 0.
  @inline(never)
  @discardableResult
  static func remove(_ name: StoreName, in directory: borrowing StoreFile) -> Int32 {
    unsafe unlinkat(directory.descriptor, name.text, 0) == 0 ? 0 : nbiot_errno()
  }
}

/// The files of the directory.
enum StoreName {
  case session
  case outbox
  /// What takes the place of either when it is finished; there is one at a time.
  case temporary

  /// The name, which ends with a zero byte and lives as long as the program.
  @unsafe
  var text: UnsafePointer<UInt8> {
    let name: StaticString =
      switch self {
      case .session: "session"
      case .outbox: "outbox"
      case .temporary: "new"
      }
    return unsafe name.utf8Start
  }
}
