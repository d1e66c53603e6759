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
      if let ceiling { try store.reserve(upTo: ceiling) }
    }
    return try #require(workspace.bytes("session"))
  }

  @Test(arguments: [Session.small, .bare])
  func `a session with any byte changed is refused, and so is any part of it`(
    session: Session
  ) throws {
    let bytes = try stored(session, reserving: session.ceiling + 1_000)
    var findings: Set<String> = []
    for index in bytes.indices {
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
    for count in 0..<bytes.count {
      workspace.put(Array(bytes.prefix(count)), as: "session")
      #expect(workspace.load(session.fingerprint).finding == .damaged(.length))
    }
    workspace.put(bytes + [0], as: "session")
    #expect(workspace.load(session.fingerprint).finding == .damaged(.length))
    workspace.put(bytes, as: "session")
    #expect(workspace.load(session.fingerprint).session.ceiling == session.ceiling + 1_000)
  }

  @Test func `a long session with any byte changed is refused, too`() throws {
    let session = Session.large
    let bytes = try stored(session, reserving: nil)
    #expect(bytes.count == 40 + 32 + 192 + 2048)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0xFF
      workspace.put(changed, as: "session")
      guard case .damaged? = workspace.load(session.fingerprint).finding else {
        Issue.record("byte \(index)")
        continue
      }
    }
    for count in stride(from: 0, to: bytes.count, by: 13) {
      workspace.put(Array(bytes.prefix(count)), as: "session")
      #expect(workspace.load(session.fingerprint).finding == .damaged(.length))
    }
    for extra in [1, 100, 5_000] {
      workspace.put(bytes + [UInt8](repeating: 0, count: extra), as: "session")
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
      var bytes = [UInt8](repeating: 0, count: 40)
      let limit = [32, 192, 32, 2048][field]
      let count = field == 3 ? 2_300 : limit + 1
      bytes += [UInt8](repeating: 7, count: count)
      put32(0x4E53_424E, at: 0, in: &bytes)
      put32(1, at: 4, in: &bytes)
      bytes[32 + 2 * field] = UInt8(count & 0xFF)
      bytes[33 + 2 * field] = UInt8(count >> 8)
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
        let index = Int(random.next() % UInt64(changed.count))
        changed[index] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 4 == 0 { changed += (0..<random.next() % 3_000).map { _ in 0xA5 } }
      workspace.put(changed, as: "session")
      let found = workspace.load(Session.small.fingerprint)
      #expect(found.finding != SessionFinding.none)
      if found.finding == .found { #expect(changed == bytes) }
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
          let record = Array((workspace.bytes("outbox") ?? []).prefix(56))
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
      var offset = 0
      while offset < bytes.count {
        let topic = Int(bytes[offset + 32]) + Int(bytes[offset + 33]) << 8
        let payload = Int(bytes[offset + 34]) + Int(bytes[offset + 35]) << 8
        let end = offset + (48 + topic + payload + 7) / 8 * 8
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
        let place = try #require(outbox.places.first { $0.contains(index) })
        let id = UInt64(outbox.bytes[place.lowerBound + 8])
        let isStatus = (4..<8).contains(index - place.lowerBound)
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
        let ids = whole.map { UInt64(outbox.bytes[$0.lowerBound + 8]) }
        #expect(items == outbox.items.filter { ids.contains($0.id) }, "the first \(count) bytes")
        #expect(findings.cutBytes == count - (whole.last?.upperBound ?? 0))
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
    changed[outbox.places[1].lowerBound + 50] ^= 1
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
    changed[outbox.places[2].lowerBound + 60] ^= 1
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
    for id in [0, (1 << 62) + 1, UInt64.max] as [UInt64] {
      #expect(try open(record(id: id)).items.isEmpty)
    }
    #expect(try open(record(id: (1 << 62) - 1)).items.map(\.id) == [(1 << 62) - 1])
    #expect(try open(record(topicCount: 129)).items.isEmpty)
    #expect(try open(record(topicCount: 0xFFFF, payloadCount: 0xFFFF)).items.isEmpty)
    #expect(try open(record(payloadCount: 1_025)).items.isEmpty)
    // Longer than the file.
    #expect(try open(record(payloadCount: 1_000)).items.isEmpty)
    // An older number behind a newer one is a copy that was left somewhere.
    #expect(try open(record(id: 9) + record(id: 8) + record(id: 10)).items.map(\.id) == [9, 10])
    #expect(try open(record(id: 9) + record(id: 9)).items.map(\.id) == [9])
  }

  @Test func `what a later version wrote is left alone`() throws {
    workspace.put(record(id: 1) + record(id: 2, version: 2), as: "outbox")
    let before = workspace.bytes("outbox")
    #expect(throws: StoreError.version) { _ = try Outbox(workspace.open()) }
    #expect(workspace.bytes("outbox") == before)
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

  /// A record with right checksums, an empty body if its lengths are not given.
  private func record(
    id: UInt64 = 1,
    topicCount: Int = 0,
    payloadCount: Int = 0,
    version: UInt8 = 1
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 48)
    put32(0x004F_424E | UInt32(version) << 24, at: 0, in: &bytes)
    for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: id >> UInt64(8 * index)) }
    bytes[32] = UInt8(topicCount & 0xFF)
    bytes[33] = UInt8(topicCount >> 8)
    bytes[34] = UInt8(payloadCount & 0xFF)
    bytes[35] = UInt8(payloadCount >> 8)
    put32(crc32(Array(bytes[0..<4] + bytes[8..<44])), at: 44, in: &bytes)
    return bytes
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
