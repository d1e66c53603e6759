// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import Foundation
import SystemClocks
import TestSupport
import Testing

@Suite("The state directory")
struct StateDirectoryTests {
  let workspace = Workspace()

  private func error(_ path: String) -> StoreError? {
    error(Array(path.utf8))
  }

  private func error(_ path: [UInt8]) -> StoreError? {
    do throws(StoreError) {
      _ = try StateDirectory(path: path.span)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a directory that is missing is made, for its owner alone`() throws {
    #expect(error(workspace.path) == nil)
    #expect(workspace.mode(".") == 0o700)
    #expect(error(workspace.path) == nil)
    #expect(error(workspace.path + "/no/such") == .directory(code: ENOENT))
  }

  @Test func `what is no path is refused`() {
    #expect(error("") == .directory(code: ENOENT))
    #expect(error([0x61, 0, 0x62]) == .directory(code: EINVAL))
    #expect(error([UInt8](repeating: 0x61, count: 1024)) == .directory(code: ENAMETOOLONG))
    workspace.put([1], as: "file")
    #expect(error(workspace.file("file")) == .directory(code: ENOTDIR))
  }

  @Test func `it is held until the last of its stores is gone`() throws {
    do {
      let directory = try workspace.open()
      #expect(error(workspace.path) == .inUse)
      _ = directory.self
    }
    #expect(error(workspace.path) == nil)
    do {
      var outbox = try Outbox(workspace.open())
      #expect(error(workspace.path) == .inUse)
      _ = add(Item([1]), to: &outbox)
    }
    #expect(error(workspace.path) == nil)
    do {
      var store = SessionStore(try workspace.open())
      #expect(error(workspace.path) == .inUse)
      try store.replace(with: Session.small.record)
    }
    #expect(error(workspace.path) == nil)
  }

  /// As a child of this process does between `fork` and `exec`.
  @Test func `one that holds it for a moment is waited for`() throws {
    _ = try workspace.open()
    let descriptor = unsafe Foundation.open(workspace.path, O_RDONLY)
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    Thread.detachNewThread {
      usleep(50_000)
      close(descriptor)
    }
    #expect(error(workspace.path) == nil)
  }

  @Test func `one that others can write to is refused, one that they can list is not`() throws {
    _ = try workspace.open()
    for (mode, isRefused) in [(0o755, false), (0o750, false), (0o770, true), (0o707, true)] {
      _ = unsafe chmod(workspace.path, mode_t(mode))
      #expect(error(workspace.path) == (isRefused ? .notPrivate : nil))
    }
  }

  @Test(.enabled(if: getuid() == 0, "only root can give a directory away"))
  func `one of somebody else is refused`() throws {
    _ = try workspace.open()
    _ = unsafe chown(workspace.path, 12_345, 12_345)
    #expect(error(workspace.path) == .notPrivate)
  }

  @Test func `what an interrupted replacement left is removed`() throws {
    workspace.put([1, 2, 3], as: "new")
    workspace.put([4], as: "other")
    _ = try workspace.open()
    #expect(workspace.names == ["other"])
  }

  @Test func `an outbox that others can read is mended, one that they can change refused`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([1]), to: &outbox)
    }
    #expect(workspace.mode("outbox") == 0o600)
    _ = unsafe chmod(workspace.file("outbox"), 0o644)
    do {
      let outbox = try Outbox(workspace.open())
      #expect(outbox.findings.wasReadable && outbox.count == 1)
    }
    #expect(workspace.mode("outbox") == 0o600)
    for mode in [0o620, 0o602, 0o666] as [mode_t] {
      _ = unsafe chmod(workspace.file("outbox"), mode)
      #expect(throws: StoreError.notPrivate) { _ = try Outbox(workspace.open()) }
    }
    _ = unsafe unlink(workspace.file("outbox"))
    _ = unsafe symlink("/etc/passwd", workspace.file("outbox"))
    #expect(throws: StoreError.notPrivate) { _ = try Outbox(workspace.open()) }
    _ = unsafe unlink(workspace.file("outbox"))
    _ = unsafe mkfifo(workspace.file("outbox"), 0o600)
    #expect(throws: StoreError.notPrivate) { _ = try Outbox(workspace.open()) }
    _ = unsafe unlink(workspace.file("outbox"))
    _ = unsafe mkdir(workspace.file("outbox"), 0o700)
    #expect(throws: StoreError.open(code: EISDIR)) { _ = try Outbox(workspace.open()) }
  }

  @Test func `the calendar is told where it is synchronised, and else not`() {
    let before = UInt64(Date().timeIntervalSince1970)
    let now = WallClock.now()
    let after = UInt64(Date().timeIntervalSince1970)
    // The kernel's coarse clock may be a tick behind.
    #expect(now == 0 || (before - 1...after).contains(now))
  }

  @Test func `errors say what to do`() {
    let errors: [StoreError] = [
      .directory(code: 2), .inUse, .notPrivate, .open(code: 13), .read(code: 5), .write(code: 28),
      .sync(code: 5), .rename(code: 5), .version, .oldVersion,
      .tooLarge, .noSession,
    ]
    for error in errors { #expect(error.description.count > 20) }
    #expect(Set(errors.map(\.description)).count == errors.count)
    #expect(OutboxError.store(.inUse).description == StoreError.inUse.description)
    #expect(OutboxError.full.description != OutboxError.tooLong.description)
  }
}
