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
  @inline(never)
  public init(path: Span<UInt8>) throws(StoreError) {
    var isNew = false
    file = StoreFile(descriptor: Self.open(path, isNew: &isNew))
    let result =
      file.isOpen ? Self.prepare(file, isNew: isNew) : StoreResult(.directory, code: file.code)
    try result.check()
  }

  /// The descriptor, or `errno` negated.
  private static func open(_ path: Span<UInt8>, isNew: inout Bool) -> Int32 {
    var name = InlineArray<1024, UInt8>(repeating: 0)
    guard path.count < name.count else { return -ENAMETOOLONG }
    for index in path.indices {
      // A C string ends with a zero byte, which must not come sooner.
      if path[index] == 0 { return -EINVAL }
      name[index] = path[index]
    }
    // SAFETY: the path ends with a zero byte, of those that it does not fill.
    return unsafe name.span.withUnsafeBytes { path in
      let path = unsafe path.bindMemory(to: CChar.self).baseAddress.unsafelyUnwrapped
      isNew = unsafe mkdir(path, 0o700) == 0
      let descriptor = unsafe nbiot_open_directory(AT_FDCWD, path)
      return descriptor < 0 ? 0 &- nbiot_errno() : descriptor
    }
  }

  private static func prepare(_ file: borrowing StoreFile, isNew: Bool) -> StoreResult {
    var found = FoundFile()
    var result = file.look(&found)
    if result.isGood { result = lock(file) }
    if !result.isGood { return result }
    result = keepName(of: file)
    // Also where it was there already, for a process before this one may have been killed before it
    // came to this. But then it is not held against a directory above that cannot be opened.
    if isNew, !result.isGood { return result }
    // Left by a process that ended before it was finished.
    file.remove(.temporary)
    return .good
  }

  /// Waits a second at most: a process that was just started shares the lock of the one that started
  /// it until it runs its own program, also when that one has closed the directory or was killed.
  static func lock(_ file: borrowing StoreFile) -> StoreResult {
    var tries = 100
    while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = nbiot_errno()
      if code != EWOULDBLOCK, code != EINTR { return StoreResult(.directory, code: code) }
      if tries == 0 { return StoreResult(.inUse) }
      tries &-= 1
      _ = poll(nil, 0, 10)
    }
    return .good
  }

  /// Makes the directory's own entry durable: without it all that is stored in it would be lost.
  private static func keepName(of file: borrowing StoreFile) -> StoreResult {
    // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
    let parent = StoreFile(
      descriptor: unsafe nbiot_open_directory(file.descriptor, StaticString("..").utf8Start)
    )
    return parent.isOpen ? parent.sync(all: true) : .failed(.directory)
  }
}
