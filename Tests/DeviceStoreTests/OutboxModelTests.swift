// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import FileRecorder
import Foundation
import TestSupport
import Testing

/// What an outbox is to do, in memory.
private struct Model {
  let settings: OutboxSettings
  var waiting: [(item: Item, key: UInt64)] = []
  var counters = (accepted: 0, delivered: 0, expired: 0, dropped: 0, superseded: 0, refused: 0)
  /// What does not wait any more in this life, and may again after a power cut.
  var revenants: [(item: Item, key: UInt64)] = []
  /// The same of lives since the last power cut.
  var undurable: [(item: Item, key: UInt64)] = []
  var inFlight: UInt64 = 0
  /// Those that were added since others made room last.
  var new: Set<UInt64> = []
  var isInFlightSuperseded = false

  init(_ settings: OutboxSettings) {
    self.settings = settings
  }

  static func size(_ item: Item) -> Int {
    (64 + item.topic.utf8.count + item.payload.count + 7) / 8 * 8
  }

  var bytes: Int { waiting.reduce(0) { $0 + Self.size($1.item) } }

  private mutating func leave(_ id: UInt64) {
    revenants += waiting.filter { $0.item.id == id }
    waiting.removeAll { $0.item.id == id }
  }

  func accepts(_ item: Item, key: UInt64) -> Bool {
    let excess = bytes + Self.size(item) - settings.maxBytes
    let room = waiting.reduce(0) { room, other in
      let givesWay =
        key != 0 && other.key == key
        || settings.whenFull == .dropOldest && other.item.priority <= item.priority
      return room + (givesWay && other.item.id != inFlight ? Self.size(other.item) : 0)
    }
    return Self.size(item) <= settings.maxBytes && (excess <= 0 || room >= excess)
  }

  mutating func append(_ item: Item, key: UInt64) {
    add(item, key: key)
    shed(item)
  }

  mutating func add(_ item: Item, key: UInt64) {
    counters.accepted += 1
    waiting.append((item, key))
    new.insert(item.id)
  }

  /// Ends those whose place the entries take that were added, of which `item` is the last.
  mutating func shed(_ item: Item) {
    defer { new = [] }
    for (index, other) in waiting.enumerated().reversed() where other.key != 0 {
      let isReplaced = waiting[(index + 1)...].contains {
        $0.key == other.key && new.contains($0.item.id)
      }
      if !isReplaced { continue }
      if other.item.id == inFlight {
        isInFlightSuperseded = true
      } else {
        leave(other.item.id)
        counters.superseded += 1
      }
    }
    while bytes > settings.maxBytes, settings.whenFull == .dropOldest {
      let candidates = waiting.filter { $0.item.id != inFlight && $0.item.id != item.id }
      guard let lowest = candidates.map(\.item.priority).min(),
        let worst = candidates.first(where: { $0.item.priority == lowest })
      else { return }
      leave(worst.item.id)
      counters.dropped += 1
    }
  }

  mutating func next(at date: UInt64) -> Item? {
    if isInFlightSuperseded {
      leave(inFlight)
      counters.superseded += 1
    }
    for other in waiting where other.item.expiresAt != 0 && other.item.expiresAt <= date {
      leave(other.item.id)
      counters.expired += 1
    }
    isInFlightSuperseded = false
    inFlight = 0
    guard let highest = waiting.map(\.item.priority).max() else { return nil }
    let best = waiting.first { $0.item.priority == highest }
    inFlight = best?.item.id ?? 0
    return best?.item
  }

  mutating func remove(_ id: UInt64, isDurable: Bool) {
    if isDurable { waiting.removeAll { $0.item.id == id } } else { leave(id) }
    counters.delivered += 1
    inFlight = 0
    isInFlightSuperseded = false
  }
}

@Suite("An outbox beside a model of it, at random")
struct OutboxModelTests {
  @Test(arguments: [
    (UInt64(11), false, false), (12, true, false), (13, false, true), (14, true, true),
    (15, true, true), (16, false, true),
  ])
  func `they agree through restarts, power cuts and failures`(
    seed: UInt64,
    drops: Bool,
    fails: Bool
  ) throws {
    print("OutboxModelTests: seed \(seed)")
    var random = SeededRandom(seed: seed)
    var settings = OutboxSettings()
    settings.maxBytes = 3000
    settings.whenFull = drops ? .dropOldest : .refuse
    let workspace = Workspace()
    var model = Model(settings)
    var highestID: UInt64 = 0
    var steps = 0
    var cuts = 0
    var replacements = 0
    defer { Recorder.stop() }
    _ = try workspace.open()
    var disk = workspace.disk
    while steps < 2500 {
      // One life; what it has not synced is not durable in the next one, either.
      var ghosts: [(item: Item, key: UInt64)] = []
      model.inFlight = 0
      model.isInFlightSuperseded = false
      model.counters = (0, 0, 0, 0, 0, 0)
      model.revenants = []
      Recorder.start()
      do {
        var outbox = try Outbox(workspace.open(), settings: settings)
        let firstID = outbox.nextID
        #expect(firstID > highestID)
        for _ in 0..<(20 + random.next() % 200) {
          steps += 1
          var date: UInt64 = 0
          let failure = fails && random.next() % 12 == 0
          let isKilled = random.next() % 60 == 0
          let choice = random.next() % 10
          if choice < 6 {
            var item = Item(
              [UInt8](repeating: UInt8(truncatingIfNeeded: steps), count: Int(random.next() % 300)),
              topic: String(repeating: "x", count: Int(random.next() % 20)),
              priority: UInt8(random.next() % 4 == 0 ? random.next() % 8 : 0),
              expiresAt: random.next() % 5 == 0 ? 1_000 + random.next() % 50 : 0
            )
            let key = random.next() % 3 == 0 ? 1 + random.next() % 4 : 0
            if failure { injectFailure(&random) }
            if isKilled { Recorder.kill(after: Int(random.next() % 9)) }
            var failed = false
            do throws(OutboxError) {
              item.id = try addOrThrow(item, key: key, to: &outbox)
              #expect(model.accepts(item, key: key), "seed \(seed), step \(steps)")
              model.append(item, key: key)
              highestID = item.id
              #expect(outbox.nextID == highestID + 1)
            } catch {
              if case .store = error {
                failed = true
                ghosts.append((item, key))
              } else {
                #expect(!model.accepts(item, key: key), "seed \(seed), step \(steps)")
              }
              model.counters.refused += 1
            }
            #expect(failure || isKilled || !failed, "seed \(seed), step \(steps)")
            // Also when it was accepted: its marks may not have been written.
            if isKilled { break }
            // Some come together with others.
            if !failure, random.next() % 3 == 0 {
              highestID = try addTogether(&outbox, &model, &random, after: highestID)
            }
          } else if choice < 9 {
            date = random.next() % 3 == 0 ? 1_000 + random.next() % 50 : 0
            let found = try outbox.next(at: date)
            let expected = model.next(at: date)
            #expect(found == expected, "seed \(seed), step \(steps)")
            if let entry = found, random.next() % 4 != 0 {
              let wasKept = entry.id < firstID
              if failure { injectFailure(&random) }
              if isKilled { Recorder.kill(after: Int(random.next() % 9)) }
              do throws(StoreError) {
                try outbox.remove(entry.id).check()
              } catch {
                #expect(failure || isKilled)
                if isKilled {
                  model.remove(entry.id, isDurable: false)
                  break
                }
                Recorder.succeed()
                let isMarked = outbox.count < model.waiting.count
                if isMarked { model.remove(entry.id, isDurable: wasKept) }
                if random.next() % 2 == 0 {
                  // Something else happens in between.
                  var item = Item([1, 2, 3], topic: "between")
                  item.id = add(item, to: &outbox)
                  if item.id != 0 {
                    highestID = item.id
                    model.append(item, key: 0)
                  } else {
                    model.counters.refused += 1
                  }
                }
                if random.next() % 2 == 0 { try outbox.remove(entry.id).check() }
                if !isMarked { model.remove(entry.id, isDurable: wasKept) }
                // Finishes the removal, if nothing has yet.
                let found = peek(&outbox)
                let expected = model.next(at: 0)
                #expect(found == expected, "seed \(seed), step \(steps)")
                continue
              }
              model.remove(entry.id, isDurable: wasKept)
              if isKilled { break }
            }
          } else {
            // What was never given out may be asked for, too.
            try outbox.remove(outbox.nextID).check()
          }
          Recorder.succeed()
          #expect(outbox.count == model.waiting.count, "seed \(seed), step \(steps)")
          check(outbox.counters, model, "seed \(seed), step \(steps)")
          #expect((workspace.bytes("outbox") ?? []).count <= 2 * settings.maxBytes + 560)
        }
        replacements += outbox.writes.replacements
      }
      for operation in Recorder.finish() { disk.apply(operation, &random) }
      if random.next() % 2 == 0 {
        // The process alone has ended.
        observe(&model, workspace.files, ghosts, highestID, "seed \(seed), step \(steps)")
        model.undurable += model.revenants
      } else {
        cuts += 1
        workspace.become(disk.cut(.random, &random))
        model.revenants += model.undurable
        model.undurable = []
        disk = workspace.disk
        observe(&model, workspace.files, ghosts, highestID, "seed \(seed), step \(steps)")
      }
    }
    #expect(cuts > 5 && replacements > 10)
  }

  /// Adds some entries and commits them as the agent does: what is refused among others is added again, alone.
  private func addTogether(
    _ outbox: inout Outbox,
    _ model: inout Model,
    _ random: inout SeededRandom,
    after highestID: UInt64
  ) throws -> UInt64 {
    var highestID = highestID
    var last: Item?
    for _ in 0..<random.next() % 6 {
      var item = Item(
        [UInt8](repeating: UInt8(random.next() % 256), count: Int(random.next() % 200)),
        topic: "together",
        priority: UInt8(random.next() % 3)
      )
      let key = random.next() % 3 == 0 ? 1 + random.next() % 4 : 0
      if let id = try? write(item, key: key, to: &outbox) {
        item.id = id
        #expect(model.accepts(item, key: key))
        model.add(item, key: key)
      } else if outbox.hasUncommitted {
        try commit(&outbox)
        if let last { model.shed(last) }
        let isAccepted = model.accepts(item, key: key)
        item.id = DeviceStoreTests.add(item, key: key, to: &outbox)
        #expect((item.id != 0) == isAccepted)
        if isAccepted { model.append(item, key: key) } else { model.counters.refused += 1 }
        last = nil
        if isAccepted { highestID = item.id }
        continue
      } else {
        #expect(!model.accepts(item, key: key))
        model.counters.refused += 1
        continue
      }
      last = item
      highestID = item.id
    }
    try commit(&outbox)
    if let last { model.shed(last) }
    return highestID
  }

  private func commit(_ outbox: inout Outbox) throws {
    try outbox.commit().check()
    while outbox.shedNext() {}
  }

  private func injectFailure(_ random: inout SeededRandom) {
    switch random.next() % 7 {
    case 0: Recorder.fail(Int(RECORDED_SYNC), times: 1, code: EIO)
    case 1: Recorder.fail(Int(RECORDED_SYNC), skip: 1, times: 1, code: EIO)
    case 2: Recorder.fail(Int(RECORDED_SYNC), code: EIO)
    case 3: Recorder.fail(Int(RECORDED_WRITE), times: 1, code: ENOSPC, partial: 10)
    case 4: Recorder.fail(Int(RECORDED_WRITE), code: ENOSPC)
    case 5: Recorder.fail(Int(RECORDED_WRITE), times: 1, code: EINTR)
    default: Recorder.fail(Int(RECORDED_SYNC), times: 3, code: EINTR)
    }
  }

  private func check(_ counters: OutboxCounters, _ model: Model, _ note: String) {
    #expect(counters.accepted == model.counters.accepted, "\(note)")
    #expect(counters.delivered == model.counters.delivered, "\(note)")
    #expect(counters.expired == model.counters.expired, "\(note)")
    #expect(counters.dropped == model.counters.dropped, "\(note)")
    #expect(counters.superseded == model.counters.superseded, "\(note)")
    #expect(counters.refused == model.counters.refused, "\(note)")
    #expect(counters.damaged == 0, "\(note)")
  }

  /// Compares what a power cut left with what may be left, and goes on from there.
  private func observe(
    _ model: inout Model,
    _ files: [String: [UInt8]],
    _ ghosts: [(item: Item, key: UInt64)],
    _ highestID: UInt64,
    _ note: String
  ) {
    let copy = Workspace()
    copy.put([], as: "session")
    copy.become(files)
    guard let directory = try? copy.open(),
      var outbox = try? Outbox(directory, settings: model.settings)
    else {
      Issue.record("\(note): cannot be opened")
      return
    }
    #expect(outbox.findings.damaged == 0, "\(note)")
    #expect(outbox.nextID > highestID, "\(note)")
    var found: [Item] = []
    while let item = take(&outbox) { found.append(item) }
    found.sort { $0.id < $1.id }
    for (item, _) in model.waiting {
      #expect(found.contains(item), "\(note): \(item) is lost")
    }
    var waiting: [(item: Item, key: UInt64)] = []
    for item in found {
      if let known = (model.waiting + model.revenants).first(where: { $0.item == item }) {
        waiting.append(known)
      } else {
        var nameless = item
        nameless.id = 0
        let ghost = ghosts.first { $0.item == nameless }
        #expect(ghost != nil, "\(note): \(item) was never given to it")
        waiting.append((item, ghost?.key ?? 0))
      }
    }
    model.waiting = waiting
  }
}
