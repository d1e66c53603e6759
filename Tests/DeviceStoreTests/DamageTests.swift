// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import Foundation
import TestSupport
import Testing

/// Every way to change a byte that is tried: each bit, and all of them.
private let flips: [UInt8] = [1, 2, 4, 8, 16, 32, 64, 128, 255]

@Suite("Damaged files")
struct DamageTests {
  let workspace = Workspace()

  private func stored(_ session: Session, reserving ceiling: UInt64?) throws -> [UInt8] {
    do {
      var store = SessionStore(try workspace.open())
      try store.replace(with: session.record)
      if let ceiling { try store.reserve(upTo: ceiling).check() }
    }
    return try #require(workspace.bytes("session"))
  }

  @Test(arguments: [Session.small, .bare])
  func `a session with any byte changed is refused, and so is any part of it`(
    session: Session
  ) throws {
    let bytes = try stored(session, reserving: session.ceiling + 1_000)
    let count = 56 + session.fingerprint.count + session.token.count + session.random.count
    var findings: Set<String> = []
    for index in 0..<count {
      for flip in flips {
        var changed = bytes
        changed[index] ^= flip
        workspace.put(changed, as: "session")
        let found = workspace.load(session.fingerprint)
        guard case .damaged(let damage)? = found.finding else {
          Issue.record("byte \(index) changed by \(flip): \(found)")
          continue
        }
        findings.insert("\(damage)")
        #expect(found.session == Session(SessionRecord()))
      }
    }
    #expect(findings == ["head", "version", "length", "record", "reservation"])
    for end in 0..<count {
      workspace.put(Array(bytes.prefix(end)), as: "session")
      #expect(
        workspace.load(session.fingerprint).finding
          == (end == 0 ? SessionFinding.none : .damaged(.length))
      )
    }
    // What lies behind it, and in the other place, is none of it.
    for index in stride(from: count, to: bytes.count, by: 7) {
      var changed = bytes
      changed[index] ^= 0xFF
      workspace.put(changed, as: "session")
      #expect(workspace.load(session.fingerprint).session.ceiling == session.ceiling + 1_000)
    }
  }

  @Test func `a long session with any byte changed is refused, too`() throws {
    let session = Session.large
    let bytes = try stored(session, reserving: nil)
    let count = 56 + 32 + 192 + 2048
    for index in 0..<count {
      var changed = bytes
      changed[index] ^= 0xFF
      workspace.put(changed, as: "session")
      guard case .damaged? = workspace.load(session.fingerprint).finding else {
        Issue.record("byte \(index)")
        continue
      }
    }
    for end in stride(from: 1, to: count, by: 13) {
      workspace.put(Array(bytes.prefix(end)), as: "session")
      #expect(workspace.load(session.fingerprint).finding == .damaged(.length))
    }
  }

  @Test func `a number that was reserved for another session is refused`() throws {
    let first = try stored(.small, reserving: 128)
    var other = Session.small
    other.token[0] ^= 1
    var second = try stored(other, reserving: 1_000)
    second.replaceSubrange(8..<20, with: first[8..<20])
    workspace.put(second, as: "session")
    #expect(workspace.load(other.fingerprint).finding == .damaged(.reservation))
  }

  @Test func `lengths that are too long are refused, though all checksums are right`() throws {
    for field in 0..<4 {
      // The contents in one field alone.
      var bytes = [UInt8](repeating: 0, count: 56)
      let limit = [32, 192, 32, 2048][field]
      let count = field == 3 ? 2_300 : limit + 1
      bytes += [UInt8](repeating: 7, count: count)
      put32(0x4E53_424E, at: 0, in: &bytes)
      put32(2, at: 4, in: &bytes)
      bytes[48 + 2 * field] = UInt8(count & 0xFF)
      bytes[49 + 2 * field] = UInt8(count >> 8)
      let sum = crc32(Array(bytes[0..<8] + bytes[24...]))
      put32(sum, at: 20, in: &bytes)
      put32(crc32([UInt8](repeating: 0, count: 8), after: sum), at: 16, in: &bytes)
      workspace.put(bytes, as: "session")
      #expect(workspace.load([]).finding == .damaged(.length))
    }
  }

  @Test func `no contents of a session file trap`() throws {
    var random = SeededRandom(seed: 3)
    let bytes = try stored(.small, reserving: 128)
    for _ in 0..<3_000 {
      var changed = bytes
      for _ in 0...random.next() % 6 {
        let index = Int(random.next() % 160)
        changed[index] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 4 == 0 { changed += (0..<random.next() % 3_000).map { _ in 0xA5 } }
      workspace.put(changed, as: "session")
      let found = workspace.load(Session.small.fingerprint)
      if found.finding == .found { #expect(changed.prefix(136) == bytes.prefix(136)) }
    }
  }

  // MARK: The outbox

  private struct Case {
    var bytes: [UInt8]
    var items: [Item]
    /// Where each record is, those that do not wait included.
    var places: [Range<Int>]
  }

  private func outboxes() throws -> [Case] {
    var cases: [Case] = []
    for kind in 0..<4 {
      let workspace = Workspace()
      var settings = OutboxSettings()
      settings.maxBytes = 700
      do {
        var outbox = try Outbox(workspace.open(), settings: settings)
        switch kind {
        case 0: _ = add(Item([1, 2, 3]), to: &outbox)
        case 1:
          for index in 0..<4 {
            let payload = [UInt8](repeating: UInt8(index), count: 13 * index)
            _ = add(Item(payload, priority: UInt8(index % 2), expiresAt: 77), to: &outbox)
          }
        case 2:
          // Some that do not wait, and one whose payload looks like a record.
          for index in 0..<3 { _ = add(Item([UInt8(index)]), to: &outbox) }
          _ = take(&outbox)
          let record = Array((workspace.bytes("outbox") ?? [])[560..<632])
          _ = add(Item([0, 0, 0, 0, 0, 0, 0] + record + record), to: &outbox)
          _ = take(&outbox)
          _ = add(Item([9, 9]), to: &outbox)
        default:
          // After a compaction.
          for index in 0..<40 {
            _ = add(Item([UInt8(index), 5, 5]), to: &outbox)
            if index % 8 != 0 { _ = take(&outbox) }
          }
        }
      }
      let bytes = try #require(workspace.bytes("outbox"))
      var places: [Range<Int>] = []
      var offset = 560
      while offset < bytes.count {
        let topic = Int(bytes[offset + 10])
        let payload = Int(bytes[offset + 60]) + Int(bytes[offset + 61]) << 8
        let end = offset + (64 + topic + payload + 7) / 8 * 8
        places.append(offset..<end)
        offset = end
      }
      var outbox = try Outbox(workspace.open(), settings: settings)
      let items = drain(&outbox).sorted { $0.id < $1.id }
      cases.append(Case(bytes: bytes, items: items, places: places))
    }
    #expect(cases.map(\.items.count) == [1, 4, 3, 5])
    return cases
  }

  /// What is found in those bytes.
  private func open(_ bytes: [UInt8]) throws -> (items: [Item], OutboxFindings, nextID: UInt64) {
    workspace.put(bytes, as: "outbox")
    var outbox = try Outbox(workspace.open())
    let nextID = outbox.nextID
    let findings = outbox.findings
    let items = drain(&outbox).sorted { $0.id < $1.id }
    #expect(outbox.count == 0)
    return (items, findings, nextID)
  }

  @Test func `a changed byte costs at most the entry that it is in, and is told of`() throws {
    for (number, outbox) in try outboxes().enumerated() {
      let last = (outbox.items.last?.id ?? 0)
      for index in outbox.bytes.indices {
        // In a header it costs nothing, for there are two.
        let place = outbox.places.first { $0.contains(index) }
        let id = place.map { UInt64(outbox.bytes[$0.lowerBound + 16]) } ?? 0
        let isStatus = place.map { (4..<10).contains(index - $0.lowerBound) } ?? true
        for flip in number < 3 ? flips : [1, 0x80, 0xFF] {
          var changed = outbox.bytes
          changed[index] ^= flip
          let (items, findings, nextID) = try open(changed)
          let note = "case \(number), byte \(index) changed by \(flip): \(findings)"
          let lost = outbox.items.filter { !items.contains($0) }
          #expect(items.allSatisfy { outbox.items.contains($0) }, "\(note)")
          #expect(lost.count <= 1 && lost.allSatisfy { $0.id == id }, "\(note)")
          #expect(!isStatus || items == outbox.items, "\(note)")
          if !lost.isEmpty { #expect(findings.damaged > 0 || findings.cutBytes > 0, "\(note)") }
          #expect(findings.kept == items.count, "\(note)")
          #expect(nextID > last, "\(note)")
        }
      }
    }
  }

  @Test func `a file that ends too early costs what is missing alone`() throws {
    for outbox in try outboxes() {
      for count in 0...outbox.bytes.count {
        let (items, findings, nextID) = try open(Array(outbox.bytes.prefix(count)))
        let whole = outbox.places.filter { $0.upperBound <= count }
        let ids = whole.map { UInt64(outbox.bytes[$0.lowerBound + 16]) }
        #expect(items == outbox.items.filter { ids.contains($0.id) }, "the first \(count) bytes")
        // Without a header all of it is cut.
        let end = count < 40 ? 0 : min(count, whole.last?.upperBound ?? 560)
        #expect(findings.cutBytes == count - end, "the first \(count) bytes")
        #expect(findings.damaged == 0)
        let torn = findings.cutBytes > 0 ? 1 : 0
        #expect(nextID >= (ids.last ?? 0) + 1 + UInt64(torn))
      }
    }
  }

  @Test func `damage is told of once, and a cut entry's number is not given out again`() throws {
    let outbox = try outboxes()[1]
    workspace.put(Array(outbox.bytes.dropLast(8)), as: "outbox")
    var nextID: UInt64 = 0
    do {
      let outbox = try Outbox(workspace.open())
      #expect(outbox.findings.cutBytes > 0 && outbox.count == 3)
      nextID = outbox.nextID
      #expect(nextID > 4)
    }
    do {
      let outbox = try Outbox(workspace.open())
      #expect(outbox.findings.cutBytes == 0 && outbox.findings.kept == 3)
      #expect(outbox.nextID == nextID)
    }
    var changed = outbox.bytes
    changed[outbox.places[1].lowerBound + 66] ^= 1
    workspace.put(changed, as: "outbox")
    do {
      let outbox = try Outbox(workspace.open())
      #expect(outbox.findings.damaged == 1 && outbox.counters.damaged == 1 && outbox.count == 3)
    }
    let again = try Outbox(workspace.open())
    #expect(again.findings.damaged == 0 && again.count == 3)
  }

  @Test func `two damaged places cost two entries`() throws {
    let outbox = try outboxes()[1]
    var changed = outbox.bytes
    changed[outbox.places[0].lowerBound] ^= 1
    changed[outbox.places[2].lowerBound + 70] ^= 1
    let (items, findings, _) = try open(changed)
    #expect(items.map(\.id) == [2, 4] && findings.damaged == 2 && findings.kept == 2)
  }

  @Test func `a torn entry is cut, whatever stands in its place`() throws {
    let outbox = try outboxes()[1]
    for count in 0..<outbox.places[3].count {
      for fill in [0x00, 0xFF, 0x4E] as [UInt8] {
        var bytes = Array(outbox.bytes.prefix(outbox.places[3].lowerBound + count))
        bytes += [UInt8](repeating: fill, count: outbox.places[3].count - count)
        if bytes == outbox.bytes { continue }
        let (items, findings, _) = try open(bytes)
        // The zeros behind the body are no part of it.
        let isWhole = items.count == 4
        #expect(items == Array(outbox.items.prefix(isWhole ? 4 : 3)))
        #expect(isWhole || findings.cutBytes == outbox.places[3].count, "\(count), \(fill)")
        #expect(findings.damaged == 0)
      }
    }
  }

  @Test func `a head that nobody wrote is none, though its checksum is right`() throws {
    func items(_ heads: [Head]) throws -> [UInt64] { try open(file(heads)).items.map(\.id) }
    for id in [0, (1 << 62) + 1, UInt64.max] as [UInt64] { #expect(try items([Head(id)]) == []) }
    #expect(try items([Head((1 << 62) - 1)]) == [(1 << 62) - 1])
    #expect(try items([Head(1, topicCount: 129)]) == [])
    #expect(try items([Head(1, topicCount: 255, payloadCount: 0xFFFF)]) == [])
    #expect(try items([Head(1, payloadCount: 1_025)]) == [])
    // Longer than the file.
    #expect(try items([Head(1, payloadCount: 1_000)]) == [])
    // An older number behind a newer one is a copy that was left somewhere.
    #expect(try items([Head(9), Head(8), Head(10)]) == [9, 10])
    #expect(try items([Head(9), Head(9)]) == [9])
    // Of another file, or from another place of this one.
    #expect(try items([Head(1), Head(2, nonce: 0)]) == [1])
    #expect(try items([Head(1), Head(2, shift: 64)]) == [1])
  }

  @Test func `a payload that imitates records costs its own record alone when that is damaged`()
    throws
  {
    for flip in 0..<64 where !(4..<10).contains(flip) {
      var bytes: [UInt8]
      do {
        try? FileManager.default.removeItem(atPath: workspace.file("outbox"))
        var outbox = try Outbox(workspace.open())
        _ = add(Item([1]), to: &outbox)
        let own = Array((workspace.bytes("outbox") ?? [])[560..<632])
        // The record starts at 632, its topic at 696: the imitations have their places.
        var payload = [UInt8](repeating: 0, count: 7)
        payload += record(Head(1_000_000), at: 704)
        payload += record(Head((1 << 62) - 5), at: 768)
        payload += record(Head(3), at: 832)
        payload += own
        _ = add(Item(payload), to: &outbox)
        _ = add(Item([3]), to: &outbox)
        _ = add(Item([4]), to: &outbox)
        bytes = workspace.bytes("outbox") ?? []
      }
      bytes[632 + flip] ^= 0x10
      let (items, findings, nextID) = try open(bytes)
      #expect(items.map(\.payload) == [[1], [3], [4]], "byte \(flip) of the head")
      #expect(findings.damaged == 1 && nextID == 5, "byte \(flip) of the head")
    }
  }

  @Test func `what another version wrote is left alone`() throws {
    for (version, error) in [(1, StoreError.oldVersion), (3, .version), (255, .version)] {
      var bytes = file([Head(1), Head(2)])
      for start in [0, 512] { bytes[start + 3] = UInt8(version) }
      workspace.put(bytes, as: "outbox")
      #expect(throws: error) { _ = try Outbox(workspace.open()) }
      #expect(workspace.bytes("outbox") == bytes)
    }
    // Version 1 began with its first record.
    var bytes = [UInt8](repeating: 0, count: 56)
    bytes.replaceSubrange(0..<4, with: hex("4e424f01"))
    workspace.put(bytes, as: "outbox")
    #expect(throws: StoreError.oldVersion) { _ = try Outbox(workspace.open()) }
  }

  @Test func `a file that is longer than any is refused at once, a sparse one read quickly`() throws
  {
    for (count, error) in [(3 << 30, StoreError.tooLarge), ((32 << 20) + 4_097, .tooLarge)] {
      workspace.put(file([Head(1)]), as: "outbox")
      #expect(unsafe truncate(workspace.file("outbox"), off_t(count)) == 0)
      #expect(throws: error) { _ = try Outbox(workspace.open()) }
    }
    // As long as may be, and holes but for its ends.
    workspace.put(file([Head(1)]), as: "outbox")
    #expect(unsafe truncate(workspace.file("outbox"), off_t(32 << 20)) == 0)
    var outbox = try Outbox(workspace.open())
    #expect(outbox.findings.cutBytes > 30 << 20 && drain(&outbox).map(\.id) == [1])
  }

  @Test func `no contents of an outbox file trap, and none but its entries come out`() throws {
    var random = SeededRandom(seed: 4)
    let all = try outboxes()
    for round in 0..<4_000 {
      let outbox = all[round % all.count]
      var changed = outbox.bytes
      for _ in 0...random.next() % 5 {
        let index = Int(random.next() % UInt64(changed.count))
        switch random.next() % 4 {
        case 0: changed[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: changed.remove(at: index)
        case 2: changed.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
        default:
          let end = min(changed.count, index + 40)
          changed.insert(contentsOf: changed[index..<end], at: index)
        }
      }
      workspace.put(changed, as: "outbox")
      // Both headers, and the version that is told of in one.
      if let error = refusal() {
        #expect(error == .version || error == .oldVersion)
        continue
      }
      var outbox2 = try Outbox(workspace.open())
      let found = drain(&outbox2)
      #expect(found.allSatisfy { outbox.items.contains($0) || $0.payload.count < 8 })
      #expect(add(Item([1]), to: &outbox2) == outbox2.nextID - 1)
    }
    for _ in 0..<300 {
      let noise = (0..<random.next() % 3_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let (items, findings, _) = try open(noise)
      #expect(items.isEmpty && findings.cutBytes == noise.count)
    }
  }

  /// Why the outbox's file is not opened.
  private func refusal() -> StoreError? {
    do throws(StoreError) {
      _ = try Outbox(workspace.open())
      return nil
    } catch {
      return error
    }
  }

  /// The nonce of files that are made here.
  private static let nonce: UInt64 = 0x0123_4567_89AB_CDEF

  /// The head of a record, with right checksums for a nonce and a place.
  private struct Head {
    var id: UInt64
    var topicCount = 0
    var payloadCount = 0
    var nonce = DamageTests.nonce
    /// How far from its place it was written.
    var shift = 0

    init(
      _ id: UInt64,
      topicCount: Int = 0,
      payloadCount: Int = 0,
      nonce: UInt64 = DamageTests.nonce,
      shift: Int = 0
    ) {
      self.id = id
      self.topicCount = topicCount
      self.payloadCount = payloadCount
      self.nonce = nonce
      self.shift = shift
    }
  }

  /// A file with those heads, and no bodies.
  private func file(_ heads: [Head]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 560)
    for (generation, start) in [(1, 512), (2, 0)] {
      put32(0x024F_424E, at: start, in: &bytes)
      put64(Self.nonce, at: start + 8, in: &bytes)
      put64(UInt64(generation), at: start + 16, in: &bytes)
      put32(crc32(Array(bytes[start + 8..<start + 40])), at: start + 4, in: &bytes)
    }
    for head in heads { bytes += record(head, at: bytes.count) }
    return bytes
  }

  private func record(_ head: Head, at place: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64)
    put32(0x0252_424E, at: 0, in: &bytes)
    bytes[10] = UInt8(head.topicCount)
    put64(head.id, at: 16, in: &bytes)
    put32(UInt32(truncatingIfNeeded: head.nonce >> 32), at: 56, in: &bytes)
    bytes[60] = UInt8(head.payloadCount & 0xFF)
    bytes[61] = UInt8(head.payloadCount >> 8)
    let start = UInt32(truncatingIfNeeded: head.nonce) ^ UInt32(place + head.shift)
    let sum = crc32(Array(bytes[0..<4] + bytes[10..<12] + bytes[16..<64]), after: start)
    put32(sum, at: 12, in: &bytes)
    return bytes
  }

  private func put64(_ value: UInt64, at offset: Int, in bytes: inout [UInt8]) {
    put32(UInt32(truncatingIfNeeded: value), at: offset, in: &bytes)
    put32(UInt32(value >> 32), at: offset + 4, in: &bytes)
  }

  private func put32(_ value: UInt32, at offset: Int, in bytes: inout [UInt8]) {
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }

  /// CRC-32 as IEEE 802.3 has it, written anew.
  private func crc32(_ bytes: [UInt8], after previous: UInt32 = 0) -> UInt32 {
    var value = ~previous
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}
