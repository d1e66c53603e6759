internal import CPOSIX

/// An open file or directory, or none; closed when the value ends.
///
/// The calls that may wait are repeated when a signal interrupts them. Public only because the
/// Embedded build must see how a part of a public value ends.
public struct StoreFile: ~Copyable {
  /// The descriptor with all bits turned over, so that none is zero, as most of what it is part of.
  private var inverted: Int32

  /// The descriptor, or `errno` negated when the file could not be opened.
  private(set) var descriptor: Int32 {
    get { ~inverted }
    set { inverted = ~newValue }
  }

  var isOpen: Bool { descriptor >= 0 }

  /// What `errno` was when the file could not be opened.
  var code: Int32 { 0 &- descriptor }

  /// None.
  init() {
    inverted = 0
  }

  init(descriptor: Int32) {
    inverted = ~descriptor
  }

  /// Becomes another descriptor of the same open file, which holds its lock, too; it must be none yet.
  @inline(never)
  mutating func copy(_ other: borrowing StoreFile) {
    let copy = nbiot_duplicate(other.descriptor)
    descriptor = copy < 0 ? 0 &- nbiot_errno() : copy
  }

  deinit {
    Self.end(descriptor)
  }

  @inline(never)
  private static func end(_ descriptor: Int32) {
    // Not repeated: Linux has given the descriptor back even if it was interrupted.
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
  }
}

extension StoreFile {
  /// Opens the file of that name in a directory, in place of the one that was open.
  @inline(never)
  mutating func open(_ name: StoreName, in directory: borrowing StoreFile, flags: Int32) {
    close()
    repeat {
      descriptor = unsafe nbiot_open_file(directory.descriptor, name.text, flags)
      if descriptor < 0 { descriptor = 0 &- nbiot_errno() }
    } while descriptor == -EINTR
  }

  /// Closes it; then there is none.
  @inline(never)
  mutating func close() {
    Self.end(descriptor)
    inverted = 0
  }

  /// Becomes the other one, which is none from then on.
  mutating func take(_ other: inout StoreFile) {
    Self.end(descriptor)
    inverted = other.inverted
    other.inverted = 0
  }

  /// Waits until the storage has what was written.
  ///
  /// Of the inode it has only as much as is needed to read the bytes again, unless `all` is asked
  /// for, as directories and new files need: a mark in place then costs no write of the inode.
  ///
  /// After a failure nothing is known of what was written since the last success, not even when a
  /// second call succeeds: Linux reports an error once and takes the pages for written.
  @inline(never)
  func sync(all: Bool) -> StoreResult {
    while (all ? fsync(descriptor) : fdatasync(descriptor)) != 0 {
      if nbiot_errno() != EINTR { return .failed(.sync) }
    }
    return .good
  }

  /// Looks at who else can do what with it, and how many bytes it has; fails with `notPrivate` where
  /// others can change it, it belongs to somebody else, or is no file.
  @inline(never)
  func look(_ found: inout FoundFile) -> StoreResult {
    var status = stat()
    // SAFETY: writes exactly one stat.
    guard unsafe fstat(descriptor, &status) == 0 else { return .failed(.open) }
    let kind = Int32(bitPattern: status.st_mode) & S_IFMT
    guard kind == S_IFREG || kind == S_IFDIR, status.st_uid == geteuid(),
      status.st_mode & 0o022 == 0
    else { return StoreResult(.notPrivate) }
    found.count = Int(clamping: status.st_size)
    found.isReadable = status.st_mode & 0o044 != 0
    return .good
  }

  /// Removes a file of this directory and says what `errno` was, or 0.
  @inline(never)
  @discardableResult
  func remove(_ name: StoreName) -> Int32 {
    unsafe unlinkat(descriptor, name.text, 0) == 0 ? 0 : nbiot_errno()
  }
}

/// What a look at a file found.
struct FoundFile {
  /// How many bytes it has.
  var count = 0
  /// Whether others than its owner can read it.
  var isReadable = false
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
