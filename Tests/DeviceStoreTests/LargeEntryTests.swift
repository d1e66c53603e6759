// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import TestSupport
import Testing

#if !SMALL_REPORTS
@Suite("Entries of more than 1,024 bytes")
struct LargeEntryTests {
  /// The version in the file's header.
  private func version(_ workspace: Workspace) -> UInt8? { workspace.bytes("outbox")?[3] }

  private var large: OutboxSettings {
    var settings = OutboxSettings()
    settings.maxPayload = 131_072
    settings.maxBytes = 1_048_576
    return settings
  }

  private func payload(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @Test(arguments: [1_024, 1_025, 4_096, 65_535, 65_536, 65_537, 131_071, 131_072])
  func `a payload of that length comes back whole, from this life and from the next`(
    count: Int
  ) throws {
    let workspace = Workspace()
    var item = Item(payload(count), topic: "/a/b/user/c")
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      item.id = add(item, to: &outbox)
      #expect(item.id == 1)
      #expect(peek(&outbox) == item)
    }
    #expect(version(workspace) == (count > 1_024 ? 3 : 2))
    var outbox = try Outbox(workspace.open(), settings: large)
    #expect(outbox.findings.kept == 1)
    #expect(drain(&outbox) == [item])
  }

  @Test func `one byte more than the limit is refused, and leaves nothing behind`() throws {
    let workspace = Workspace()
    var outbox = try Outbox(workspace.open(), settings: large)
    _ = add(Item([1]), to: &outbox)
    let before = workspace.bytes("outbox")
    #expect(throws: OutboxError.tooLong) {
      _ = try addOrThrow(Item(payload(131_073)), to: &outbox)
    }
    #expect(workspace.bytes("outbox") == before)
    #expect(drain(&outbox).count == 1)
  }

  @Test func `a lower limit refuses new entries, and gives out longer ones that wait`() throws {
    let workspace = Workspace()
    var settings = large
    let item = Item(payload(100_000))
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      #expect(add(item, to: &outbox) == 1)
    }
    settings.maxPayload = 2_000
    var outbox = try Outbox(workspace.open(), settings: settings)
    #expect(add(Item(payload(2_001)), to: &outbox) == 0)
    #expect(add(Item(payload(2_000)), to: &outbox) == 2)
    #expect(drain(&outbox).map(\.payload.count) == [100_000, 2_000])
  }

  @Test func `the id in the place of its mark may make a payload too long`() throws {
    let workspace = Workspace()
    var outbox = try Outbox(workspace.open(), settings: large)
    let filler = payload(131_070).map { $0 | 0x80 }
    #expect(try write(Item(filler + [0x23, 0x23]), mark: "##", to: &outbox) == 1)
    #expect(outbox.commit().isGood)
    #expect(peek(&outbox)?.payload == filler + [0x31])
    #expect(throws: OutboxError.tooLong) {
      _ = try write(Item(filler + [0x23, 0x23]), mark: "#", to: &outbox)
      _ = try write(Item(filler + [0x23, 0x23, 0x23]), mark: "#", to: &outbox)
    }
  }

  @Test func `a file of version 2 becomes one of version 3 for a long entry alone`()
    throws
  {
    let workspace = Workspace()
    do {
      var outbox = try Outbox(workspace.open())
      for index in 0..<5 { _ = add(Item([UInt8(index)]), to: &outbox) }
    }
    #expect(version(workspace) == 2)
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      #expect(outbox.findings.kept == 5)
      _ = add(Item([5]), to: &outbox)
      #expect(version(workspace) == 2)
      #expect(add(Item(payload(5_000)), to: &outbox) == 7)
      // Both copies, for a program without long entries takes the one that it knows.
      let bytes = try #require(workspace.bytes("outbox"))
      #expect(bytes[3] == 3 && bytes[512 + 3] == 3)
    }
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      #expect(outbox.findings.damaged == 0)
      #expect(drain(&outbox).map(\.id) == [1, 2, 3, 4, 5, 6, 7])
    }
  }

  @Test func `an outbox without long entries refuses the file, and leaves it as it is`() throws {
    let workspace = Workspace()
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      #expect(add(Item(payload(5_000)), to: &outbox) == 1)
    }
    let bytes = workspace.bytes("outbox")
    #expect(throws: StoreError.version) { _ = try Outbox(workspace.open()) }
    #expect(workspace.bytes("outbox") == bytes)
    // Of the headers, one is enough.
    for place in [0, 512] {
      var damaged = try #require(bytes)
      damaged[place + 20] ^= 1
      workspace.put(damaged, as: "outbox")
      #expect(throws: StoreError.version) { _ = try Outbox(workspace.open()) }
      #expect(workspace.bytes("outbox") == damaged)
      let outbox = try Outbox(workspace.open(), settings: large)
      #expect(outbox.count == 1)
    }
  }

  @Test func `a version beyond is refused by both`() throws {
    let workspace = Workspace()
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      _ = add(Item([1]), to: &outbox)
    }
    var bytes = try #require(workspace.bytes("outbox"))
    bytes[3] = 4
    bytes[512 + 3] = 4
    workspace.put(bytes, as: "outbox")
    for settings in [OutboxSettings(), large] {
      #expect(throws: StoreError.version) { _ = try Outbox(workspace.open(), settings: settings) }
    }
    #expect(workspace.bytes("outbox") == bytes)
  }

  @Test func `a file that is tidied without long entries becomes one of version 2`() throws {
    let workspace = Workspace()
    var settings = large
    settings.maxBytes = 8_000
    var outbox = try Outbox(workspace.open(), settings: settings)
    for _ in 0..<3 {
      #expect(add(Item(payload(5_000)), to: &outbox) != 0)
      #expect(version(workspace) == 3)
      #expect(take(&outbox)?.payload.count == 5_000)
      for index in 0..<30 {
        #expect(add(Item(payload(900, seed: UInt64(index))), to: &outbox) != 0)
        #expect(take(&outbox)?.payload == payload(900, seed: UInt64(index)))
      }
      let bytes = try #require(workspace.bytes("outbox"))
      #expect(bytes[3] == 2)
      #expect(bytes[512 + 3] == 2)
    }
  }

  @Test func `a long entry amid others that are not durable is added after the commit`() throws {
    let workspace = Workspace()
    var outbox = try Outbox(workspace.open(), settings: large)
    _ = add(Item([0]), to: &outbox)
    #expect(try write(Item([1]), to: &outbox) == 2)
    #expect(throws: OutboxError.full) { _ = try write(Item(payload(2_000)), to: &outbox) }
    #expect(outbox.commit().isGood)
    #expect(outbox.counters.refused == 0)
    #expect(try write(Item(payload(2_000)), to: &outbox) == 3)
    // From now on it takes them.
    #expect(try write(Item(payload(3_000)), to: &outbox) == 4)
    #expect(outbox.commit().isGood)
    #expect(drain(&outbox).map(\.payload.count) == [1, 1, 2_000, 3_000])
  }

  @Test func `a disk that refuses the change of version keeps what there is`() throws {
    for step in 0..<6 {
      let workspace = Workspace()
      var outbox = try Outbox(workspace.open(), settings: large)
      _ = add(Item([0]), to: &outbox)
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(step % 2 == 0 ? RECORDED_WRITE : RECORDED_SYNC, skip: step / 2, code: 5)
      let isAdded = add(Item(payload(9_000)), to: &outbox) != 0
      Recorder.succeed()
      #expect(add(Item(payload(7_000)), to: &outbox) != 0)
      let ids = drain(&outbox).map(\.payload.count)
      #expect(ids == (isAdded ? [1, 9_000, 7_000] : [1, 7_000]), "step \(step)")
    }
  }

  /// What an entry spans are dozens of blocks of 512 bytes, each of which the disk has or has not.
  @Test(arguments: [40_000, 9_000])
  func `no accepted entry is lost and none is changed, wherever the run is cut`(room: Int) throws {
    var random = SeededRandom(seed: 17)
    let workspace = Workspace()
    var settings = large
    settings.maxBytes = room
    do {
      var outbox = try Outbox(workspace.open())
      for index in 0..<3 { _ = add(Item([UInt8(index)]), to: &outbox) }
    }
    var disk = workspace.disk
    var payloads: [UInt64: [UInt8]] = [:]
    var accepted: [UInt64: Int] = [1: 0, 2: 0, 3: 0]
    var removing: [UInt64: Int] = [:]
    for index in 0..<3 { payloads[UInt64(index) + 1] = [UInt8(index)] }
    Recorder.start()
    defer { Recorder.stop() }
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      for index in 0..<16 {
        let item = Item(payload([1, 3_000, 700, 8_000, 1_025][index % 5], seed: UInt64(index)))
        let id = add(item, to: &outbox)
        if id != 0 {
          payloads[id] = item.payload
          accepted[id] = Recorder.count
        }
        if index > 2 {
          let began = Recorder.count
          if let item = take(&outbox) { removing[item.id] = began }
        }
      }
    }
    #expect(accepted.count > 12)
    let operations = Recorder.finish()
    let trial = Workspace()
    for cut in 0...operations.count {
      if cut > 0 { disk.apply(operations[cut - 1], &random) }
      var losses: [Disk.Loss] =
        [.everything, .nothing] + [Disk.Loss](repeating: .random, count: 12)
      losses += stride(from: 0, to: disk.lastWriteCount, by: 487).map { .lastAfter($0) }
      for loss in losses {
        trial.become(disk.cut(loss, &random))
        var outbox = try Outbox(trial.open(), settings: settings)
        #expect(outbox.findings.damaged == 0, "cut after \(cut), \(loss)")
        let next = outbox.nextID
        let found = drain(&outbox)
        #expect(found.allSatisfy { payloads[$0.id] == $0.payload }, "cut after \(cut), \(loss)")
        let ids = Set(found.map(\.id))
        #expect(ids.count == found.count)
        for (id, told) in accepted where told <= cut {
          #expect(next > id, "cut after \(cut), \(loss)")
          let mayBeGone = removing[id].map { $0 < cut } ?? false
          #expect(ids.contains(id) || mayBeGone, "cut after \(cut), \(loss): \(id) is lost")
        }
      }
    }
  }

  @Test func `a damaged byte costs the entry that it is in`() throws {
    let workspace = Workspace()
    do {
      var outbox = try Outbox(workspace.open(), settings: large)
      for index in 0..<3 { _ = add(Item(payload(20_000, seed: UInt64(index))), to: &outbox) }
    }
    let bytes = try #require(workspace.bytes("outbox"))
    for place in stride(from: 560, to: bytes.count, by: 1_499) {
      var damaged = bytes
      damaged[place] ^= 0x10
      workspace.put(damaged, as: "outbox")
      var outbox = try Outbox(workspace.open(), settings: large)
      #expect(drain(&outbox).count >= 2, "byte \(place)")
    }
  }
}
#endif
