// SPDX-License-Identifier: Apache-2.0
import FileRecorder
import Foundation
import TestSupport

/// What a directory's files are after the power goes amid a recorded run.
///
/// Only a sync makes anything durable. What was not synced may be there, be missing or be there in
/// part, each write by itself; names change in order, up to any point.
struct Disk {
  private enum Change {
    case write(offset: Int, [UInt8])
    case truncate(Int)
  }

  private enum NameChange {
    case create(String, UInt64)
    case rename(String, to: String)
    case unlink(String)
  }

  private var contents: [UInt64: [UInt8]] = [:]
  private var changes: [UInt64: [Change]] = [:]
  private var names: [String: UInt64] = [:]
  private var nameChanges: [NameChange] = []
  private let directory: UInt64

  /// Starts with what is durable.
  init(_ files: [String: [UInt8]], inodes: [String: UInt64], directory: UInt64) {
    self.directory = directory
    for (name, bytes) in files {
      guard let inode = inodes[name] else { continue }
      contents[inode] = bytes
      names[name] = inode
    }
  }

  /// Goes on by one operation.
  ///
  /// After a sync that failed the system takes the pages for written, whatever became of them: `random`
  /// decides which were.
  mutating func apply(_ operation: Operation, _ random: inout SeededRandom) {
    let inode = operation.inode
    switch operation.kind {
    case RECORDED_CREATE:
      contents[inode] = []
      changes[inode] = []
      nameChanges.append(.create(operation.name, inode))
    case RECORDED_WRITE:
      changes[inode, default: []].append(.write(offset: operation.offset, operation.bytes))
    case RECORDED_TRUNCATE: changes[inode, default: []].append(.truncate(operation.offset))
    case RECORDED_SYNC where operation.isDirectory:
      if inode != directory { return }
      for change in nameChanges { Self.apply(change, to: &names) }
      nameChanges = []
    case RECORDED_SYNC:
      for change in changes[inode] ?? [] { Self.apply(change, to: &contents[inode, default: []]) }
      changes[inode] = []
    case RECORDED_FAILED_SYNC where !operation.isDirectory:
      for change in changes[inode] ?? [] {
        Self.apply(change, to: &contents[inode, default: []], random.next())
      }
      changes[inode] = []
    case RECORDED_RENAME: nameChanges.append(.rename(operation.name, to: operation.target))
    case RECORDED_UNLINK: nameChanges.append(.unlink(operation.name))
    default: break
    }
  }

  enum Loss {
    /// All that was not synced is gone.
    case everything
    /// All of it is there, as after the end of a process alone.
    case nothing
    /// The last write is there up to so many bytes, all others whole.
    case lastAfter(Int)
    case random
  }

  /// What is there after the power goes now.
  func cut(_ loss: Loss, _ random: inout SeededRandom) -> [String: [UInt8]] {
    var names = names
    let count =
      switch loss {
      case .everything: 0
      case .nothing, .lastAfter: nameChanges.count
      case .random: Int(random.next() % UInt64(nameChanges.count + 1))
      }
    for change in nameChanges.prefix(count) { Self.apply(change, to: &names) }
    var files: [String: [UInt8]] = [:]
    for (name, inode) in names.sorted(by: { $0.key < $1.key }) {
      var bytes = contents[inode] ?? []
      let pending = changes[inode] ?? []
      for (index, change) in pending.enumerated() {
        switch loss {
        case .everything: break
        case .nothing: Self.apply(change, to: &bytes)
        case .lastAfter(let count):
          if index < pending.count - 1 {
            Self.apply(change, to: &bytes)
          } else if case .write(let offset, let all) = change {
            Self.apply(.write(offset: offset, Array(all.prefix(count))), to: &bytes)
          }
        case .random: Self.apply(change, to: &bytes, random.next())
        }
      }
      files[name] = bytes
    }
    return files
  }

  /// Whether what was written last is not synced, and how long it is.
  var lastWriteCount: Int {
    for inode in names.values.sorted() + changes.keys.sorted() {
      if case .write(_, let bytes)? = changes[inode]?.last { return bytes.count }
    }
    return 0
  }

  private static func apply(_ change: NameChange, to names: inout [String: UInt64]) {
    switch change {
    case .create(let name, let inode): names[name] = inode
    case .rename(let name, let target):
      names[target] = names[name]
      names[name] = nil
    case .unlink(let name): names[name] = nil
    }
  }

  private static func apply(_ change: Change, to bytes: inout [UInt8]) {
    switch change {
    case .truncate(let count):
      if bytes.count > count { bytes.removeLast(bytes.count - count) }
      if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
    case .write(let offset, let new):
      if new.isEmpty { return }
      if bytes.count < offset + new.count {
        bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count)
      }
      bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }
  }

  /// Applies a change, or not, or as far as it went: its start, or its sectors one by one.
  private static func apply(_ change: Change, to bytes: inout [UInt8], _ choice: UInt64) {
    guard case .write(let offset, let new) = change else {
      if choice & 1 == 0 { apply(change, to: &bytes) }
      return
    }
    switch choice % 4 {
    case 0: return
    case 1: apply(change, to: &bytes)
    case 2:
      let count = Int(choice >> 8) % (new.count + 1)
      apply(.write(offset: offset, Array(new.prefix(count))), to: &bytes)
    default:
      // The file has its new length, and some sectors of what was written.
      var kept = bytes
      apply(change, to: &bytes)
      if kept.count < bytes.count { kept += [UInt8](repeating: 0, count: bytes.count - kept.count) }
      for index in offset..<offset + new.count {
        if choice >> (UInt64(index / 512) % 48 + 8) & 1 == 0 { bytes[index] = kept[index] }
      }
    }
  }
}

/// A call that changed a file.
struct Operation {
  /// `RECORDED_…`.
  var kind: Int
  var isDirectory: Bool
  var inode: UInt64
  var offset: Int
  var bytes: [UInt8]
  var name: String
  var target: String

  init(_ index: Int) {
    // SAFETY: the recorder's memory, read before it is used again on this thread.
    let recorded = unsafe recorder_operation(index).pointee
    kind = Int(unsafe recorded.kind)
    isDirectory = unsafe recorded.is_directory != 0
    inode = unsafe recorded.inode
    offset = Int(unsafe recorded.offset)
    bytes = unsafe Array(UnsafeBufferPointer(start: recorded.bytes, count: recorded.count))
    name = Self.text(unsafe recorded.name)
    target = Self.text(unsafe recorded.target)
  }

  private static func text<Name>(_ name: Name) -> String {
    unsafe withUnsafeBytes(of: name) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}

/// What the store does to its files on this thread, from `start` on.
enum Recorder {
  static func start() { recorder_start() }
  static func stop() { recorder_stop() }
  static var count: Int { recorder_count() }

  /// What was read so far.
  static var reads: [Range<Int>] {
    (0..<recorder_read_count()).map {
      let read = recorder_read($0)
      return Int(read.offset)..<Int(read.offset) + read.count
    }
  }

  /// Stops, and hands over what was done.
  static func finish() -> [Operation] {
    let operations = (0..<count).map { Operation($0) }
    stop()
    return operations
  }

  /// Makes calls of a kind fail: after `skip` of them the next `times`.
  static func fail(
    _ kind: Int,
    skip: Int = 0,
    times: Int = 1_000_000,
    code: Int32,
    partial: Int = 0
  ) {
    recorder_fail(Int32(kind), Int32(skip), Int32(times), code, Int32(partial))
  }

  /// Lets nothing happen any more after so many calls, as if the process were killed there.
  static func kill(after count: Int) { fail(RECORDED_ANY, skip: count, code: EIO) }

  /// Makes a part of every file unreadable, until the recorder stops.
  static func makeUnreadable(_ range: Range<Int>) {
    recorder_make_unreadable(Int64(range.lowerBound), Int64(range.upperBound))
  }

  static func succeed() { recorder_fail(0, 0, 0, 0, 0) }
}

extension Workspace {
  /// The files as they are now, taken for durable.
  var disk: Disk {
    var inodes: [String: UInt64] = [:]
    for name in names { inodes[name] = inode(name) }
    return Disk(files, inodes: inodes, directory: inode("."))
  }

  /// The files as they are now.
  var files: [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in names { files[name] = bytes(name) }
    return files
  }

  func inode(_ name: String) -> UInt64 {
    var status = stat()
    _ = unsafe stat(file(name), &status)
    return UInt64(status.st_ino)
  }

  /// Makes the directory hold exactly those files.
  func become(_ files: [String: [UInt8]]) {
    for name in names { _ = unsafe unlink(file(name)) }
    for (name, bytes) in files { put(bytes, as: name) }
  }
}
