// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import Foundation
import TestSupport
import Testing

@Suite("The outbox")
struct OutboxTests {
  let workspace = Workspace()

  @Test func `entries come back in order, after a restart, too, until they are removed`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      for index in 1...5 {
        let payload = [UInt8](repeating: UInt8(index), count: index * 10)
        #expect(add(Item(payload, topic: "topic \(index)"), to: &outbox) == UInt64(index))
      }
      let first = take(&outbox)
      #expect(first?.id == 1 && outbox.count == 4)
    }
    do {
      var outbox = try Outbox(workspace.open())
      #expect(outbox.findings.kept == 4 && outbox.findings.damaged == 0)
      #expect(outbox.findings.cutBytes == 0 && outbox.nextID == 6)
      for index in 2...5 {
        var item = Item(
          [UInt8](repeating: UInt8(index), count: index * 10),
          topic: "topic \(index)"
        )
        item.id = UInt64(index)
        #expect(take(&outbox) == item)
      }
      #expect(peek(&outbox) == nil && outbox.count == 0)
    }
    let outbox = try Outbox(workspace.open())
    #expect(outbox.findings == OutboxFindings() && outbox.nextID == 6)
  }

  @Test func `the file is these bytes, but for what is drawn and what checks it`() throws {
    var outbox = try Outbox(workspace.open())
    let item = Item([0xAA, 0xBB, 0xCC], topic: "t", priority: 5, expiresAt: 0x0102_0305)
    #expect(add(item, key: 0x1122_3344_5566_7788, to: &outbox) == 1)
    let bytes = try #require(workspace.bytes("outbox"))
    #expect(bytes.count == 560 + 72)
    for start in [0, 512] {
      #expect(Array(bytes[start..<start + 4]) == hex("4e424f02"))
      // The generation, no last number, no hole.
      #expect(
        Array(bytes[start + 16..<start + 40])
          == hex("0000000000000000 0000000000000000 00000000 00000000")
      )
    }
    // The nonce is the same in both, and drawn anew for another file.
    #expect(Array(bytes[8..<16]) == Array(bytes[520..<528]))
    let expected = hex(
      "4e425202 00000000"  // magic and version; it waits
        + "0000 01 05 00000000"  // attempts, length of the topic, priority; CRC-32 of the head
        + "0100000000000000 8877665544332211"  // id, key
        + "0100000000000000 00000000 00000000"  // accepted: start of the machine, seconds, date
        + "04030201 8aea7f75 00000000"  // lifetime, CRC-32 of the topic and of the body
        + "0300 3200"  // length of the payload, content format
        + "74 aabbcc 00000000"  // topic, payload, zeros
    )
    var record = Array(bytes[560...])
    for range in [12..<16, 52..<56, 56..<60] {
      record.replaceSubrange(range, with: expected[range])
    }
    #expect(record == expected, "\(hexText(record.span))")
    _ = take(&outbox)
    let marked = try #require(workspace.bytes("outbox"))
    #expect(Array(marked[564..<568]) == hex("5a5a5a5a"))
  }

  @Test func `the highest priority goes first, of that the oldest`() throws {
    var outbox = try Outbox(workspace.open())
    for (index, priority) in [0, 3, 7, 3, 200, 0].enumerated() {
      _ = add(Item([UInt8(index)], priority: UInt8(priority)), to: &outbox)
    }
    // 200 counts as 7.
    #expect(drain(&outbox).map(\.id) == [3, 5, 2, 4, 1, 6])
  }

  @Test func `what is over is sorted out, unless the date is not known`() throws {
    var outbox = try Outbox(workspace.open())
    _ = add(Item([1], expiresAt: 100), to: &outbox)
    _ = add(Item([2]), to: &outbox)
    _ = add(Item([3], expiresAt: 101), to: &outbox)
    #expect(peek(&outbox)?.id == 1 && outbox.counters.expired == 0)
    #expect(peek(&outbox, at: 99)?.id == 1)
    #expect(peek(&outbox, at: 100)?.id == 2)
    #expect(outbox.counters.expired == 1 && outbox.count == 2)
    #expect(take(&outbox, at: 101)?.id == 2)
    #expect(peek(&outbox, at: 101) == nil && outbox.counters.expired == 2 && outbox.count == 0)
  }

  @Test func `the longest entry fits, and longer ones are refused`() throws {
    var outbox = try Outbox(workspace.open())
    let payload = [UInt8](repeating: 1, count: 1024)
    let longest = Item(payload, topic: String(repeating: "x", count: 128))
    #expect(add(longest, to: &outbox) == 1)
    var longer = longest
    longer.topic += "x"
    #expect(error(longer, &outbox) == .tooLong)
    longer = longest
    longer.payload.append(0)
    #expect(error(longer, &outbox) == .tooLong)
    #expect(outbox.counters.refused == 2 && outbox.nextID == 2)
    #expect(take(&outbox)?.payload == longest.payload)
    #expect(add(Item([], topic: ""), to: &outbox) == 2)
    let empty = take(&outbox)
    #expect(empty?.topic == "" && empty?.payload == [])
  }

  private func error(_ item: Item, _ outbox: inout Outbox) -> OutboxError? {
    do throws(OutboxError) {
      _ = try addOrThrow(item, to: &outbox)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a full outbox refuses, and takes again what there is room for`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 3
    var outbox = try Outbox(workspace.open(), settings: settings)
    for index in 0..<3 { _ = add(Item([UInt8(index)]), to: &outbox) }
    #expect(error(Item([3]), &outbox) == .full)
    #expect(outbox.counters.refused == 1 && outbox.count == 3)
    _ = take(&outbox)
    #expect(add(Item([4]), to: &outbox) == 4)
    // Longer than all there is.
    settings.maxBytes = 71
    let small = Workspace()
    var none = try Outbox(small.open(), settings: settings)
    #expect(error(Item([3]), &none) == .full)
  }

  @Test func `a full outbox drops the lowest priority, of that the oldest`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 4
    settings.whenFull = .dropOldest
    var outbox = try Outbox(workspace.open(), settings: settings)
    _ = add(Item([1], priority: 2), to: &outbox)
    _ = add(Item([2], priority: 1), to: &outbox)
    _ = add(Item([3], priority: 1), to: &outbox)
    _ = add(Item([4], priority: 5), to: &outbox)
    #expect(add(Item([5], priority: 1), to: &outbox) == 5)
    #expect(outbox.counters.dropped == 1 && outbox.count == 4)
    // One of a lower priority than all others does not push any out.
    #expect(error(Item([6], priority: 0), &outbox) == .full)
    // The one in flight is not dropped: the next of its priority is.
    _ = add(Item([7], priority: 5), to: &outbox)
    #expect(outbox.counters.dropped == 2)
    #expect(peek(&outbox)?.payload == [4])
    _ = add(Item([8], priority: 7), to: &outbox)
    _ = add(Item([9], priority: 7), to: &outbox)
    _ = add(Item([10], priority: 7), to: &outbox)
    #expect(outbox.counters.dropped == 5)
    #expect(drain(&outbox).map(\.payload) == [[8], [9], [10], [4]])
  }

  @Test func `one that makes room takes as many as it needs`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 4
    settings.whenFull = .dropOldest
    var outbox = try Outbox(workspace.open(), settings: settings)
    for index in 0..<4 { _ = add(Item([UInt8(index)]), to: &outbox) }
    _ = add(Item([UInt8](repeating: 9, count: 100)), to: &outbox)
    #expect(outbox.counters.dropped == 3)
    #expect(drain(&outbox).map(\.id) == [4, 5])
  }

  @Test func `the latest of a key takes the others' place, but not in flight`() throws {
    var outbox = try Outbox(workspace.open())
    for index in 1...3 { _ = add(Item([UInt8(index)]), key: 5, to: &outbox) }
    _ = add(Item([4]), key: 6, to: &outbox)
    _ = add(Item([5]), to: &outbox)
    _ = add(Item([6]), to: &outbox)
    #expect(outbox.count == 4 && outbox.counters.superseded == 2)
    #expect(peek(&outbox)?.id == 3)
    // 3 is in flight: it may be delivered all the same.
    _ = add(Item([7]), key: 5, to: &outbox)
    #expect(outbox.count == 5 && outbox.counters.superseded == 2)
    try outbox.remove(3).check()
    #expect(outbox.counters.delivered == 1)
    #expect(drain(&outbox).map(\.id) == [4, 5, 6, 7])
  }

  @Test func `one in flight that is not delivered gives way to the later one of its key`() throws {
    var outbox = try Outbox(workspace.open())
    _ = add(Item([1], priority: 0), key: 5, to: &outbox)
    #expect(peek(&outbox)?.id == 1)
    // The later one goes first, and the older one would be sent after it.
    _ = add(Item([2], priority: 7), key: 5, to: &outbox)
    #expect(take(&outbox)?.id == 2)
    #expect(peek(&outbox) == nil && outbox.counters.superseded == 1)
  }

  @Test func `a full outbox still takes the latest of a key`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 72 * 2
    var outbox = try Outbox(workspace.open(), settings: settings)
    _ = add(Item([1]), key: 5, to: &outbox)
    _ = add(Item([2]), to: &outbox)
    #expect(add(Item([3]), key: 5, to: &outbox) == 3)
    #expect(add(Item([4]), key: 6, to: &outbox) == 0)
    #expect(drain(&outbox).map(\.id) == [2, 3])
  }

  @Test func `what is given out and not removed is given out again`() throws {
    var outbox = try Outbox(workspace.open())
    _ = add(Item([1]), to: &outbox)
    #expect(peek(&outbox)?.id == 1)
    #expect(peek(&outbox)?.id == 1)
    _ = add(Item([2], priority: 1), to: &outbox)
    #expect(peek(&outbox)?.id == 2)
    // Not the one given out last, but given out.
    try outbox.remove(1).check()
    #expect(drain(&outbox).map(\.id) == [2])
    // Removing again does nothing.
    try outbox.remove(1).check()
    try outbox.remove(0).check()
    #expect(outbox.counters.delivered == 2)
  }

  @Test func `the file stays below twice the room, and numbers go on`() throws {
    var settings = OutboxSettings()
    settings.maxBytes = 2000
    var ids: [UInt64] = []
    for _ in 0..<5 {
      var outbox = try Outbox(workspace.open(), settings: settings)
      for index in 0..<60 {
        ids.append(add(Item([UInt8](repeating: UInt8(index), count: 50)), to: &outbox))
        _ = take(&outbox)
        #expect((workspace.bytes("outbox") ?? []).count <= 2 * settings.maxBytes + 560)
      }
    }
    #expect(ids == (1...300).map { UInt64($0) })
    #expect(workspace.names == ["outbox"])
  }

  @Test func `a smaller limit than before loses nothing`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      for index in 0..<20 { _ = add(Item([UInt8(index)]), to: &outbox) }
    }
    var settings = OutboxSettings()
    settings.maxBytes = 376
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      #expect(outbox.count == 20 && add(Item([99]), to: &outbox) == 0)
      for index in 0..<15 { #expect(take(&outbox)?.payload == [UInt8(index)]) }
      #expect(add(Item([99]), to: &outbox) == 0)
      _ = take(&outbox)
      #expect(add(Item([99]), to: &outbox) == 21)
    }
    settings.maxBytes = -1
    var outbox = try Outbox(workspace.open(), settings: settings)
    #expect(add(Item([1]), to: &outbox) == 0)
    #expect(drain(&outbox).map(\.id) == [17, 18, 19, 20, 21])
    settings.maxBytes = .max
    #expect(add(Item([1]), to: &outbox) == 0)
  }

  @Test func `an entry costs two writes and one sync, one from before another sync`() throws {
    do {
      var outbox = try Outbox(workspace.open())
      // The first one makes the file: contents, name, directory.
      _ = add(Item([UInt8](repeating: 1, count: 100)), to: &outbox)
      #expect(outbox.writes.replacements == 1 && outbox.writes.syncs == 3)
      let before = outbox.writes
      // 64 bytes of head, 1 of topic, 100 of payload, 3 of zeros.
      _ = add(Item([UInt8](repeating: 1, count: 100)), to: &outbox)
      #expect(outbox.writes.syncs == before.syncs + 1)
      #expect(outbox.writes.writes == before.writes + 1)
      #expect(outbox.writes.bytes == before.bytes + 168)
      _ = take(&outbox)
      #expect(outbox.writes.syncs == before.syncs + 1)
      #expect(outbox.writes.writes == before.writes + 2)
      #expect(outbox.writes.bytes == before.bytes + 172)
      #expect(outbox.writes.replacements == 1)
    }
    var outbox = try Outbox(workspace.open())
    // Opening makes contents and name durable, and writes nothing.
    #expect(outbox.writes.syncs == 2 && outbox.writes.bytes == 0)
    _ = take(&outbox)
    #expect(outbox.writes.syncs == 3 && outbox.writes.bytes == 4)
  }

  @Test func `entries that are added together cost one sync, and marks one for sixteen`() throws {
    var outbox = try Outbox(workspace.open())
    _ = add(Item([0]), to: &outbox)
    var before = outbox.writes
    for index in 1...40 { try write(Item([UInt8(index)]), to: &outbox) }
    #expect(outbox.writes.syncs == before.syncs && outbox.hasUncommitted)
    #expect(outbox.commit().isGood && !outbox.hasUncommitted)
    #expect(outbox.writes.syncs == before.syncs + 1)
    #expect(outbox.writes.bytes == before.bytes + 40 * 72)
    before = outbox.writes
    for taken in 1...41 {
      #expect(take(&outbox)?.payload == [UInt8(taken - 1)])
      // After the sixteenth, the thirty-second, and when none waits any more.
      let syncs = taken / 16 + (taken == 41 ? 1 : 0)
      #expect(outbox.writes.syncs == before.syncs + syncs, "after \(taken)")
    }
    #expect(outbox.settleMarks(isLast: true).isGood)
    #expect(outbox.writes.syncs == before.syncs + 3)
    // Those that wait take the marks along; the last ones are left to the end.
    for index in 0..<4 { try write(Item([UInt8(index)]), to: &outbox) }
    #expect(outbox.commit().isGood)
    _ = take(&outbox)
    before = outbox.writes
    #expect(outbox.settleMarks().isGood && outbox.writes.syncs == before.syncs)
    #expect(outbox.settleMarks(isLast: true).isGood && outbox.writes.syncs == before.syncs + 1)
  }

  @Test func `of entries with one key that are added together the last one counts`() throws {
    var outbox = try Outbox(workspace.open())
    for index in 1...3 { _ = add(Item([UInt8(index)]), key: UInt64(index), to: &outbox) }
    #expect(peek(&outbox)?.id == 1)
    for (index, key) in [2, 1, 2, 0, 3, 2].enumerated() {
      try write(Item([UInt8(10 + index)]), key: UInt64(key), to: &outbox)
    }
    // Until they are durable the others stay.
    #expect(!outbox.shedNext() && outbox.count == 9)
    #expect(outbox.commit().isGood)
    var ended: [UInt64] = []
    while outbox.shedNext() { ended.append(outbox.ended.id) }
    // 1 is in flight.
    #expect(ended == [2, 3, 4, 6])
    #expect(drain(&outbox).map(\.id) == [5, 7, 8, 9])
  }

  @Test func `more keys than there are places for want a commit in between`() throws {
    var outbox = try Outbox(workspace.open())
    for key in 1...16 as ClosedRange<UInt64> { try write(Item([1]), key: key, to: &outbox) }
    #expect(throws: OutboxError.full) { try write(Item([2]), key: 17, to: &outbox) }
    try write(Item([2]), key: 16, to: &outbox)
    #expect(outbox.commit().isGood)
    #expect(add(Item([2]), key: 17, to: &outbox) == 18)
    #expect(outbox.counters.superseded == 1 && outbox.counters.refused == 0)
  }

  @Test func `a placeholder becomes the entry's number`() throws {
    var outbox = try Outbox(workspace.open())
    for text in ["@ID@", "{\"a\":\"@ID@\",\"b\":@ID@}", "@ID", "", "@@ID@@"] {
      try write(Item(Array(text.utf8)), mark: "@ID@", to: &outbox)
    }
    // It is as long as it is with the number.
    try write(
      Item(Array((String(repeating: "x", count: 1_023) + "@ID@").utf8)),
      mark: "@ID@",
      to: &outbox
    )
    let long = Item([UInt8](repeating: 0x78, count: 1_022) + Array("@ID@@ID@@ID@".utf8))
    #expect(throws: OutboxError.tooLong) { try write(long, mark: "@ID@", to: &outbox) }
    #expect(outbox.commit().isGood && outbox.counters.refused == 1)
    #expect(throws: OutboxError.tooLong) { try write(long, mark: "@ID@", to: &outbox) }
    #expect(outbox.counters.refused == 2)
    let texts = drain(&outbox).map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(texts.prefix(5) == ["1", "{\"a\":\"2\",\"b\":2}", "@ID", "", "@5@"])
    #expect(texts.last == String(repeating: "x", count: 1_023) + "6")
  }

  @Test func `what is added is committed before anything else is done`() async {
    await #expect(processExitsWith: .failure) {
      var outbox = try Outbox(Workspace().open())
      try write(Item([1]), to: &outbox)
      _ = outbox.findNext(at: .seconds(0))
    }
  }

  @Test func `each byte of a record is read once`() throws {
    var outbox = try Outbox(workspace.open())
    for index in 0..<5 { _ = add(Item([UInt8(index), 1, 2, 3]), to: &outbox) }
    Recorder.start()
    defer { Recorder.stop() }
    var reads: [Range<Int>] = []
    while let item = peek(&outbox) {
      let now = Recorder.reads
      try outbox.remove(item.id).check()
      #expect(Recorder.reads == now, "its mark is written without reading it")
    }
    reads = Recorder.reads
    for (index, range) in reads.enumerated() {
      #expect(reads[..<index].allSatisfy { !$0.overlaps(range) })
    }
    // Heads, then topics with payloads.
    #expect(reads.count { $0.count == 5 } == 5)
  }

  @Test func `a year of reports is written little more than once`() throws {
    var outbox = try Outbox(workspace.open())
    let count = 3_000
    for index in 0..<count {
      _ = add(Item([UInt8](repeating: UInt8(index & 0xFF), count: 100)), to: &outbox)
      _ = take(&outbox)
    }
    // 780 entries fill the file; with nothing waiting it is cut where it is, after a word of the header.
    #expect(outbox.writes.replacements == 1)
    // Each is accepted, and delivered before the next one comes.
    #expect(outbox.writes.syncs == 2 * count + 2 + 3)
    #expect(outbox.writes.bytes == count * 172 + 4 * 2 * 40)
  }
}
