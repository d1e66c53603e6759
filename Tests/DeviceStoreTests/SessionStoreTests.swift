// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import Foundation
import TestSupport
import Testing

/// A session that a test can compare.
struct Session: Equatable {
  var fingerprint: [UInt8]
  var token: [UInt8]
  var random: [UInt8]
  var ceiling: UInt64
  var obtainedAt: KeptTime
  var channel: [UInt8]

  static let small = Session(
    fingerprint: Array(0..<32),
    token: Array("0123456789abcdef".utf8),
    random: [UInt8](repeating: 0x52, count: 32),
    ceiling: 64,
    obtainedAt: KeptTime(boot: 77, seconds: 5, date: 1_790_000_000),
    channel: []
  )
  static let large = Session(
    fingerprint: Array(32..<64),
    token: [UInt8](repeating: 0x54, count: 192),
    random: [],
    ceiling: 0x0102_0304_0506,
    obtainedAt: KeptTime(),
    channel: (0..<2048).map { UInt8(truncatingIfNeeded: $0 &* 7) }
  )
  static let bare = Session(
    fingerprint: Array(1...32),
    token: [],
    random: [],
    ceiling: 0,
    obtainedAt: KeptTime(),
    channel: []
  )

  var record: SessionRecord {
    var record = SessionRecord()
    try? record.fingerprint.replace(with: fingerprint.span)
    try? record.token.replace(with: token.span)
    try? record.random.replace(with: random.span)
    try? record.channel.replace(with: channel.span)
    record.ceiling = ceiling
    record.obtainedAt = obtainedAt
    return record
  }

  init(_ record: borrowing SessionRecord) {
    fingerprint = array(record.fingerprint.bytes)
    token = array(record.token.bytes)
    random = array(record.random.bytes)
    ceiling = record.ceiling
    obtainedAt = record.obtainedAt
    channel = array(record.channel.bytes)
  }

  init(
    fingerprint: [UInt8],
    token: [UInt8],
    random: [UInt8],
    ceiling: UInt64,
    obtainedAt: KeptTime,
    channel: [UInt8]
  ) {
    self.fingerprint = fingerprint
    self.token = token
    self.random = random
    self.ceiling = ceiling
    self.obtainedAt = obtainedAt
    self.channel = channel
  }
}

extension Workspace {
  /// What a new life finds for a fingerprint; an error is the second one.
  func load(_ fingerprint: [UInt8]) -> (finding: SessionFinding?, session: Session, StoreError?) {
    var record = SessionRecord()
    do throws(StoreError) {
      var store = SessionStore(try open())
      let finding = try store.load(for: fingerprint.span, into: &record)
      return (finding, Session(record), nil)
    } catch {
      return (nil, Session(record), error)
    }
  }
}

@Suite("The session store")
struct SessionStoreTests {
  let workspace = Workspace()

  @Test(arguments: [Session.small, .large, .bare])
  func `a session comes back as it was stored, with the number reserved last`(
    session: Session
  ) throws {
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      let finding = try store.load(for: session.fingerprint.span, into: &record)
      #expect(finding == .none)
      try store.replace(with: session.record)
    }
    let stored = workspace.load(session.fingerprint)
    #expect(stored.finding == .found && stored.session == session)
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      let finding = try store.load(for: session.fingerprint.span, into: &record)
      #expect(finding == .found)
      try store.reserve(upTo: session.ceiling + 64).check()
      // A lower one changes nothing.
      try store.reserve(upTo: session.ceiling).check()
    }
    var raised = session
    raised.ceiling += 64
    #expect(workspace.load(session.fingerprint).session == raised)
    #expect(workspace.names == ["session"] && workspace.mode("session") == 0o600)
  }

  @Test func `another fingerprint's session is not used, and nothing of it is told`() throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
    }
    let shorter = Array(Session.small.fingerprint.dropLast())
    for fingerprint in [Session.large.fingerprint, [], shorter] {
      let found = workspace.load(fingerprint)
      #expect(found.finding == .foreign && found.session == Session(SessionRecord()))
    }
    var store = SessionStore(try workspace.open())
    var record = SessionRecord()
    let other = Session.large.fingerprint
    let finding = try store.load(for: other.span, into: &record)
    #expect(finding == .foreign)
    #expect(reserveError(&store, 1_000) == .noSession)
  }

  private func reserveError(_ store: inout SessionStore, _ ceiling: UInt64) -> StoreError? {
    do throws(StoreError) {
      try store.reserve(upTo: ceiling).check()
      return nil
    } catch {
      return error
    }
  }

  @Test func `without a session no number is reserved`() throws {
    var store = SessionStore(try workspace.open())
    #expect(reserveError(&store, 64) == .noSession)
    try store.replace(with: Session.small.record)
    #expect(reserveError(&store, 128) == nil)
  }

  @Test func `a session costs two syncs, 64 numbers one`() throws {
    var store = SessionStore(try workspace.open())
    try store.replace(with: Session.small.record)
    // The file is made with room for two sessions of the largest size.
    #expect(store.writes.replacements == 1 && store.writes.syncs == 2)
    #expect(store.writes.bytes == 2 * 2_360 && store.writes.writes == 2)
    #expect((workspace.bytes("session") ?? []).count == 4_096 + 2_360)
    for number in 1...640 where number % 64 == 1 {
      try store.reserve(upTo: Session.small.ceiling + UInt64(number) + 63).check()
    }
    #expect(store.writes.syncs == 2 + 10 && store.writes.writes == 2 + 10)
    let before = store.writes
    try store.replace(with: Session.small.record)
    // 56 bytes of head, 32 of fingerprint, 16 of token, 32 of random; 8 over the former one.
    #expect(store.writes.bytes == before.bytes + 136 + 8)
    #expect(store.writes.syncs == before.syncs + 2 && store.writes.replacements == 1)
  }

  @Test
  func `of two sessions the newer one counts, and damage to it does not bring the older back`()
    throws
  {
    var older = Session.small
    older.ceiling = 1_000
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: older.record)
    }
    let before = try #require(workspace.bytes("session"))
    var newer = older
    newer.ceiling = 5_000
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      _ = try store.load(for: older.fingerprint.span, into: &record)
      try store.replace(with: newer.record)
    }
    let after = try #require(workspace.bytes("session"))
    // As the power goes before the older one is wiped out.
    var both = after
    both.replaceSubrange(0..<8, with: before[0..<8])
    workspace.put(both, as: "session")
    #expect(workspace.load(newer.fingerprint).session == newer)
    #expect(Array((workspace.bytes("session") ?? []).prefix(8)) == [UInt8](repeating: 0, count: 8))
    var damaged = after
    damaged[4_096 + 100] ^= 1
    workspace.put(damaged, as: "session")
    #expect(workspace.load(newer.fingerprint).finding == .damaged(.record))
  }

  @Test(arguments: 0..<16 as Range<UInt64>)
  func `a former session stays away though the sync that wiped it failed`(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var session = Session.small
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: session.record)
    }
    var disk = workspace.disk
    defer { Recorder.stop() }
    // The same token over another channel: durable, but not the wipe of the former one.
    session.channel = [1, 2, 3]
    do {
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      _ = try store.load(for: session.fingerprint.span, into: &record)
      Recorder.start()
      Recorder.fail(RECORDED_SYNC, skip: 1, times: 1, code: EIO)
      #expect(throws: StoreError.sync(code: EIO)) { try store.replace(with: session.record) }
    }
    for operation in Recorder.finish() { disk.apply(operation, &random) }
    // The next life finds the newer one, and uses numbers of it until the power goes amid a reservation.
    do {
      Recorder.start()
      var store = SessionStore(try workspace.open())
      var record = SessionRecord()
      let finding = try store.load(for: session.fingerprint.span, into: &record)
      #expect(finding == .found && Session(record) == session)
      try store.reserve(upTo: session.ceiling + 64).check()
      try store.reserve(upTo: session.ceiling + 128).check()
    }
    for operation in Recorder.finish().dropLast() { disk.apply(operation, &random) }
    workspace.become(disk.cut(.lastAfter(4), &random))
    #expect(workspace.load(session.fingerprint).finding == .damaged(.reservation), "seed \(seed)")
  }

  @Test func `a file that others can read or change, or that is none, is not used`() throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
    }
    let path = workspace.file("session")
    for mode in [0o640, 0o604, 0o620, 0o602, 0o666] as [mode_t] {
      _ = unsafe chmod(path, mode)
      #expect(workspace.load(Session.small.fingerprint).finding == .notPrivate)
    }
    _ = unsafe chmod(path, 0o600)
    #expect(workspace.load(Session.small.fingerprint).finding == .found)
    _ = unsafe rename(path, workspace.file("elsewhere"))
    _ = unsafe symlink(workspace.file("elsewhere"), path)
    #expect(workspace.load(Session.small.fingerprint).finding == .notPrivate)
    _ = unsafe unlink(path)
    _ = unsafe mkfifo(path, 0o600)
    #expect(workspace.load(Session.small.fingerprint).finding == .notPrivate)
    _ = unsafe unlink(path)
    _ = unsafe mkdir(path, 0o700)
    #expect(workspace.load(Session.small.fingerprint).finding == .notPrivate)
    _ = unsafe rmdir(path)
    // A new session takes the place of a link, and leaves alone what it pointed to.
    _ = unsafe symlink(workspace.file("elsewhere"), path)
    let before = workspace.bytes("elsewhere")
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.large.record)
    }
    #expect(workspace.load(Session.large.fingerprint).finding == .found)
    #expect(workspace.bytes("elsewhere") == before)
  }

  @Test(.enabled(if: getuid() == 0, "only root can give a file away"))
  func `a file of somebody else is not used`() throws {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: Session.small.record)
    }
    _ = unsafe chown(workspace.file("session"), 12_345, 12_345)
    #expect(workspace.load(Session.small.fingerprint).finding == .notPrivate)
  }
}
