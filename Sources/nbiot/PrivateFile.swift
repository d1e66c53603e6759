// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import FoundationEssentials
internal import Glibc
internal import OpenSSLSupport

/// Files with secrets: only their owner can read them, and a power failure leaves the old or the
/// new contents.
enum PrivateFile {
  /// The maximum size of a file in bytes.
  static let limit = 1 << 20

  /// The contents of the file.
  static func read(_ path: String) throws -> [UInt8] { try readWithStatus(path).bytes }

  /// The contents of the file, with its status at that moment.
  static func readWithStatus(
    _ path: String,
    limit: Int = limit
  ) throws -> (bytes: [UInt8], status: stat) {
    let (descriptor, status) = try open(path)
    defer { close(descriptor) }
    guard let bytes = try? Descriptor.read(descriptor, upTo: limit + 1) else {
      throw Complaint("the file \(path) cannot be read: check the disk")
    }
    guard bytes.count <= limit else {
      throw Complaint("the file \(path) is over \(limit >> 20) MiB long")
    }
    return (bytes, status)
  }

  /// Opens a regular file for reading; any other kind is refused with its name, without waiting.
  static func open(
    _ path: String,
    _ what: String = "file",
    advice: String = "give a regular one"
  ) throws -> (descriptor: Int32, status: stat) {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      throw Complaint("the \(what) \(path) cannot be opened: \(text(errno))")
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let kind =
        switch status.st_mode & S_IFMT {
        case S_IFDIR: ", but a directory"
        case S_IFIFO: ", but a pipe"
        case S_IFCHR, S_IFBLK: ", but a device"
        default: ""
        }
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      throw Complaint("\(path) is no file\(kind): \(isDirectory ? "give a regular one" : advice)")
    }
    return (descriptor, status)
  }

  /// Writes a file completely or not at all, with mode 600 unless another is given; if `path` is a
  /// symbolic link, the file that it points to.
  ///
  /// An existing file is replaced only if `replaces` is `true`.
  static func write(
    _ bytes: [UInt8],
    to path: String,
    mode: mode_t = 0o600,
    replaces: Bool = true
  ) throws {
    let target = target(of: path)
    // A name of its own: another run may write the same file.
    var random = SystemRandom()
    let temporary = "\(target).\(getpid()).\(random.nextUInt32()).new"
    let descriptor = unsafe Glibc.open(
      temporary,
      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
      mode
    )
    guard descriptor >= 0 else {
      throw Complaint("the file \(path) cannot be written: \(text(errno))")
    }
    var failure: Int32 = 0
    var offset = 0
    while offset < bytes.count, failure == 0 {
      // SAFETY: the pointer covers the rest of the bytes and does not outlive the call.
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(
          descriptor,
          $0.baseAddress.map { unsafe $0 + offset },
          bytes.count - offset
        )
      }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { failure = errno }
      offset += max(0, count)
    }
    if failure == 0, fsync(descriptor) != 0 { failure = errno }
    _ = close(descriptor)
    if failure == 0 {
      // Unlike a rename, a link fails if the file exists.
      let status = unsafe replaces ? rename(temporary, target) : link(temporary, target)
      if status != 0 { failure = errno }
    }
    if failure != 0 || !replaces { _ = unsafe unlink(temporary) }
    guard failure == 0 else {
      throw Complaint("the file \(path) cannot be written: \(text(failure))")
    }
    // Sync the directory, so that the new name survives a power failure.
    let folder = unsafe Glibc.open(
      URL(filePath: target).deletingLastPathComponent().path,
      O_RDONLY | O_DIRECTORY | O_CLOEXEC
    )
    if folder >= 0 {
      _ = fsync(folder)
      _ = close(folder)
    }
  }

  /// Checks in advance that a file can be written there, before an operation that depends on it.
  static func checkPlace(_ path: String, _ what: String, replaces: Bool) throws {
    let target = target(of: path)
    var status = stat()
    if unsafe lstat(target, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw Complaint("\(path) is no file: give the \(what) file another name")
      }
      guard replaces else {
        throw Complaint(
          "the \(what) file \(path) is there already: give another name, or --force to replace it"
        )
      }
    }
    let folder = URL(filePath: target).deletingLastPathComponent().path
    guard unsafe access(folder, W_OK | X_OK) == 0 else {
      throw Complaint(
        "the \(what) file \(path) cannot be written: \(text(errno)); check its folder"
      )
    }
  }

  /// The target of a path after following symbolic links; it need not exist.
  static func target(of path: String) -> String {
    var path = path
    for _ in 0..<8 {
      let files = FileManager.default
      guard let next = try? files.destinationOfSymbolicLink(atPath: path) else { break }
      path = URL(filePath: next, relativeTo: URL(filePath: path).deletingLastPathComponent()).path
    }
    return path
  }

  static func warnIfReadable(_ path: String, _ what: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return }
    warnIfReadable(path, what, status)
  }

  static func warnIfWritable(_ path: String, _ status: stat) {
    guard status.st_mode & 0o022 != 0 else { return }
    Console.complain("warning: others can change \(path); run: chmod go-w \(path)")
  }

  static func warnIfReadable(_ path: String, _ what: String, _ status: stat) {
    guard status.st_mode & 0o077 != 0 else { return }
    Console.complain("warning: others can read the \(what) file \(path); run: chmod 600 \(path)")
  }

  static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
