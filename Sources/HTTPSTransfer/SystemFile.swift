// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A file descriptor, closed with the value.
struct SystemFile: ~Copyable {
  let descriptor: Int32
  let path: String

  /// Opens a file, creating it with mode 600; does not follow a symbolic link at the end of the
  /// path unless asked to.
  init(
    _ path: String,
    _ flags: Int32,
    followsLink: Bool = false
  ) throws(FirmwareDownloadError) {
    let link = followsLink ? 0 : O_NOFOLLOW
    let descriptor = unsafe open(path, flags | link | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600)
    guard descriptor >= 0 else {
      throw errno == ELOOP ? .foreign(path: path) : .file(path: path, code: errno)
    }
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = close(descriptor) }

  /// The length of the file in bytes; an error unless it is a regular file.
  func count() throws(FirmwareDownloadError) -> UInt64 {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .file(path: path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .foreign(path: path) }
    return UInt64(max(0, status.st_size))
  }

  /// The length of the file in bytes; an error unless it is a regular file owned by the user, with
  /// one link.
  func ownCount() throws(FirmwareDownloadError) -> UInt64 {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .file(path: path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_nlink == 1
    else { throw .foreign(path: path) }
    guard fchmod(descriptor, 0o600) == 0 else { throw .file(path: path, code: errno) }
    return UInt64(max(0, status.st_size))
  }

  /// Locks out other processes that take the same lock until the file is closed.
  func lock() throws(FirmwareDownloadError) {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK ? .busy(path: path) : .file(path: path, code: errno)
    }
    // The previous holder may have renamed the file before it released the lock.
    var (own, named) = (stat(), stat())
    guard unsafe fstat(descriptor, &own) == 0, unsafe lstat(path, &named) == 0,
      own.st_dev == named.st_dev, own.st_ino == named.st_ino
    else { throw .busy(path: path) }
  }

  /// Reads the next bytes, up to the buffer's count; returns 0 at the end.
  func read(into buffer: inout [UInt8]) throws(FirmwareDownloadError) -> Int {
    while true {
      // SAFETY: the pointer covers the whole buffer and does not outlive the call.
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if count >= 0 { return count }
      guard errno == EINTR else { throw .file(path: path, code: errno) }
    }
  }

  /// Writes all bytes at the file's position.
  func write(_ bytes: Span<UInt8>) throws(FirmwareDownloadError) {
    var written = 0
    while written < bytes.count {
      let rest = bytes.extracting(droppingFirst: written)
      // SAFETY: exactly the bytes of the span are read.
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .file(path: path, code: errno) }
      written += count
    }
  }

  /// Truncates the file to length 0 and goes to its start.
  func clear() throws(FirmwareDownloadError) {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw .file(path: path, code: errno)
    }
  }

  /// Waits until all written data is on disk (fsync).
  func synchronize() throws(FirmwareDownloadError) {
    guard fsync(descriptor) == 0 else { throw .file(path: path, code: errno) }
  }

  /// Renames a file atomically, so that the new name survives a power failure.
  static func rename(_ path: String, to target: String) throws(FirmwareDownloadError) {
    guard unsafe Glibc.rename(path, target) == 0 else { throw .file(path: target, code: errno) }
    let folder = unsafe open(folder(of: target), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    _ = fsync(folder)
    _ = close(folder)
  }

  /// Removes a file if it exists.
  static func remove(_ path: String) { _ = unsafe unlink(path) }

  /// Whether something other than a regular file has that name: a directory, a device, a pipe or a
  /// socket.
  static func isTaken(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  /// The number of bytes that a user may still write to the file system of the path.
  static func freeSpace(for path: String) throws(FirmwareDownloadError) -> UInt64 {
    var status = statvfs()
    guard unsafe statvfs(folder(of: path), &status) == 0 else {
      throw .file(path: folder(of: path), code: errno)
    }
    let (count, overflow) = UInt64(status.f_bavail)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? .max : count
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

/// The system's description of an error number.
func systemText(_ code: Int32) -> String {
  // SAFETY: the text is the system's and ends with a zero.
  unsafe String(cString: strerror(code))
}

/// Sleeps for so many milliseconds.
func pause(milliseconds: UInt32) { usleep(milliseconds * 1_000) }
