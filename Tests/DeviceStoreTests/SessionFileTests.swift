// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import Foundation
import TestSupport
import Testing

#if !SMALL
@Suite("A session in a file that stands alone")
struct SessionFileTests {
  let workspace = Workspace()

  init() { _ = unsafe mkdir(workspace.path, 0o700) }

  private func open(_ name: String = "alone") throws(SessionFileError) -> SessionFile {
    try SessionFile(path: Array(workspace.file(name).utf8).span)
  }

  private func error(_ name: String = "alone") -> SessionFileError? {
    do throws(SessionFileError) {
      _ = try open(name)
      return nil
    } catch {
      return error
    }
  }

  /// What a new life finds, in the file and before.
  private func load(
    _ fingerprint: [UInt8]
  ) throws -> (SessionFinding, SessionFinding, Session) {
    var record = SessionRecord()
    let file = try open()
    var store = SessionStore(file)
    return (file.finding, try store.load(for: fingerprint.span, into: &record), Session(record))
  }

  private func store(_ session: Session) throws {
    var record = SessionRecord()
    var store = SessionStore(try open())
    _ = try store.load(for: session.fingerprint.span, into: &record)
    try store.replace(with: session.record)
  }

  @Test(arguments: [Session.small, .large, .bare])
  func `it comes back as it was stored, beside others in the folder`(session: Session) throws {
    workspace.put([1, 2, 3], as: "new")
    for round in 0..<3 {
      var next = session
      next.ceiling += UInt64(round)
      try store(next)
      let (before, finding, found) = try load(session.fingerprint)
      #expect(before == SessionFinding.none && finding == .found && found == next)
      var store = SessionStore(try open())
      var record = SessionRecord()
      _ = try store.load(for: session.fingerprint.span, into: &record)
      try store.reserve(upTo: next.ceiling + 64).check()
    }
    #expect(try load(session.fingerprint).2.ceiling == session.ceiling + 66)
    // Nothing else is made or removed.
    #expect(workspace.names == ["alone", "new"] && workspace.mode("alone") == 0o600)
    #expect(workspace.bytes("new") == [1, 2, 3])
    let other: [UInt8] = [1]
    #expect(try load(other).1 == .foreign)
  }

  @Test func `one at a time has it, and another file beside it is free`() throws {
    let first = try open()
    #expect(error() == .inUse)
    #expect(error("other") == nil)
    var store = SessionStore(first)
    _ = consume first
    // The store holds it on.
    #expect(error() == .inUse)
    var record = SessionRecord()
    let fingerprint = Session.small.fingerprint
    _ = try store.load(for: fingerprint.span, into: &record)
    _ = consume store
    #expect(error() == nil)
  }

  @Test func `any byte that is damaged costs the session and nothing else`() throws {
    try store(.small)
    let good = try #require(workspace.bytes("alone"))
    for index in good.indices {
      var bytes = good
      bytes[index] ^= 0x5A
      workspace.put(bytes, as: "alone")
      let (_, finding, found) = try load(Session.small.fingerprint)
      guard case .damaged = finding else {
        Issue.record("byte \(index): \(finding)")
        continue
      }
      #expect(found == Session(SessionRecord()))
      try store(.large)
      #expect(try load(Session.large.fingerprint).1 == .found)
    }
    // Cut off, as long as it can still be told what it was.
    for count in 6..<good.count {
      workspace.put(Array(good[..<count]), as: "alone")
      guard case .damaged = try load(Session.small.fingerprint).1 else {
        Issue.record("\(count) bytes")
        continue
      }
    }
  }

  @Test func `what holds something else is refused and stays`() throws {
    for text in ["x", "secret\n", "-----BEGIN CERTIFICATE-----\n", "NB", "nbiot"] {
      workspace.put(Array(text.utf8), as: "alone", mode: 0o644)
      #expect(error() == .notASession)
      #expect(workspace.bytes("alone") == Array(text.utf8) && workspace.mode("alone") == 0o644)
    }
    let zeros = [UInt8](repeating: 0, count: 100_000)
    workspace.put(zeros, as: "alone")
    #expect(error() == .notASession)
  }

  @Test func `what is no file is refused and never waited for`() throws {
    _ = unsafe mkfifo(workspace.file("pipe"), 0o600)
    _ = unsafe mkdir(workspace.file("folder"), 0o700)
    _ = unsafe symlink("alone", workspace.file("link"))
    for name in ["pipe", "folder", "link"] { #expect(error(name) == .notAFile, "\(name)") }
    #expect(error("missing/alone") == .notOpened(code: ENOENT))
    #expect(error("") == .notOpened(code: EISDIR))
    #expect(error("a\0b") == .notOpened(code: EINVAL))
    #expect(error(String(repeating: "x", count: 300)) == .notOpened(code: ENAMETOOLONG))
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o602])
  func `what others could have read or changed is emptied and made private`(
    mode: mode_t
  ) throws {
    try store(.small)
    _ = unsafe chmod(workspace.file("alone"), mode)
    let (before, finding, _) = try load(Session.small.fingerprint)
    #expect(before == .notPrivate && finding == SessionFinding.none)
    #expect(workspace.mode("alone") == 0o600 && workspace.bytes("alone") == [])
  }

  @Test func `one that touch made is taken, one of an earlier version begins anew`() throws {
    workspace.put([], as: "alone", mode: 0o644)
    #expect(try open().finding == SessionFinding.none)
    #expect(workspace.mode("alone") == 0o600)
    workspace.put(Array("nbiot DTLS session 1\nabc".utf8), as: "alone")
    #expect(try open().finding == .damaged(.version))
    #expect(workspace.bytes("alone") == [])
  }
}
#endif
