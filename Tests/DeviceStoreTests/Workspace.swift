// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import Foundation
import TestSupport

/// A directory of its own that goes with the value.
///
/// In memory where the system has a place for that: thousands of tries would wait for the disk.
final class Workspace {
  let path: String

  init() {
    let memory = "/dev/shm"
    let folder =
      FileManager.default.isWritableFile(atPath: memory)
      ? memory : FileManager.default.temporaryDirectory.path
    path = folder + "/device-store-\(UUID().uuidString)"
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func open() throws(StoreError) -> StateDirectory {
    try StateDirectory(path: Array(path.utf8).span)
  }

  func file(_ name: String) -> String { path + "/" + name }

  var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  func bytes(_ name: String) -> [UInt8]? {
    let descriptor = unsafe Foundation.open(file(name), O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var all = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
    let count = unsafe pread(descriptor, &all, all.count, 0)
    return Array(all.prefix(max(0, count)))
  }

  /// Puts a file with those contents in the directory, as the device makes them.
  func put(_ bytes: [UInt8], as name: String, mode: mode_t = 0o600) {
    _ = unsafe mkdir(path, 0o700)
    _ = unsafe unlink(file(name))
    let descriptor = unsafe Foundation.open(file(name), O_WRONLY | O_CREAT | O_TRUNC, mode)
    _ = unsafe write(descriptor, bytes, bytes.count)
    _ = fchmod(descriptor, mode)
    close(descriptor)
  }

  func mode(_ name: String) -> mode_t {
    var status = stat()
    _ = unsafe stat(file(name), &status)
    return status.st_mode & 0o777
  }
}

/// An entry that a test can compare.
struct Item: Equatable, CustomStringConvertible {
  var id: UInt64 = 0
  var topic = "t"
  var payload: [UInt8] = []
  var contentFormat: UInt16 = 50
  var priority: UInt8 = 0
  var expiresAt: UInt64 = 0

  init(_ payload: [UInt8], topic: String = "t", priority: UInt8 = 0, expiresAt: UInt64 = 0) {
    self.payload = payload
    self.topic = topic
    self.priority = priority
    self.expiresAt = expiresAt
  }

  var description: String { "\(id):\(topic)[\(payload.count)]p\(priority)e\(expiresAt)" }
}

/// What these tests ask of the stores, in the form that they ask for it.
extension Outbox {
  init(
    _ directory: borrowing StateDirectory,
    settings: OutboxSettings = OutboxSettings()
  ) throws(StoreError) {
    self.init()
    try open(in: directory, settings: settings).check()
  }

  /// Finds the next entry of an outbox that gives out one at a time.
  mutating func findNext(at now: TimeStamp) -> StoreResult {
    var none = NoTakenEntries()
    return findNext(at: now, beside: &none)
  }

  /// Ends the next entry that has to give way in such an outbox.
  mutating func shedNext() -> Bool {
    var none = NoTakenEntries()
    return shedNext(beside: &none)
  }

  /// Finds the next entry, past those that have ended.
  mutating func next(at date: UInt64 = 0) throws(StoreError) -> Item? {
    repeat { try findNext(at: .seconds(date)).check() } while ended.id != 0
    if inFlight == 0 { return nil }
    var item = Item(array(payload), topic: String(decoding: array(topic), as: UTF8.self))
    item.id = inFlight
    item.contentFormat = contentFormat
    item.priority = inFlightPriority
    item.expiresAt = inFlightLifetime == 0 ? 0 : UInt64(inFlightLifetime) + 1
    return item
  }
}

extension SessionStore {
  init(_ directory: borrowing StateDirectory) {
    self.init()
    join(directory)
  }

  init(_ file: borrowing SessionFile) {
    self.init()
    join(file)
  }

  mutating func load(
    for fingerprint: Span<UInt8>,
    into record: inout SessionRecord
  ) throws(StoreError) -> SessionFinding {
    var wanted = FixedBytes<32>()
    do throws(CapacityError) {
      try wanted.replace(with: fingerprint)
    } catch {
      preconditionFailure("a fingerprint has at most 32 bytes")
    }
    var finding = SessionFinding.none
    try load(for: wanted, into: &record, &finding).check()
    return finding
  }

  mutating func replace(with record: SessionRecord) throws(StoreError) {
    var copy = record
    try replace(with: &copy).check()
  }
}

/// Appends and says what the number is, 0 when it was refused.
func add(_ item: Item, key: UInt64 = 0, to outbox: inout Outbox) -> UInt64 {
  do throws(OutboxError) { return try addOrThrow(item, key: key, to: &outbox) } catch { return 0 }
}

func addOrThrow(
  _ item: Item,
  key: UInt64 = 0,
  to outbox: inout Outbox
) throws(OutboxError) -> UInt64 {
  let id = try write(item, key: key, to: &outbox)
  let result = outbox.commit()
  if !result.isGood { throw .store(result.error) }
  while outbox.shedNext() {}
  return id
}

/// Adds an entry that is still to be made durable.
@discardableResult
func write(
  _ item: Item,
  key: UInt64 = 0,
  mark: String = "",
  to outbox: inout Outbox
) throws(OutboxError) -> UInt64 {
  let topic = Array(item.topic.utf8)
  let mark = Array(mark.utf8)
  var none = NoTakenEntries()
  return try outbox.add(
    topic.span,
    item.payload.span,
    mark: mark.span,
    item.contentFormat,
    item.priority,
    // Accepted at 0 s: over when more than its lifetime has passed.
    item.expiresAt == 0 ? 0 : UInt32(item.expiresAt - 1),
    key,
    beside: &none,
    at: .seconds(0)
  )
}

extension TimeStamp {
  /// So long after the start of a machine whose clock is not synchronised.
  static func seconds(_ count: UInt64, boot: UInt64 = 1, date: UInt64 = 0) -> TimeStamp {
    TimeStamp(boot: boot, instant: Instant(milliseconds: Int64(count) * 1_000), date: date)
  }
}

/// The next entry, `nil` when there is none or it cannot be read.
func peek(_ outbox: inout Outbox, at date: UInt64 = 0) -> Item? {
  do throws(StoreError) { return try outbox.next(at: date) } catch { return nil }
}

/// Takes the next entry out.
func take(_ outbox: inout Outbox, at date: UInt64 = 0) -> Item? {
  do throws(StoreError) {
    guard let item = try outbox.next(at: date) else { return nil }
    try outbox.remove(item.id).check()
    return item
  } catch {
    return nil
  }
}

/// Takes everything out.
func drain(_ outbox: inout Outbox) -> [Item] {
  var items: [Item] = []
  while let item = take(&outbox) { items.append(item) }
  return items
}
