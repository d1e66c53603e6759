internal import CPOSIX
internal import ConstrainedCore

/// A session's file that stands alone, wherever its owner wants it: opened, checked and locked.
///
/// A `SessionStore` keeps in it what it keeps in the file of a `StateDirectory`, and in the same form. The file is
/// made with mode 0600 when it is missing, and is never replaced: all that is written goes over what is there.
/// The lock (`flock` on the file) goes with the last of this value and the store that was opened in it, and with
/// the process, however that ends; where another process holds it, making this value takes a second before it fails.
public struct SessionFile: ~Copyable {
  let file: StoreFile
  let folder: StoreFile

  /// What is wrong with what the file had, which is gone then: `notPrivate` or `damaged`; else `none`.
  public let finding: SessionFinding

  /// Opens the file of that path, of at most 1,023 bytes, which is no symbolic link.
  ///
  /// What is no session is refused, and stays as it is.
  public init(path: Span<UInt8>) throws(SessionFileError) {
    // A C string ends with a zero byte, which must not come sooner.
    for index in path.indices where path[index] == 0 { throw .notOpened(code: EINVAL) }
    var slash = path.count
    while slash > 0, path[slash - 1] != UInt8(ascii: "/") { slash -= 1 }
    let name = path.extracting(slash..<path.count)
    guard path.count < 1_024, !name.isEmpty else {
      throw .notOpened(code: path.count < 1_024 ? EISDIR : ENAMETOOLONG)
    }
    // SAFETY: the text ends with a zero byte, as the functions below see to.
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

  /// The file, which is still the one of that name when the lock is there.
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
      // Whoever had the lock may have seen the file removed; another process then makes and locks a new one.
      let code = unsafe withText(of: name) {
        // SAFETY: writes exactly one stat.
        unsafe fstatat(directory, $0, &named, AT_SYMLINK_NOFOLLOW)
      }
      if code == 0, named.st_ino == status.st_ino, named.st_dev == status.st_dev { return file }
    }
  }

  /// Refuses what is no session, and empties what cannot be relied on.
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
      // The place that was wiped out, and of the one that held nothing more.
      if isEmpty { finding = .damaged(.length) }
      if isExposed { finding = .notPrivate }
      if finding != .none, ftruncate(file.descriptor, 0) != 0 {
        throw .store(StoreResult.failed(.write).error)
      }
    }
    // Also one that `touch` has made.
    if isExposed, fchmod(file.descriptor, 0o600) != 0 {
      throw .store(StoreResult.failed(.write).error)
    }
    return finding
  }

  /// The first 8 bytes at a place of the file; 0 where there are none.
  private static func head(of file: borrowing StoreFile, at place: Int) -> UInt64 {
    var head: UInt64 = 0
    // SAFETY: the pointer covers 8 bytes and does not outlive the call.
    _ = unsafe withUnsafeMutableBytes(of: &head) {
      unsafe nbiot_pread(file.descriptor, $0.baseAddress.unsafelyUnwrapped, 8, place)
    }
    return head
  }

  /// Whether so begins a session, with a byte or two of it damaged.
  private static func isSession(_ head: UInt64) -> Bool {
    let difference = head ^ SessionImage.rightHead
    var wrong = 0
    for index in 0..<8 where difference &>> UInt64(8 * index) & 0xFF != 0 { wrong += 1 }
    return wrong <= 2
  }

  /// "nbiot DT": how a file of DTLS sessions alone began, before tokens were kept.
  private static var earlierHead: UInt64 { UInt64(littleEndian: 0x5444_2074_6F69_626E) }

  /// Calls `body` with `bytes` and a zero byte behind them; there are at most 1,023.
  private static func withText(
    of bytes: Span<UInt8>,
    _ body: (UnsafePointer<CChar>) -> Int32
  ) -> Int32 {
    var text = InlineArray<1024, UInt8>(repeating: 0)
    for index in bytes.indices { text[index] = bytes[index] }
    // SAFETY: the text ends with a zero byte, of those that it does not fill.
    return unsafe text.span.withUnsafeBytes { text in
      unsafe body(text.bindMemory(to: CChar.self).baseAddress.unsafelyUnwrapped)
    }
  }
}

/// Why a session's file cannot be used.
public enum SessionFileError: Error, Equatable, Sendable {
  /// It can be neither opened nor made; `code` is `errno`.
  case notOpened(code: Int32)
  /// It is a directory, a device, a pipe or a symbolic link.
  case notAFile
  /// It belongs to another user.
  case notOwned
  /// Another process, or another `SessionFile`, holds it.
  case inUse
  /// It holds something else, which would be written over.
  case notASession
  /// It is the session of another device, secret, endpoint or kind of security.
  case foreign
  /// It cannot be read or written.
  case store(StoreError)
}
