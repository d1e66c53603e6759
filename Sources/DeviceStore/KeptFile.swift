// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// A file of the state directory and its replacement: where it is opened, and the count of writes.
///
/// Public only because the Embedded build must see the deinitialisers of a public value's parts.
public struct KeptFile: ~Copyable {
  private(set) var directory = StoreFile()
  var file = StoreFile()
  /// The replacement, while it is being written.
  private var made = StoreFile()
  var writes = StoreWrites()

  /// Keeps the directory open; call it once, before anything else.
  @inline(never)
  mutating func join(_ directory: borrowing StateDirectory) { self.directory.copy(directory.file) }

  /// Uses a single file and the directory that contains it; call it once, before anything else.
  mutating func join(_ alone: borrowing SessionFile) {
    directory.copy(alone.folder)
    file.copy(alone.file)
  }

  /// An operation on bytes.
  enum Operation {
    case read
    case write
    /// Writes to the replacement.
    case writeAnew
  }

  /// Reads the first `count` bytes of a value, for which any bytes are valid, from `offset` on.
  ///
  /// Returns the number of bytes missing at the end of the file, or -1 if they cannot be read.
  @inline(__always)
  mutating func read<Value: BitwiseCopyable>(
    _ count: Int,
    into value: inout Value,
    at offset: Int
  ) -> Int {
    // SAFETY: the caller requests no more bytes than the value has.
    unsafe withUnsafeMutableBytes(of: &value) {
      unsafe move(count, $0.baseAddress.unsafelyUnwrapped, at: offset, .read)
    }
  }

  /// Writes the first `count` bytes of a value at `offset`.
  ///
  /// After a failure the contents there are unknown.
  @inline(__always)
  mutating func write<Value: BitwiseCopyable>(
    _ count: Int,
    of value: inout Value,
    at offset: Int,
    _ operation: Operation = .write
  ) -> StoreResult {
    // SAFETY: the caller requests no more bytes than the value has.
    unsafe withUnsafeMutableBytes(of: &value) {
      unsafe write(count, $0.baseAddress.unsafelyUnwrapped, at: offset, operation)
    }
  }

  #if !SMALL_REPORTS
  /// Reads `count` bytes into memory that has room for them, as above.
  @unsafe
  mutating func read(_ count: Int, into memory: UnsafeMutableRawPointer?, at offset: Int) -> Int {
    guard let memory = unsafe memory else { return -1 }
    return unsafe move(count, memory, at: offset, .read)
  }

  /// Writes `count` bytes of memory, as above.
  @unsafe
  mutating func write(
    _ count: Int,
    from memory: UnsafeMutableRawPointer?,
    at offset: Int,
    _ operation: Operation
  ) -> StoreResult {
    guard let memory = unsafe memory else { return StoreResult(.write, code: ENOMEM) }
    return unsafe write(count, memory, at: offset, operation)
  }
  #endif

  @unsafe
  @inline(never)
  private mutating func write(
    _ count: Int,
    _ bytes: UnsafeMutableRawPointer,
    at offset: Int,
    _ operation: Operation
  ) -> StoreResult {
    unsafe move(count, bytes, at: offset, operation) == 0 ? .good : .failed(.write)
  }

  /// Reads or writes; returns the number of bytes left to do, or -1 on failure.
  @unsafe
  @inline(never)
  private mutating func move(
    _ count: Int,
    _ bytes: UnsafeMutableRawPointer,
    at offset: Int,
    _ operation: Operation
  ) -> Int {
    var rest = count
    var bytes = unsafe bytes
    var offset = offset
    while rest > 0 {
      // SAFETY: the pointer covers exactly the rest of the bytes.
      let done =
        switch operation {
        case .read: unsafe nbiot_pread(file.descriptor, bytes, rest, offset)
        case .write: unsafe nbiot_pwrite(file.descriptor, bytes, rest, offset)
        case .writeAnew: unsafe nbiot_pwrite(made.descriptor, bytes, rest, offset)
        }
      if done == 0 { break }
      if done < 0 {
        if nbiot_errno() == EINTR { continue }
        return -1
      }
      rest &-= done
      unsafe bytes += done
      offset &+= done
      if operation != .read {
        writes.writes &+= 1
        writes.bytes &+= done
      }
    }
    return rest
  }

  /// Waits until the written data is on the storage; see `StoreFile.sync`.
  @inline(never)
  mutating func sync() -> StoreResult {
    writes.syncs &+= 1
    return file.sync(all: false)
  }

  /// Waits until the directory's names are on the storage.
  @inline(never)
  mutating func syncDirectory() -> StoreResult {
    writes.syncs &+= 1
    return directory.sync(all: true)
  }

  /// Creates the replacement of this file.
  ///
  /// It must not exist: the remains of an interrupted replacement are removed first.
  @inline(never)
  mutating func begin() -> StoreResult {
    directory.remove(.temporary)
    made.open(.temporary, in: directory, flags: O_RDWR | O_CREAT | O_EXCL)
    return made.isOpen ? .good : StoreResult(.open, code: made.code)
  }

  /// Replaces the file with the replacement if everything has succeeded so far; otherwise removes
  /// the replacement.
  ///
  /// The contents are synced before the rename: in the reverse order a power failure could leave
  /// the name with an empty file, and the old one gone. The caller must sync the directory: until
  /// then either file may reappear.
  @inline(never)
  mutating func finish(_ name: StoreName, after result: StoreResult) -> StoreResult {
    var result = result
    if result.isGood {
      writes.syncs &+= 1
      result = made.sync(all: true)
    }
    if result.isGood, !put(name) { result = .failed(.rename) }
    if result.isGood {
      writes.replacements &+= 1
      file.take(&made)
    } else {
      directory.remove(.temporary)
      made.close()
    }
    return result
  }

  /// Gives the replacement the file's name.
  private func put(_ name: StoreName) -> Bool {
    unsafe renameat(
      directory.descriptor,
      StoreName.temporary.text,
      directory.descriptor,
      name.text
    ) == 0
  }
}
