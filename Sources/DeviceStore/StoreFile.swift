// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// An open file or directory, or none; closed with the value.
///
/// Blocking calls are repeated when a signal interrupts them. Public only because the Embedded
/// build must see the deinitialisers of a public value's parts.
public struct StoreFile: ~Copyable {
  /// The inverted descriptor, so that no descriptor is zero, like most fields around it.
  private var inverted: Int32

  /// The descriptor, or the negated `errno` if the file could not be opened.
  private(set) var descriptor: Int32 {
    get { ~inverted }
    set { inverted = ~newValue }
  }

  var isOpen: Bool { descriptor >= 0 }

  /// The value of `errno` if the file could not be opened.
  var code: Int32 { 0 &- descriptor }

  /// Starts without a file.
  init() {
    inverted = 0
  }

  init(descriptor: Int32) {
    inverted = ~descriptor
  }

  /// Duplicates a descriptor, which shares the open file and its lock; there must be none yet.
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
    // Not repeated: Linux releases the descriptor even if the call is interrupted.
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
  }
}

extension StoreFile {
  /// Opens the file of that name in a directory, replacing the open one.
  @inline(never)
  mutating func open(_ name: StoreName, in directory: borrowing StoreFile, flags: Int32) {
    close()
    repeat {
      descriptor = unsafe nbiot_open_file(directory.descriptor, name.text, flags)
      if descriptor < 0 { descriptor = 0 &- nbiot_errno() }
    } while descriptor == -EINTR
  }

  /// Closes the file, leaving none.
  @inline(never)
  mutating func close() {
    Self.end(descriptor)
    inverted = 0
  }

  /// Takes over another file, which becomes none.
  mutating func take(_ other: inout StoreFile) {
    Self.end(descriptor)
    inverted = other.inverted
    other.inverted = 0
  }

  /// Waits until the written data is on the storage.
  ///
  /// Of the inode it syncs only what is needed to read the data again, unless `all` is set, as
  /// necessary for directories and new files: a mark in place then costs no write of the inode.
  ///
  /// After a failure the state of everything written since the last success is unknown, even if a
  /// second call succeeds: Linux reports an error once and then treats the pages as written.
  @inline(never)
  func sync(all: Bool) -> StoreResult {
    while (all ? fsync(descriptor) : fdatasync(descriptor)) != 0 {
      if nbiot_errno() != EINTR { return .failed(.sync) }
    }
    return .good
  }

  /// Checks the file's owner and mode, and returns its length; fails with `notPrivate` if others
  /// can change it, it belongs to another user, or it is not a file.
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

  /// Removes a file of this directory; returns `errno`, or 0.
  @inline(never)
  @discardableResult
  func remove(_ name: StoreName) -> Int32 {
    unsafe unlinkat(descriptor, name.text, 0) == 0 ? 0 : nbiot_errno()
  }
}

/// The result of checking a file.
struct FoundFile {
  /// The length in bytes.
  var count = 0
  /// Whether users other than its owner can read it.
  var isReadable = false
}

/// The files of the directory.
enum StoreName {
  case session
  case outbox
  case firmware
  #if !SMALL || GATEWAY
  case configuration, configurationPart, configurationState
  case subDevices, subDevicesPart, subDevicesState
  #endif
  /// The replacement of either file until it is complete; there is one at a time.
  case temporary

  /// The name, which ends with a zero byte and lives as long as the program.
  @unsafe
  var text: UnsafePointer<UInt8> {
    let name: StaticString =
      switch self {
      case .session: "session"
      case .outbox: "outbox"
      case .firmware: "firmware"
      #if !SMALL || GATEWAY
      case .configuration: "configuration"
      case .configurationPart: "configuration.part"
      case .configurationState: "configuration.state"
      case .subDevices: "sub-devices"
      case .subDevicesPart: "sub-devices.part"
      case .subDevicesState: "sub-devices.state"
      #endif
      case .temporary: "new"
      }
    return unsafe name.utf8Start
  }
}
