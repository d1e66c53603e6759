// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import TestSupport
import Testing

@Suite("A power cut at any instant")
struct PowerCutTests {
  /// What the caller of an outbox has been told up to an operation of the run.
  struct Promise {
    var item: Item
    var key: UInt64
    /// How many operations there were when the append began and ended.
    var began: Int
    var ended: Int
    var removalBegan = Int.max
    var removalEnded = Int.max
    var wasKept = false
  }

  /// What waits is moved into a gap at the start of the file, or, where the oldest stays, behind it.
  @Test(arguments: [false, true])
  func `no accepted entry is lost and none is changed, wherever the run is cut`(
    keepsOldest: Bool
  ) throws {
    var random = SeededRandom(seed: 1)
    let workspace = Workspace()
    var settings = OutboxSettings()
    settings.maxBytes = 1100
    // Life 0 leaves entries for life 1, of which some are removed.
    var kept: [Promise] = []
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      for index in 0..<4 {
        var item = Item([UInt8](repeating: UInt8(index), count: 40), topic: "kept")
        item.id = add(item, to: &outbox)
        kept.append(Promise(item: item, key: 0, began: 0, ended: 0, wasKept: true))
      }
    }
    let files = workspace.disk
    var promises = kept
    Recorder.start()
    defer { Recorder.stop() }
    do {
      var outbox = try Outbox(workspace.open(), settings: settings)
      for index in 0..<44 {
        if index % 2 == 0 {
          var item = Item(
            [UInt8](repeating: 0xF0 + UInt8(index % 16), count: index % 12 * 20),
            priority: keepsOldest ? 1 : 0
          )
          let key: UInt64 = index % 6 == 0 ? 7 : 0
          let began = Recorder.count
          item.id = add(item, key: key, to: &outbox)
          if item.id != 0 {
            promises.append(Promise(item: item, key: key, began: began, ended: Recorder.count))
          }
        } else {
          let began = Recorder.count
          if let item = take(&outbox) {
            let place = try #require(promises.firstIndex { $0.item.id == item.id })
            promises[place].removalBegan = began
            promises[place].removalEnded = Recorder.count
          }
        }
      }
      #expect(keepsOldest || outbox.counters.superseded > 0)
    }
    let operations = Recorder.finish()
    let moves = operations.count { $0.kind == RECORDED_TRUNCATE }
    #expect(moves > 1, "what waits must be moved within the file")
    var disk = files
    let trial = Workspace()
    for cut in 0...operations.count {
      if cut > 0 { disk.apply(operations[cut - 1], &random) }
      var losses: [Disk.Loss] = [.everything, .nothing]
      losses += (0..<disk.lastWriteCount).map { .lastAfter($0) }
      losses += [Disk.Loss](repeating: .random, count: 20)
      for loss in losses {
        trial.become(disk.cut(loss, &random))
        check(promises, at: cut, in: trial, settings, "cut after \(cut), \(loss)")
      }
    }
  }

  private func check(
    _ promises: [Promise],
    at cut: Int,
    in trial: Workspace,
    _ settings: OutboxSettings,
    _ note: String
  ) {
    do {
      var outbox = try Outbox(trial.open(), settings: settings)
      #expect(outbox.findings.damaged == 0, "\(note)")
      let nextID = outbox.nextID
      let found = drain(&outbox).sorted { ($1.priority, $0.id) < ($0.priority, $1.id) }
      let ids = found.map(\.id)
      #expect(Set(ids).count == ids.count, "\(note)")
      for item in found {
        guard let promise = promises.first(where: { $0.item.id == item.id }) else {
          Issue.record("\(note): \(item) was never accepted")
          continue
        }
        #expect(item == promise.item, "\(note)")
        #expect(promise.began < cut || promise.wasKept, "\(note): \(item) from the future")
        #expect(!promise.wasKept || promise.removalEnded > cut, "\(note): \(item) came back")
      }
      for promise in promises where promise.ended <= cut || promise.wasKept {
        #expect(promise.item.id < nextID, "\(note): \(promise.item) may be given out again")
        let isThere = ids.contains(promise.item.id)
        let later = promises.first {
          $0.key != 0 && $0.key == promise.key && $0.item.id > promise.item.id && $0.began < cut
        }
        let mayBeGone = promise.removalBegan < cut || later != nil
        #expect(isThere || mayBeGone, "\(note): \(promise.item) is lost")
        // The older one of a key must not outlive the newer one.
        if isThere, let later, later.removalBegan < cut, promise.removalBegan == Int.max {
          #expect(ids.contains(later.item.id), "\(note): \(promise.item) outlived \(later.item)")
        }
      }
    } catch {
      Issue.record("\(note): \(error)")
    }
  }

  @Test func `no number is used twice, wherever the run is cut`() throws {
    var random = SeededRandom(seed: 2)
    let workspace = Workspace()
    let fingerprint = [UInt8](repeating: 9, count: 32)
    var record = SessionRecord()
    try record.fingerprint.replace(with: fingerprint.span)
    try record.channel.replace(with: [UInt8](repeating: 5, count: 700).span)
    /// The token, the ceiling, and between which operations it was stored.
    var told: [(token: UInt8, ceiling: UInt64, began: Int, ended: Int)] = []
    _ = try workspace.open()
    let start = workspace.disk
    Recorder.start()
    defer { Recorder.stop() }
    do {
      var store = SessionStore(try workspace.open())
      for token in UInt8(1)...4 {
        try record.token.replace(with: [UInt8](repeating: token, count: 20 + Int(token)).span)
        // A session is also stored anew under the same token, with a higher ceiling.
        for again in 0..<2 {
          record.ceiling = UInt64(again) * 192
          var began = Recorder.count
          try store.replace(with: record)
          told.append((token, record.ceiling, began, Recorder.count))
          for step in 1...3 {
            began = Recorder.count
            let ceiling = UInt64(again) * 192 + UInt64(step) * 64
            try store.reserve(upTo: ceiling).check()
            told.append((token, ceiling, began, Recorder.count))
          }
        }
      }
    }
    let operations = Recorder.finish()
    var disk = start
    let trial = Workspace()
    var foundCount = 0
    for cut in 0...operations.count {
      if cut > 0 { disk.apply(operations[cut - 1], &random) }
      var losses: [Disk.Loss] = [.everything, .nothing]
      losses += stride(from: 0, to: disk.lastWriteCount, by: 7).map { .lastAfter($0) }
      losses += [Disk.Loss](repeating: .random, count: 20)
      for loss in losses {
        trial.become(disk.cut(loss, &random))
        var store = SessionStore(try trial.open())
        var found = SessionRecord()
        let finding = try store.load(for: fingerprint.span, into: &found)
        guard finding == .found else { continue }
        foundCount += 1
        let token = found.token.bytes[0]
        let promised = told.filter { $0.token == token && $0.ended <= cut }.map(\.ceiling).max()
        #expect(found.ceiling >= promised ?? 0, "cut after \(cut), \(loss), token \(token)")
        let isKnown = told.contains {
          $0.token == token && $0.ceiling == found.ceiling && $0.began < cut
        }
        #expect(isKnown && found.token.count == 20 + Int(token), "cut after \(cut), \(loss)")
        #expect(array(found.channel.bytes) == [UInt8](repeating: 5, count: 700))
        let newest = told.filter { $0.ended <= cut }.map(\.token).max() ?? 0
        #expect(token >= newest, "cut after \(cut), \(loss): an older token came back")
      }
    }
    #expect(foundCount > 500)
  }

  /// Each batch is torn wherever a disk may tear it, in the middle, too.
  @Test func `of entries added together all that were told are there, and at most 15 come back`()
    throws
  {
    var random = SeededRandom(seed: 9)
    let workspace = Workspace()
    _ = try workspace.open()
    var disk = workspace.disk
    /// When each entry had been told to be accepted, and to be delivered.
    var accepted: [UInt64: Int] = [:]
    var delivered: [UInt64: Int] = [:]
    var payloads: [UInt64: [UInt8]] = [:]
    /// When none waited.
    var empty: [Int] = []
    Recorder.start()
    defer { Recorder.stop() }
    do {
      var outbox = try Outbox(workspace.open())
      for batch in 0..<8 {
        var added: [UInt64] = []
        for index in 0..<[1, 30, 7, 2, 40, 3, 1, 12][batch] {
          let payload = [UInt8](repeating: UInt8(batch * 30 + index), count: 35 * (index % 30))
          let id = try write(Item(payload), to: &outbox)
          payloads[id] = payload
          added.append(id)
        }
        #expect(outbox.commit().isGood)
        for id in added { accepted[id] = Recorder.count }
        for _ in 0..<[1, 20, 17, 0, 30, 25, 1, 0][batch] {
          guard let item = take(&outbox) else { break }
          delivered[item.id] = Recorder.count
        }
        if outbox.count == 0 { empty.append(Recorder.count) }
      }
      while let item = take(&outbox) { delivered[item.id] = Recorder.count }
    }
    #expect(!empty.isEmpty)
    let operations = Recorder.finish()
    let trial = Workspace()
    var mostUndone = 0
    for cut in 0...operations.count {
      if cut > 0 { disk.apply(operations[cut - 1], &random) }
      var losses = [Disk.Loss](repeating: .random, count: 8) + [.everything, .nothing]
      losses += stride(from: 0, to: disk.lastWriteCount, by: 50).map { .lastAfter($0) }
      for loss in losses {
        trial.become(disk.cut(loss, &random))
        var outbox = try Outbox(trial.open())
        #expect(outbox.findings.damaged == 0, "cut after \(cut), \(loss)")
        let next = outbox.nextID
        let found = drain(&outbox)
        #expect(found.map(\.id) == found.map(\.id).sorted(), "cut after \(cut), \(loss)")
        #expect(found.allSatisfy { payloads[$0.id] == $0.payload }, "cut after \(cut), \(loss)")
        let ids = Set(found.map(\.id))
        for (id, told) in accepted where told <= cut {
          #expect(next > id)
          // Its mark may be durable although it has not been told.
          let mayBeGone = delivered[id].map { $0 - 2 <= cut } ?? false
          #expect(ids.contains(id) || mayBeGone, "cut after \(cut), \(loss): \(id) is lost")
        }
        let undone = delivered.filter { $0.value <= cut && ids.contains($0.key) }
        mostUndone = max(mostUndone, undone.count)
        let wasEmpty = empty.last { $0 <= cut } ?? 0
        #expect(undone.values.allSatisfy { $0 > wasEmpty }, "cut after \(cut), \(loss)")
      }
    }
    // All marks since the last sync, of which the sixteenth is one.
    #expect(mostUndone == 15)
  }

  @Test func `an older entry of a key does not come back when the newer one is delivered`() throws {
    var random = SeededRandom(seed: 5)
    let workspace = Workspace()
    _ = try workspace.open()
    var disk = workspace.disk
    Recorder.start()
    defer { Recorder.stop() }
    do {
      var outbox = try Outbox(workspace.open())
      _ = add(Item([0]), to: &outbox)
      _ = take(&outbox)
      for index in 1...3 { _ = add(Item([UInt8(index)]), key: 7, to: &outbox) }
      #expect(take(&outbox)?.id == 4)
    }
    let operations = Recorder.finish()
    let trial = Workspace()
    for (cut, operation) in operations.enumerated() {
      disk.apply(operation, &random)
      for _ in 0..<60 {
        trial.become(disk.cut(.random, &random))
        var outbox = try Outbox(trial.open())
        let ids = drain(&outbox).map(\.id)
        // The newest of those that were accepted is the last to be sent, unless it was.
        let wasDelivered = cut == operations.count - 1
        #expect(!wasDelivered || ids.isEmpty || ids.last == 4, "cut after \(cut): \(ids)")
      }
    }
  }

  @Test func `what a killed process left is made durable before anything is promised`() throws {
    var random = SeededRandom(seed: 6)
    var settings = OutboxSettings()
    settings.maxBytes = 600
    for kill in 0..<60 {
      let workspace = Workspace()
      _ = try workspace.open()
      var disk = workspace.disk
      var accepted: [UInt64] = []
      var removed: [UInt64] = []
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.kill(after: kill)
      do {
        // One life, which ends anywhere, also within a compaction.
        var outbox = try Outbox(workspace.open(), settings: settings)
        for index in 0..<16 {
          let id = add(Item([UInt8](repeating: UInt8(index), count: 80)), to: &outbox)
          if id == 0 { break }
          accepted.append(id)
          if index % 4 != 3, let item = take(&outbox) { removed.append(item.id) }
        }
      }
      Recorder.succeed()
      do {
        // Another one, and then the power goes.
        var outbox = try Outbox(workspace.open(), settings: settings)
        let id = add(Item([1, 2, 3]), to: &outbox)
        if id != 0 { accepted.append(id) }
      }
      for operation in Recorder.finish() { disk.apply(operation, &random) }
      for loss in [Disk.Loss.everything, .nothing, .random, .random, .random] {
        workspace.become(disk.cut(loss, &random))
        var outbox = try Outbox(workspace.open(), settings: settings)
        let ids = drain(&outbox).map(\.id)
        let missing = accepted.filter { !ids.contains($0) && !removed.contains($0) }
        // The removal that the first life ended in may have been done.
        #expect(missing.count <= 1, "killed after \(kill), \(loss): \(missing)")
        #expect(accepted.last.map(ids.contains) ?? true, "killed after \(kill), \(loss)")
      }
    }
  }

  @Test func `numbers of a session that a killed process left are used once`() throws {
    var random = SeededRandom(seed: 7)
    let fingerprint = Session.small.fingerprint
    for kill in 0..<30 {
      let workspace = Workspace()
      _ = try workspace.open()
      var disk = workspace.disk
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.kill(after: kill)
      var used: UInt64 = 0
      do throws(StoreError) {
        var session = Session.small
        session.ceiling = 0
        var store = SessionStore(try workspace.open())
        try store.replace(with: session.record)
        for ceiling in [64, 128] as [UInt64] {
          try store.reserve(upTo: ceiling).check()
          used = ceiling
        }
        // The channel's session has changed; the token has not.
        session.channel = [1, 2, 3]
        session.ceiling = 128
        try store.replace(with: session.record)
        try store.reserve(upTo: 192).check()
        used = 192
      } catch {}
      Recorder.succeed()
      do {
        var store = SessionStore(try workspace.open())
        var record = SessionRecord()
        if try store.load(for: fingerprint.span, into: &record) == .found {
          try store.reserve(upTo: record.ceiling + 64).check()
          used = record.ceiling + 64
        }
      }
      for operation in Recorder.finish() { disk.apply(operation, &random) }
      for loss in [Disk.Loss.everything, .nothing, .random, .random, .random, .random] {
        workspace.become(disk.cut(loss, &random))
        let found = workspace.load(fingerprint)
        #expect(
          found.finding != .found || found.session.ceiling >= used,
          "killed after \(kill), \(loss): \(found.session.ceiling) < \(used)"
        )
      }
    }
  }
}
