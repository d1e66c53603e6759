// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// The directory of a device's files: opened, checked and locked.
///
/// It is created with mode 0700 if it does not exist; its parent must exist. A directory that
/// belongs to another user, or that others can write to, is refused. It does no harm if others can
/// list it, because its files have mode 0600. The lock (`flock` on the directory itself) is
/// released with the last of this value and the stores opened in it, and when the process ends, in
/// whatever way. If another process holds it, creating this value fails after a second.
public struct StateDirectory: ~Copyable {
  let file: StoreFile

  /// Opens the directory at that path, of at most 1,023 bytes.
  @inline(never)
  public init(path: Span<UInt8>) throws(StoreError) {
    var isNew = false
    file = StoreFile(descriptor: Self.open(path, isNew: &isNew))
    let result =
      file.isOpen ? Self.prepare(file, isNew: isNew) : StoreResult(.directory, code: file.code)
    try result.check()
  }

  /// The descriptor, or the negated `errno`.
  private static func open(_ path: Span<UInt8>, isNew: inout Bool) -> Int32 {
    var name = InlineArray<1024, UInt8>(repeating: 0)
    guard path.count < name.count else { return -ENAMETOOLONG }
    for index in path.indices {
      // A C string must not contain a zero byte before its end.
      if path[index] == 0 { return -EINVAL }
      name[index] = path[index]
    }
    // SAFETY: the path ends with at least one of its unused zero bytes.
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
    // Also for an existing directory, because an earlier process may have been killed before this
    // step. But then a parent directory that cannot be opened is not an error.
    if isNew, !result.isGood { return result }
    // Left by a process that ended during a replacement.
    file.remove(.temporary)
    return .good
  }

  /// Waits at most a second: a child process shares its parent's lock until it runs its own
  /// program, even if the parent has closed the directory or was killed.
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

  /// Makes the directory's own entry durable; otherwise everything in it could be lost.
  private static func keepName(of file: borrowing StoreFile) -> StoreResult {
    // SAFETY: a StaticString's bytes end with a zero byte and live as long as the program.
    let parent = StoreFile(
      descriptor: unsafe nbiot_open_directory(file.descriptor, StaticString("..").utf8Start)
    )
    return parent.isOpen ? parent.sync(all: true) : .failed(.directory)
  }
}
