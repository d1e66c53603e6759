internal import CPOSIX

/// An open file or directory, or none; closed when the value ends.
///
/// The calls that may wait are repeated when a signal interrupts them. Public only because the Embedded
/// build must see how a part of a public value ends.
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
  init(in directory: borrowing StoreFile, name: StaticString, flags: Int32) {
    var result: Int32
    repeat {
      // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
      result = unsafe nbiot_open_file(directory.descriptor, name.utf8Start, flags)
      if result < 0 { result = 0 &- nbiot_errno() }
    } while result == -EINTR
    descriptor = result
  }

  deinit {
    // Not repeated: Linux has given the descriptor back even if it was interrupted.
    if isOpen { _ = close(descriptor) }
  }
}

extension StoreFile {
  /// Reads `wanted` bytes from `offset` on, for which there must be room.
  ///
  /// Returns how many there were before the end of the file, or `errno` negated.
  @inline(never)
  func read(_ wanted: Int, into bytes: inout MutableSpan<UInt8>, at offset: Int) -> Int {
    precondition(wanted <= bytes.count, "there is room for what is read")
    var count = 0
    while count < wanted {
      // SAFETY: the pointer covers exactly the rest of the bytes and does not outlive the call.
      let result = unsafe bytes.withUnsafeMutableBytes { room in
        unsafe pread(
          descriptor,
          room.baseAddress.unsafelyUnwrapped + count,
          wanted - count,
          off_t(truncatingIfNeeded: offset + count)
        )
      }
      if result == 0 { break }
      if result > 0 {
        count += result
      } else if nbiot_errno() != EINTR {
        return Int(truncatingIfNeeded: 0 &- nbiot_errno())
      }
    }
    return count
  }

  /// Writes all of `bytes`, of which there is at least one, from `offset` on.
  ///
  /// What stands there is unknown when it throws.
  @inline(never)
  func write(
    _ bytes: Span<UInt8>,
    at offset: Int,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    var count = 0
    while count < bytes.count {
      // SAFETY: the pointer covers exactly the rest of the bytes and does not outlive the call.
      let result = unsafe bytes.withUnsafeBytes { rest in
        unsafe pwrite(
          descriptor,
          rest.baseAddress.unsafelyUnwrapped + count,
          rest.count - count,
          off_t(truncatingIfNeeded: offset + count)
        )
      }
      if result > 0 {
        count += result
        writes.writes += 1
        writes.bytes += result
      } else if result == 0 {
        throw .write(code: EIO)
      } else if nbiot_errno() != EINTR {
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
    writes.syncs += 1
    while (all ? fsync(descriptor) : fdatasync(descriptor)) != 0 {
      if nbiot_errno() != EINTR { throw .sync(code: nbiot_errno()) }
    }
  }

  /// Whether it is a file of the user's own to which nobody else can write, and nobody can read.
  @inline(never)
  func privacy() throws(StoreError) -> FilePrivacy {
    var status = stat()
    // SAFETY: writes exactly one stat.
    guard unsafe fstat(descriptor, &status) == 0 else { throw .open(code: nbiot_errno()) }
    let kind = Int32(bitPattern: status.st_mode) & S_IFMT
    guard kind == S_IFREG || kind == S_IFDIR, status.st_uid == geteuid(),
      status.st_mode & 0o022 == 0
    else { return .notPrivate }
    return status.st_mode & 0o044 == 0 ? .isPrivate : .isReadable
  }

  /// How long the file is, 0 when the system does not tell.
  func count() -> Int {
    max(0, Int(truncatingIfNeeded: lseek(descriptor, 0, SEEK_END)))
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
  /// Makes the file that is to take the place of another one.
  ///
  /// A name of its own, and made only where there is none: what an interrupted replacement left is
  /// removed first.
  static func makeTemporary(
    in directory: borrowing StoreFile,
    name: StaticString
  ) throws(StoreError) -> StoreFile {
    remove(name, in: directory)
    let file = StoreFile(in: directory, name: name, flags: O_RDWR | O_CREAT | O_EXCL)
    guard file.isOpen else { throw .open(code: file.code) }
    return file
  }

  /// Gives the finished file its name.
  ///
  /// First the contents, then the name: the other way round a power cut could leave the name with a
  /// file without contents, and the old one gone. The directory is the caller's to sync: until then
  /// either file may come back.
  @inline(never)
  func take(
    _ name: StaticString,
    insteadOf temporary: StaticString,
    in directory: borrowing StoreFile,
    counting writes: inout StoreWrites
  ) throws(StoreError) {
    try sync(all: true, counting: &writes)
    // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
    let result = unsafe renameat(
      directory.descriptor,
      temporary.utf8Start,
      directory.descriptor,
      name.utf8Start
    )
    guard result == 0 else { throw .rename(code: nbiot_errno()) }
    writes.replacements += 1
  }

  /// Removes a file and says what `errno` was, or 0.
  @discardableResult
  static func remove(_ name: StaticString, in directory: borrowing StoreFile) -> Int32 {
    // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
    unsafe unlinkat(directory.descriptor, name.utf8Start, 0) == 0 ? 0 : nbiot_errno()
  }
}
