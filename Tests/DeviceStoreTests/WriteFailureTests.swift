// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import Foundation
import TestSupport
import Testing

@Suite("Writes that fail")
struct WriteFailureTests {
  let workspace = Workspace()

  private func error(_ item: Item, _ outbox: inout Outbox) -> OutboxError? {
    do throws(OutboxError) {
      _ = try addOrThrow(item, to: &outbox)
      return nil
    } catch {
      return error
    }
  }

  private func removalError(_ id: UInt64, _ outbox: inout Outbox) -> StoreError? {
    let result = outbox.remove(id)
    return result.isGood ? nil : result.error
  }

  @Test(arguments: [ENOSPC, EROFS, EIO, EDQUOT, EFBIG])
  func `an entry that cannot be written is not accepted and leaves no trace`(code: Int32) throws {
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([1]), to: &outbox)
      let before = workspace.bytes("outbox")
      Recorder.start()
      defer { Recorder.stop() }
      for partial in [0, 1, 30, 55] {
        Recorder.fail(RECORDED_WRITE, code: code, partial: partial)
        #expect(error(Item([2]), &outbox) == .store(.write(code: code)))
        #expect(workspace.bytes("outbox") == before)
      }
      #expect(outbox.counters.refused == 4 && outbox.nextID == 2 && outbox.count == 1)
      Recorder.succeed()
      #expect(add(Item([3]), to: &outbox) == 2)
    }
    var outbox = try Outbox(workspace.open())
    #expect(outbox.findings.cutBytes == 0 && outbox.findings.damaged == 0)
    #expect(drain(&outbox).map(\.payload) == [[1], [3]])
  }

  @Test func `an entry that cannot be cut off again is written over, or found once`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([1]), to: &outbox)
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(RECORDED_WRITE, code: ENOSPC, partial: 50)
      // The recorder fails one kind at a time: cut what the store has cut short by itself.
      #expect(error(Item([UInt8](repeating: 2, count: 60)), &outbox) != nil)
      let cut = workspace.bytes("outbox") ?? []
      workspace.append([UInt8](repeating: 0x4E, count: 50), to: "outbox")
      #expect((workspace.bytes("outbox") ?? []).count == cut.count + 50)
      Recorder.succeed()
      // Shorter than what was left there.
      _ = add(Item([]), to: &outbox)
    }
    var outbox = try Outbox(workspace.open())
    #expect(outbox.findings.cutBytes == 2 || outbox.findings.cutBytes == 0)
    #expect(drain(&outbox).map(\.payload) == [[1], []])
  }

  @Test func `an entry whose sync failed is not accepted, the next goes to a new file`() throws {
    var outbox = try Outbox(workspace.open())
    _ = add(Item([1]), to: &outbox)
    _ = add(Item([2]), to: &outbox)
    let inode = workspace.inode("outbox")
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_SYNC, times: 1, code: EIO)
    #expect(error(Item([3]), &outbox) == .store(.sync(code: EIO)))
    #expect(outbox.count == 2 && outbox.nextID == 3)
    #expect(workspace.inode("outbox") == inode)
    // Nobody knows what became of the blocks that were being written.
    #expect(add(Item([4]), to: &outbox) == 3)
    #expect(workspace.inode("outbox") != inode)
    #expect(drain(&outbox).map(\.payload) == [[1], [2], [4]])
  }

  @Test func `of entries that are added together none is accepted where the sync fails`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 6
    var outbox = try Outbox(workspace.open(), settings: settings)
    for index in 1...2 { _ = add(Item([UInt8(index)]), key: 5, to: &outbox) }
    let before = workspace.bytes("outbox")
    Recorder.start()
    defer { Recorder.stop() }
    for index in 3...5 {
      #expect(try write(Item([UInt8(index)], priority: 3), key: 5, to: &outbox) == index)
    }
    Recorder.fail(RECORDED_SYNC, times: 1, code: EIO)
    let result = outbox.commit()
    #expect(!result.isGood && result.error == .sync(code: EIO))
    #expect(outbox.count == 1 && outbox.nextID == 3 && workspace.bytes("outbox") == before)
    #expect(outbox.counters.accepted == 2 && outbox.counters.refused == 3)
    #expect(!outbox.shedNext() && outbox.counters.superseded == 1)
    #expect(peek(&outbox)?.id == 2)
    for index in 3...5 { #expect(try write(Item([UInt8(index)]), to: &outbox) == index) }
    #expect(outbox.commit().isGood)
    #expect(drain(&outbox).map(\.payload) == [[2], [3], [4], [5]])
  }

  @Test func `a disk that fills amid entries that are added together keeps those that fit`() throws
  {
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([1]), to: &outbox)
      Recorder.start()
      defer { Recorder.stop() }
      for index in 2...4 { try write(Item([UInt8(index)]), to: &outbox) }
      Recorder.fail(RECORDED_WRITE, code: ENOSPC, partial: 30)
      for _ in 0..<2 {
        #expect(throws: OutboxError.store(.write(code: ENOSPC))) {
          try write(Item([5]), to: &outbox)
        }
      }
      #expect(outbox.commit().isGood && outbox.count == 4 && outbox.nextID == 5)
      #expect(error(Item([5]), &outbox) == .store(.write(code: ENOSPC)))
      #expect(outbox.counters.accepted == 4 && outbox.counters.refused == 1)
    }
    var outbox = try Outbox(workspace.open())
    #expect(outbox.findings.cutBytes == 0 && outbox.findings.damaged == 0)
    #expect(drain(&outbox).map(\.payload) == [[1], [2], [3], [4]])
  }

  @Test func `while the storage fails nothing is accepted and nothing is lost`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      for index in 0..<5 { _ = add(Item([UInt8(index)]), to: &outbox) }
      Recorder.start()
      defer { Recorder.stop() }
      for kind in [RECORDED_SYNC, RECORDED_WRITE, RECORDED_CREATE, RECORDED_RENAME] {
        Recorder.fail(RECORDED_SYNC, times: 1, code: EIO)
        #expect(error(Item([9]), &outbox) != nil)
        for _ in 0..<3 {
          Recorder.fail(kind, code: EIO)
          #expect(error(Item([9]), &outbox) != nil)
          #expect(outbox.count == 5)
        }
        // Neither does a new file stay behind.
        #expect(workspace.names == ["outbox"])
      }
      Recorder.succeed()
    }
    var outbox = try Outbox(workspace.open())
    #expect(drain(&outbox).map(\.payload) == (0..<5).map { [UInt8($0)] })
  }

  @Test func `a new file whose name may not be durable takes no entry`() throws {
    var outbox = try Outbox(workspace.open())
    Recorder.start()
    defer { Recorder.stop() }
    // The file's sync succeeds, the directory's fails.
    Recorder.fail(RECORDED_SYNC, skip: 1, times: 1, code: EIO)
    #expect(error(Item([1]), &outbox) == .store(.sync(code: EIO)))
    #expect(workspace.names == ["outbox"])
    Recorder.fail(RECORDED_SYNC, skip: 1, times: 1, code: EIO)
    #expect(error(Item([1]), &outbox) == .store(.sync(code: EIO)))
    let inode = workspace.inode("outbox")
    Recorder.succeed()
    #expect(add(Item([2]), to: &outbox) == 1)
    #expect(workspace.inode("outbox") != inode)
  }

  @Test func `calls that a signal interrupts are made again`() throws {
    var outbox = try Outbox(workspace.open())
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_CREATE, times: 3, code: EINTR)
    #expect(add(Item([1]), to: &outbox) == 1)
    Recorder.fail(RECORDED_WRITE, times: 3, code: EINTR)
    #expect(add(Item([2]), to: &outbox) == 2)
    Recorder.fail(RECORDED_SYNC, times: 3, code: EINTR)
    #expect(add(Item([3]), to: &outbox) == 3)
    #expect(drain(&outbox).count == 3)
    var store = SessionStore(try StateDirectory(path: Array(Workspace().path.utf8).span))
    Recorder.fail(RECORDED_WRITE, times: 3, code: EINTR)
    try store.replace(with: Session.small.record)
    Recorder.fail(RECORDED_SYNC, times: 3, code: EINTR)
    try store.reserve(upTo: 1_000).check()
  }

  @Test func `on a full disk what is done makes room`() throws {
    var outbox = try Outbox(workspace.open())
    for index in 0..<30 { _ = add(Item([UInt8](repeating: UInt8(index), count: 90)), to: &outbox) }
    for _ in 0..<29 { _ = take(&outbox) }
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_WRITE, times: 1, code: ENOSPC)
    #expect(add(Item([77]), to: &outbox) == 31)
    #expect((workspace.bytes("outbox") ?? []).count < 1_000)
    #expect(drain(&outbox).map(\.id) == [30, 31])
  }

  @Test func `an entry from before whose removal fails is not given out again`() throws {
    for kind in [RECORDED_WRITE, RECORDED_SYNC] {
      let workspace = Workspace()
      do {
        var outbox = try Outbox(workspace.open())
        for index in 0..<3 { _ = add(Item([UInt8(index)]), to: &outbox) }
      }
      var outbox = try Outbox(workspace.open())
      Recorder.start()
      defer { Recorder.stop() }
      #expect(peek(&outbox)?.id == 1)
      Recorder.fail(kind, code: EIO)
      #expect(removalError(1, &outbox) != nil)
      #expect(removalError(1, &outbox) != nil)
      #expect(throws: StoreError.self) { _ = try outbox.next() }
      Recorder.succeed()
      // Accepting another one does not bring it back, either.
      _ = add(Item([9]), to: &outbox)
      #expect(removalError(1, &outbox) == nil)
      #expect(outbox.counters.delivered == 1 && outbox.count == 3)
      Recorder.stop()
      #expect(drain(&outbox).map(\.id) == [2, 3, 4])
    }
  }

  @Test func `next finishes the removal that failed`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      for index in 0..<3 { _ = add(Item([UInt8(index)]), to: &outbox) }
    }
    var outbox = try Outbox(workspace.open())
    Recorder.start()
    defer { Recorder.stop() }
    #expect(peek(&outbox)?.id == 1)
    Recorder.fail(RECORDED_SYNC, times: 1, code: EIO)
    #expect(removalError(1, &outbox) == .sync(code: EIO))
    #expect(peek(&outbox)?.id == 2)
    #expect(outbox.writes.replacements == 1 && outbox.count == 2)
  }

  @Test func `a mark that cannot be written does no harm`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 3
    settings.whenFull = .dropOldest
    var outbox = try Outbox(workspace.open(), settings: settings)
    _ = add(Item([0]), to: &outbox)
    _ = add(Item([1], expiresAt: 5), to: &outbox)
    _ = add(Item([2]), key: 7, to: &outbox)
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_WRITE, code: EROFS)
    #expect(removalError(1, &outbox) == .write(code: EROFS))
    Recorder.succeed()
    try outbox.remove(1).check()
    // Neither the one that is over is given out, nor is its end counted.
    Recorder.fail(RECORDED_WRITE, code: EROFS)
    #expect(peek(&outbox, at: 6)?.id == 3 && outbox.counters.expired == 0 && outbox.count == 2)
    Recorder.succeed()
    #expect(peek(&outbox, at: 6)?.id == 3 && outbox.counters.expired == 1 && outbox.count == 1)
  }

  @Test func `an entry whose marks on others fail is accepted, with an entry too much`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 3
    settings.whenFull = .dropOldest
    var outbox = try Outbox(workspace.open(), settings: settings)
    for index in 1...3 { _ = add(Item([UInt8(index)]), key: index == 1 ? 9 : 0, to: &outbox) }
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_WRITE, skip: 1, code: EIO)
    #expect(add(Item([4]), key: 9, to: &outbox) == 4)
    #expect(outbox.count == 4 && outbox.counters.superseded == 0 && outbox.counters.dropped == 0)
    Recorder.succeed()
    #expect(drain(&outbox).map(\.id) == [1, 2, 3, 4])
  }

  @Test func `a session that cannot be replaced stays, and no number is reserved`() throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(RECORDED_WRITE, code: ENOSPC, partial: 9)
      #expect(throws: StoreError.self) { try store.replace(with: Session.large.record) }
      #expect(throws: StoreError.noSession) { try store.reserve(upTo: .max).check() }
      #expect(workspace.names == ["session"])
    }
    #expect(workspace.load(Session.small.fingerprint).session == .small)
  }

  @Test(arguments: [RECORDED_CREATE, RECORDED_RENAME])
  func `a session takes the place of another one where no file can be made`(kind: Int) throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
    }
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(kind, code: ENOSPC)
    // Also one of another device, or a damaged one.
    var store = SessionStore(try workspace.open())
    var record = SessionRecord()
    let fingerprint = Session.large.fingerprint
    #expect(try store.load(for: fingerprint.span, into: &record) == .foreign)
    try store.replace(with: Session.large.record)
    try store.reserve(upTo: Session.large.ceiling + 64).check()
    #expect((workspace.bytes("session") ?? []).count == 4_096 + 2_360)
  }

  @Test(arguments: [RECORDED_WRITE, RECORDED_CREATE, RECORDED_RENAME])
  func `a session that cannot be stored first reserves no number`(kind: Int) throws {
    var store = SessionStore(try workspace.open())
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(kind, code: ENOSPC, partial: 9)
    #expect(throws: StoreError.self) { try store.replace(with: Session.small.record) }
    #expect(throws: StoreError.noSession) { try store.reserve(upTo: .max).check() }
    #expect(workspace.names == [])
    Recorder.succeed()
    try store.replace(with: Session.small.record)
    try store.reserve(upTo: 100).check()
  }

  @Test(arguments: [RECORDED_WRITE, RECORDED_SYNC])
  func `a number that cannot be reserved may be tried again`(kind: Int) throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(kind, code: EIO)
      #expect(throws: StoreError.self) { try store.reserve(upTo: 128).check() }
      #expect(throws: StoreError.self) { try store.reserve(upTo: 128).check() }
      Recorder.succeed()
      try store.reserve(upTo: 128).check()
    }
    #expect(workspace.load(Session.small.fingerprint).session.ceiling == 128)
    // Torn, it is not used.
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      let fingerprint = Session.small.fingerprint
      _ = try store.load(for: fingerprint.span, into: &record)
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(RECORDED_WRITE, code: EIO, partial: 5)
      #expect(throws: StoreError.self) { try store.reserve(upTo: 0xFFFF_FFFF_FFFF).check() }
    }
    #expect(workspace.load(Session.small.fingerprint).finding == .damaged(.reservation))
  }

  @Test func `an outbox neither of whose headers can be read stays as it is`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([1]), to: &outbox)
    }
    do {
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.makeUnreadable(0..<1024)
      #expect(throws: StoreError.read(code: EIO)) { _ = try Outbox(workspace.open()) }
    }
    var outbox = try Outbox(workspace.open())
    #expect(drain(&outbox).map(\.id) == [1])
  }

  @Test(arguments: [512, 1024, 3584])
  func `a sector that cannot be read keeps its entries until it can, and stops no other`(
    start: Int
  ) throws {
    var settings = OutboxSettings()
    settings.maxBytes = 8_000
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      for index in 0..<40 {
        _ = add(Item([UInt8](repeating: UInt8(index), count: 31)), to: &outbox)
      }
    }
    #expect((workspace.bytes("outbox") ?? []).count == 560 + 40 * 96)
    var unread: Set<UInt64> = []
    var added: UInt64 = 0
    do {
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.makeUnreadable(start..<start + 512)
      var outbox = try Outbox(workspace.open(), settings: settings)
      // It is not written anew without them.
      #expect(outbox.writes.replacements == 0 && outbox.findings.cutBytes == 0)
      let whole = (1...40).filter {
        560 + $0 * 96 <= start || 560 + ($0 - 1) * 96 >= start + 512
      }
      unread = Set((1...40).filter { !whole.contains(Int($0)) })
      added = add(Item([7]), to: &outbox)
      #expect(added > 40)
      let found = drain(&outbox).map(\.id)
      #expect(found == whole.map { UInt64($0) } + [added])
      // When the file is full it would have to be.
      var last: OutboxError?
      for _ in 0..<200 where last == nil {
        last = error(Item([UInt8](repeating: 1, count: 200)), &outbox)
        _ = take(&outbox)
      }
      #expect(last == .store(.read(code: EIO)))
    }
    var outbox = try Outbox(workspace.open(), settings: settings)
    #expect(Set(drain(&outbox).map(\.id)).intersection(1...40) == unread)
  }

  @Test func `a full disk that refuses every new file takes entries as long as others go`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 2_000
    var outbox = try Outbox(workspace.open(), settings: settings)
    // The first entry stays; the others come and go behind it.
    let first = add(Item([0xEE]), to: &outbox)
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_CREATE, code: ENOSPC)
    for index in 0..<300 {
      let id = add(
        Item([UInt8](repeating: UInt8(index & 0xFF), count: 90), priority: 1),
        to: &outbox
      )
      #expect(id == UInt64(index + 2))
      if index % 3 == 2 { for _ in 0..<3 { _ = take(&outbox) } }
      #expect((workspace.bytes("outbox") ?? []).count <= 2 * settings.maxBytes + 560)
    }
    #expect(drain(&outbox).map(\.id) == [first])
    let truncations = Recorder.finish().count { $0.kind == RECORDED_TRUNCATE }
    #expect(truncations > 5)
  }

  @Test(.enabled(if: getuid() == 0, "only root can mount"))
  func `on a small disk only what waits takes room`() throws {
    let workspace = Workspace()
    _ = unsafe mkdir(workspace.path, 0o700)
    guard unsafe mount("none", workspace.path, "tmpfs", 0, "size=40k,mode=700") == 0 else {
      try Test.cancel("no file system can be mounted here")
    }
    defer { _ = unsafe umount2(workspace.path, Int32(MNT_DETACH)) }
    var outbox = try Outbox(workspace.open())
    var sent: [UInt64] = []
    var accepted: [UInt64] = []
    for _ in 0..<20 {
      while case let id = add(Item([UInt8](repeating: 7, count: 400)), to: &outbox), id != 0 {
        accepted.append(id)
      }
      // All but some, then all.
      while outbox.count > 5, let item = take(&outbox) { sent.append(item.id) }
      let id = add(Item([1]), to: &outbox)
      #expect(id != 0)
      accepted.append(id)
      while let item = take(&outbox) { sent.append(item.id) }
    }
    #expect(accepted.count > 20 * 40)
    #expect(sent == accepted)
  }

  @Test(.enabled(if: getuid() == 0, "only root can mount"))
  func `a disk that is really full refuses entries and takes them again`() throws {
    let workspace = Workspace()
    _ = unsafe mkdir(workspace.path, 0o700)
    guard unsafe mount("none", workspace.path, "tmpfs", 0, "size=48k,mode=700") == 0 else {
      try Test.cancel("no file system can be mounted here")
    }
    defer { _ = unsafe umount2(workspace.path, Int32(MNT_DETACH)) }
    var accepted: [UInt64] = []
    do {
      var outbox = try Outbox(workspace.open())
      var store = SessionStore(try StateDirectory(path: Array(self.workspace.path.utf8).span))
      try store.replace(with: Session.small.record)
      for index in 0..<100 {
        let id = add(Item([UInt8](repeating: UInt8(index), count: 1_000)), to: &outbox)
        if id != 0 { accepted.append(id) }
      }
      #expect(accepted.count > 40 && accepted.count < 48)
      // Marks need no room.
      for id in accepted.prefix(accepted.count - 2) { #expect(take(&outbox)?.id == id) }
    }
    var outbox = try Outbox(workspace.open())
    #expect(outbox.findings.cutBytes == 0 && outbox.findings.kept == 2)
    #expect(drain(&outbox).map(\.id) == Array(accepted.suffix(2)))
  }
}

extension Workspace {
  func append(_ bytes: [UInt8], to name: String) {
    let descriptor = unsafe Foundation.open(file(name), O_WRONLY | O_APPEND)
    _ = unsafe write(descriptor, bytes, bytes.count)
    close(descriptor)
  }
}
