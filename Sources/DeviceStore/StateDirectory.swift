internal import CPOSIX

/// The directory of a device's files: opened, checked and locked.
///
/// It is made with mode 0700 when it is missing; the one above it must be there. One that belongs to
/// another user, or that others can write to, is refused; that others can list it does no harm, for
/// the files in it are 0600. The lock (`flock` on the directory itself) goes with the last of this
/// value and the stores that were opened in it, and with the process, however it ends; where another
/// one holds it, making this value takes a second before it fails.
public struct StateDirectory: ~Copyable {
  let file: StoreFile

  /// Opens the directory of that path, of at most 1,023 bytes.
  public init(path: Span<UInt8>) throws(StoreError) {
    var name = InlineArray<1024, UInt8>(repeating: 0)
    guard path.count < name.count else { throw .directory(code: ENAMETOOLONG) }
    for index in path.indices {
      // A C string ends with a zero byte, which must not come sooner.
      if path[index] == 0 { throw .directory(code: EINVAL) }
      name[index] = path[index]
    }
    let (descriptor, code, isNew) = Self.open(name.span)
    if descriptor < 0 { throw .directory(code: code) }
    let file = StoreFile(descriptor: descriptor)
    if try file.status().privacy == .notPrivate { throw .notPrivate }
    try Self.lock(descriptor)
    try Self.keepName(of: file, isNew: isNew)
    // Left by a process that ended before it was finished.
    StoreFile.remove(.temporary, in: file)
    self.file = file
  }

  /// Waits a second at most: a process that was just started shares the lock of the one that started
  /// it until it runs its own program, also when that one has closed the directory or was killed.
  private static func lock(_ descriptor: Int32) throws(StoreError) {
    var tries = 100
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = nbiot_errno()
      if code != EWOULDBLOCK, code != EINTR { throw .directory(code: code) }
      if tries == 0 { throw .inUse }
      tries &-= 1
      _ = poll(nil, 0, 10)
    }
  }

  private static func open(_ path: Span<UInt8>) -> (descriptor: Int32, code: Int32, isNew: Bool) {
    // SAFETY: the path ends with a zero byte, of those that it does not fill.
    unsafe path.withUnsafeBytes { path in
      let path = unsafe path.bindMemory(to: CChar.self).baseAddress.unsafelyUnwrapped
      let isNew = unsafe mkdir(path, 0o700) == 0
      let descriptor = unsafe nbiot_open_directory(AT_FDCWD, path)
      return (descriptor, nbiot_errno(), isNew)
    }
  }

  /// Makes the directory's own entry durable: without it all that is stored in it would be lost.
  ///
  /// Also where it was there already, for a process before this one may have been killed before it
  /// came to this. But then it is not held against a directory above that cannot be opened.
  private static func keepName(of file: borrowing StoreFile, isNew: Bool) throws(StoreError) {
    // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
    let parent = StoreFile(
      descriptor: unsafe nbiot_open_directory(file.descriptor, StaticString("..").utf8Start)
    )
    var writes = StoreWrites()
    do throws(StoreError) {
      guard parent.isOpen else { throw .directory(code: nbiot_errno()) }
      try parent.sync(all: true, counting: &writes)
    } catch {
      if isNew { throw error }
    }
  }
}
