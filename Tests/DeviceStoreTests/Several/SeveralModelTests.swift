// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableReports
import FileRecorder
import ReportLink
import TestSupport
import Testing

/// What a device with several reports under way may do, over all its lives.
private final class Ledger {
  struct Known {
    var topic: Int
    var priority: UInt8
    var payload: [UInt8]
  }

  var accepted: [UInt64: Known] = [:]
  /// What the platform has.
  var taken: Set<UInt64> = []
  /// What the device was told to be over.
  var told: Set<UInt64> = []
  /// What this life has still to deliver.
  var waiting: Set<UInt64> = []
  var revenants = 0
  var faults: [String] = []

  /// Checks a report as it begins.
  func begin(_ report: SeveralPlatform.Report, beside others: [SeveralPlatform.Report]) {
    if others.contains(where: { $0.topic == report.topic }) {
      faults.append("\(report.id): another of its topic is under way")
    }
    // One whose acceptance was cut short may be there.
    guard let known = accepted[report.id] else { return }
    if known.payload != report.payload { faults.append("\(report.id): another payload") }
    if told.contains(report.id), !waiting.contains(report.id) { revenants += 1 }
    for id in waiting {
      guard let other = accepted[id], other.topic == known.topic else { continue }
      if (other.priority, report.id) > (known.priority, id) {
        faults.append("\(report.id) begins before \(id)")
      }
    }
  }
}

@Suite("Several reports under way, at random")
struct SeveralModelTests {
  @Test(arguments: [(UInt64(31), 4), (32, 16), (33, 4), (34, 16), (35, 16), (36, 4)])
  func `nothing is lost or out of order through power cuts at any instant`(
    seed: UInt64,
    capacity: Int
  ) throws {
    var random = SeededRandom(seed: seed)
    let workspace = Workspace()
    let ledger = Ledger()
    var settings = DurableSettings()
    settings.outbox.maxBytes = 6_000
    _ = try workspace.open()
    var disk = workspace.disk
    defer { Recorder.stop() }
    var cuts = 0
    for life in 0..<400 {
      let isLast = life == 399
      Recorder.start()
      if !isLast { Recorder.kill(after: Int(random.next() % 120)) }
      ledger.revenants = 0
      try live(workspace, ledger, settings, capacity, isLast: isLast, &random)
      #expect(ledger.faults == [], "seed \(seed), life \(life)")
      #expect(ledger.revenants <= 15, "seed \(seed), life \(life)")
      for operation in Recorder.finish() { disk.apply(operation, &random) }
      if random.next() % 3 > 0 {
        cuts += 1
        workspace.become(disk.cut(.random, &random))
        disk = workspace.disk
      }
    }
    #expect(cuts > 50 && ledger.accepted.count > 1_000, "\(cuts), \(ledger.accepted.count)")
    let lost = ledger.accepted.keys.filter { !ledger.taken.contains($0) }.sorted()
    #expect(lost == [], "seed \(seed)")
  }

  /// One life, until the power goes or all is delivered.
  private func live(
    _ workspace: Workspace,
    _ ledger: Ledger,
    _ settings: DurableSettings,
    _ capacity: Int,
    isLast: Bool,
    _ random: inout SeededRandom
  ) throws {
    let platform = SeveralPlatform(capacity: capacity)
    guard let device = try? SeveralDevice(workspace, platform, settings: settings) else { return }
    platform.onBegin = { [unowned platform] in ledger.begin($0, beside: platform.underWay) }
    // What of this is not there any more was told to be over: after a power cut it may be.
    ledger.waiting = Set(ledger.accepted.keys).subtracting(ledger.taken)
    for step in 0..<400 {
      if !isLast, random.next() % 2 == 0 {
        let known = Ledger.Known(
          topic: Int(random.next() % 24),
          priority: random.next() % 5 == 0 ? UInt8(random.next() % 3) : 0,
          payload: [UInt8](repeating: UInt8(step & 0xFF), count: Int(random.next() % 100))
        )
        let id = try? device.accept(known.topic, known.payload, priority: known.priority)
        if let id {
          ledger.accepted[id] = known
          ledger.waiting.insert(id)
        } else if device.device.hasRoom {
          return
        }
      }
      answer(platform, ledger, &random)
      for event in device.events() {
        if event.hasPrefix("storeFailed") { return }
        guard event.hasPrefix("delivered"), let id = UInt64(event.dropFirst(10).dropLast()) else {
          continue
        }
        #expect(ledger.taken.contains(id))
        ledger.told.insert(id)
      }
      if random.next() % 4 == 0 { device.sleep() }
      if isLast {
        device.sleep()
        for report in platform.underWay { take(report, platform, ledger) }
        if device.isDone { return }
      }
    }
    #expect(!isLast, "\(device.pendingReports) wait")
  }

  private func take(
    _ report: SeveralPlatform.Report,
    _ platform: SeveralPlatform,
    _ ledger: Ledger
  ) {
    ledger.taken.insert(report.id)
    ledger.waiting.remove(report.id)
    platform.deliver(report.id)
  }

  /// Ends some of what is under way, in any order.
  private func answer(
    _ platform: SeveralPlatform,
    _ ledger: Ledger,
    _ random: inout SeededRandom
  ) {
    if random.next() % 16 == 0 { return platform.lose() }
    for report in platform.underWay.shuffled(using: &random) {
      switch random.next() % 8 {
      case 0, 1, 2: take(report, platform, ledger)
      case 3: platform.end(report.id, ReportEnding(.later, wasSent: true))
      default: break
      }
    }
  }
}
