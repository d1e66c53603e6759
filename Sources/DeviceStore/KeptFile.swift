internal import CPOSIX

/// A file of the state directory with what takes its place: where it is opened, and what was written.
///
/// Public only because the Embedded build must see how a part of a public value ends.
public struct KeptFile: ~Copyable {
  private(set) var directory = StoreFile()
  var file = StoreFile()
  /// What is to take the file's place, while it is written.
  private var made = StoreFile()
  var writes = StoreWrites()

  /// Keeps the directory open; to be called once, before anything else.
  @inline(never)
  mutating func join(_ directory: borrowing StateDirectory) { self.directory.copy(directory.file) }

  /// Keeps a file that stands alone and the folder that it is in; to be called once, before anything else.
  mutating func join(_ alone: borrowing SessionFile) {
    directory.copy(alone.folder)
    file.copy(alone.file)
  }

  /// What is done with bytes.
  enum Operation {
    case read
    case write
    /// To what is to take the file's place.
    case writeAnew
  }

  /// Reads the first `count` bytes of a value, any bytes of which make one, from `offset` on.
  ///
  /// Returns how many of them are missing because the file ends, -1 when they cannot be read.
  @inline(__always)
  mutating func read<Value: BitwiseCopyable>(
    _ count: Int,
    into value: inout Value,
    at offset: Int
  ) -> Int {
    // SAFETY: the caller asks for no more than the value has.
    unsafe withUnsafeMutableBytes(of: &value) {
      unsafe move(count, $0.baseAddress.unsafelyUnwrapped, at: offset, .read)
    }
  }

  /// Writes the first `count` bytes of a value from `offset` on.
  ///
  /// What stands there is unknown when it fails.
  @inline(__always)
  mutating func write<Value: BitwiseCopyable>(
    _ count: Int,
    of value: inout Value,
    at offset: Int,
    _ operation: Operation = .write
  ) -> StoreResult {
    // SAFETY: the caller asks for no more than the value has.
    unsafe withUnsafeMutableBytes(of: &value) {
      unsafe write(count, $0.baseAddress.unsafelyUnwrapped, at: offset, operation)
    }
  }

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

  /// Reads or writes; returns how many bytes are left to do, -1 when it failed.
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

  /// Waits until the storage has what was written to the file; see `StoreFile.sync`.
  @inline(never)
  mutating func sync() -> StoreResult {
    writes.syncs &+= 1
    return file.sync(all: false)
  }

  /// Waits until the storage has the names of the directory.
  @inline(never)
  mutating func syncDirectory() -> StoreResult {
    writes.syncs &+= 1
    return directory.sync(all: true)
  }

  /// Makes the file that is to take the place of this one.
  ///
  /// Only where there is none: what an interrupted replacement left is removed first.
  @inline(never)
  mutating func begin() -> StoreResult {
    directory.remove(.temporary)
    made.open(.temporary, in: directory, flags: O_RDWR | O_CREAT | O_EXCL)
    return made.isOpen ? .good : StoreResult(.open, code: made.code)
  }

  /// Puts what was made in the place of the file, if all went well so far; else it is removed.
  ///
  /// First the contents, then the name: the other way round a power cut could leave the name with a
  /// file without contents, and the old one gone. The directory is the caller's to sync: until then
  /// either file may come back.
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

  /// Gives the made file its name.
  private func put(_ name: StoreName) -> Bool {
    unsafe renameat(
      directory.descriptor,
      StoreName.temporary.text,
      directory.descriptor,
      name.text
    ) == 0
  }
}
