// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// A session's file at any path: opened, checked and locked.
///
/// A `SessionStore` uses it like the file in a `StateDirectory`, with the same format. It is
/// created with mode 0600 if it does not exist, and is never replaced: all writes overwrite it in
/// place. The lock (`flock` on the file) is released with the last of this value and the store
/// opened in it, and when the process ends, in whatever way. If another process holds it, creating
/// this value fails after a second.
public struct SessionFile: ~Copyable {
  let file: StoreFile
  let folder: StoreFile

  /// The problem with the file's previous contents, which are then gone: `notPrivate` or `damaged`;
  /// otherwise `none`.
  public let finding: SessionFinding

  /// Opens the file at that path, of at most 1,023 bytes; it must not be a symbolic link.
  ///
  /// A file that is not a session is refused and left unchanged.
  public init(path: Span<UInt8>) throws(SessionFileError) {
    // A C string must not contain a zero byte before its end.
    for index in path.indices where path[index] == 0 { throw .notOpened(code: EINVAL) }
    var slash = path.count
    while slash > 0, path[slash - 1] != UInt8(ascii: "/") { slash -= 1 }
    let name = path.extracting(slash..<path.count)
    guard path.count < 1_024, !name.isEmpty else {
      throw .notOpened(code: path.count < 1_024 ? EISDIR : ENAMETOOLONG)
    }
    // SAFETY: the text ends with a zero byte, which the functions below ensure.
    let folder = StoreFile(
      descriptor: unsafe Self.withText(of: slash == 0 ? Self.here : path.extracting(0..<slash)) {
        let descriptor = unsafe nbiot_open_directory(AT_FDCWD, $0)
        return descriptor < 0 ? 0 &- nbiot_errno() : descriptor
      }
    )
    guard folder.isOpen else { throw .notOpened(code: folder.code) }
    let file = try Self.openAndLock(name, in: folder)
    finding = try Self.check(file)
    self.file = file
    self.folder = folder
  }

  private static var here: Span<UInt8> {
    @_lifetime(immortal)
    get { Span("." as StaticString) }
  }

  /// Opens and locks the file, and checks that it still has its name.
  private static func openAndLock(
    _ name: Span<UInt8>,
    in folder: borrowing StoreFile
  ) throws(SessionFileError) -> StoreFile {
    let directory = folder.descriptor
    while true {
      let file = StoreFile(
        descriptor: unsafe withText(of: name) {
          let descriptor = unsafe nbiot_open_file(directory, $0, O_RDWR | O_CREAT)
          return descriptor < 0 ? 0 &- nbiot_errno() : descriptor
        }
      )
      guard file.isOpen else {
        let isFolder = file.code == EISDIR || file.code == ELOOP || file.code == ENXIO
        throw isFolder ? .notAFile : .notOpened(code: file.code)
      }
      var (status, named) = (stat(), stat())
      // SAFETY: writes exactly one stat.
      guard unsafe fstat(file.descriptor, &status) == 0 else {
        throw .notOpened(code: nbiot_errno())
      }
      guard Int32(bitPattern: status.st_mode) & S_IFMT == S_IFREG else { throw .notAFile }
      guard status.st_uid == geteuid() else { throw .notOwned }
      let result = StateDirectory.lock(file)
      guard result.isGood else {
        throw result == StoreResult(.inUse) ? .inUse : .store(result.error)
      }
      // The previous holder may have found the file removed; another process then creates and locks
      // a new one.
      let code = unsafe withText(of: name) {
        // SAFETY: writes exactly one stat.
        unsafe fstatat(directory, $0, &named, AT_SYMLINK_NOFOLLOW)
      }
      if code == 0, named.st_ino == status.st_ino, named.st_dev == status.st_dev { return file }
    }
  }

  /// Refuses a file that is not a session, and empties one that is not trustworthy.
  private static func check(
    _ file: borrowing StoreFile
  ) throws(SessionFileError) -> SessionFinding {
    var status = stat()
    // SAFETY: writes exactly one stat.
    guard unsafe fstat(file.descriptor, &status) == 0 else { throw .notOpened(code: nbiot_errno()) }
    let isExposed = status.st_mode & 0o066 != 0
    var finding = SessionFinding.none
    if status.st_size > 0 {
      let (first, second) = (head(of: file, at: 0), head(of: file, at: SessionImage.spacing))
      let isEarlier = first == earlierHead
      let isEmpty = first == 0 && second == 0 && status.st_size <= 2 * SessionImage.spacing
      guard isEarlier || isSession(first) || isSession(second) || isEmpty else {
        throw .notASession
      }
      if isEarlier { finding = .damaged(.version) }
      // One slot was wiped, and the other one contained nothing.
      if isEmpty { finding = .damaged(.length) }
      if isExposed { finding = .notPrivate }
      if finding != .none, ftruncate(file.descriptor, 0) != 0 {
        throw .store(StoreResult.failed(.write).error)
      }
    }
    // Also a file created by `touch`.
    if isExposed, fchmod(file.descriptor, 0o600) != 0 {
      throw .store(StoreResult.failed(.write).error)
    }
    return finding
  }

  /// The first 8 bytes at an offset of the file; 0 if there are none.
  private static func head(of file: borrowing StoreFile, at place: Int) -> UInt64 {
    var head: UInt64 = 0
    // SAFETY: the pointer covers 8 bytes and does not outlive the call.
    _ = unsafe withUnsafeMutableBytes(of: &head) {
      unsafe nbiot_pread(file.descriptor, $0.baseAddress.unsafelyUnwrapped, 8, place)
    }
    return head
  }

  /// Whether a session begins with these bytes, of which one or two may be damaged.
  private static func isSession(_ head: UInt64) -> Bool {
    let difference = head ^ SessionImage.rightHead
    var wrong = 0
    for index in 0..<8 where difference &>> UInt64(8 * index) & 0xFF != 0 { wrong += 1 }
    return wrong <= 2
  }

  /// "nbiot DT", the start of earlier files, which held DTLS sessions only.
  private static var earlierHead: UInt64 { UInt64(littleEndian: 0x5444_2074_6F69_626E) }

  /// Calls `body` with `bytes` and a terminating zero byte; there must be at most 1,023.
  private static func withText(
    of bytes: Span<UInt8>,
    _ body: (UnsafePointer<CChar>) -> Int32
  ) -> Int32 {
    var text = InlineArray<1024, UInt8>(repeating: 0)
    for index in bytes.indices { text[index] = bytes[index] }
    // SAFETY: the text ends with at least one of its unused zero bytes.
    return unsafe text.span.withUnsafeBytes { text in
      unsafe body(text.bindMemory(to: CChar.self).baseAddress.unsafelyUnwrapped)
    }
  }
}

/// Why a session's file cannot be used.
public enum SessionFileError: Error, Equatable, Sendable {
  /// It can be neither opened nor created; `code` is `errno`.
  case notOpened(code: Int32)
  /// It is a directory, a device, a pipe or a symbolic link.
  case notAFile
  /// It belongs to another user.
  case notOwned
  /// Another process, or another `SessionFile`, holds it.
  case inUse
  /// It contains something else, which would be overwritten.
  case notASession
  /// It is the session of another device, secret, endpoint or security mode.
  case foreign
  /// It cannot be read or written.
  case store(StoreError)
}
