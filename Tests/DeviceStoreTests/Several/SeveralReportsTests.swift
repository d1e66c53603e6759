// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableReports
import FileRecorder
import Foundation
import ReportLink
import TestSupport
import Testing

@Suite("Several reports under way")
struct SeveralReportsTests {
  let workspace = Workspace()

  @Test(arguments: [1, 4, 16])
  func `as many begin as the link takes, one of a topic`(capacity: Int) throws {
    let platform = SeveralPlatform(capacity: capacity)
    let device = try SeveralDevice(workspace, platform)
    for topic in 0..<20 {
      try device.accept(topic)
      try device.accept(topic)
    }
    #expect(device.events() == [])
    #expect(platform.underWay.map(\.id) == (0..<UInt64(capacity)).map { 2 * $0 + 1 })
    // Each makes room for the next one, which is the second of its topic.
    platform.deliver(1)
    #expect(device.events() == ["delivered(1)"])
    #expect(platform.begun.last?.id == 2)
    while !device.isDone {
      for report in platform.underWay { platform.deliver(report.id) }
      _ = device.events()
    }
    #expect(Set(platform.begun.map(\.id)).count == 40 && platform.begun.count == 40)
  }

  @Test func `those of an earlier run that end together share a sync`() throws {
    do {
      let device = try SeveralDevice(workspace, SeveralPlatform(capacity: 1))
      for topic in 0..<17 { try device.accept(topic) }
    }
    let platform = SeveralPlatform(capacity: 16)
    let device = try SeveralDevice(workspace, platform)
    _ = device.events()
    let before = device.syncs
    for id in 1...15 as ClosedRange<UInt64> { platform.deliver(id) }
    #expect(device.events() == (1...15).map { "delivered(\($0))" })
    #expect(device.syncs == before + 1)
  }

  @Test func `a mark that is not durable is not told`() throws {
    do {
      let device = try SeveralDevice(workspace, SeveralPlatform(capacity: 1))
      for topic in 0..<3 { try device.accept(topic) }
    }
    let platform = SeveralPlatform(capacity: 16)
    let device = try SeveralDevice(workspace, platform)
    _ = device.events()
    Recorder.start()
    defer { Recorder.stop() }
    Recorder.fail(RECORDED_SYNC, code: EIO)
    platform.deliver(2)
    platform.deliver(3)
    let events = device.events()
    #expect(events.count == 1 && events[0].hasPrefix("storeFailed"))
    Recorder.succeed()
    device.sleep()
    #expect(device.events() == ["delivered(2)", "delivered(3)"])
    platform.deliver(1)
    #expect(device.events() == ["delivered(1)"] && device.isDone)
  }

  @Test func `a mark that could not be written is not told, and is written later`() throws {
    let platform = SeveralPlatform(capacity: 16)
    do {
      let device = try SeveralDevice(workspace, platform)
      for topic in 0..<3 { try device.accept(topic) }
      _ = device.events()
      Recorder.start()
      defer { Recorder.stop() }
      Recorder.fail(RECORDED_WRITE, code: EIO)
      platform.deliver(2)
      platform.deliver(3)
      let events = device.events()
      #expect(events.count == 1 && events[0].hasPrefix("storeFailed"), "\(events)")
      Recorder.succeed()
      // The second end waits at the link: only time brings the next try.
      device.now = device.now + Milliseconds(60_000)
      #expect(device.events() == ["delivered(2)", "delivered(3)"])
    }
    // What was told does not come again.
    let next = try SeveralDevice(workspace, SeveralPlatform(capacity: 16))
    _ = next.events()
    #expect(next.platform.begun.map(\.id) == [1])
  }

  @Test func `a lost connection counts once, and all begin again in order`() throws {
    let platform = SeveralPlatform(capacity: 16)
    let device = try SeveralDevice(workspace, platform)
    for topic in 0..<16 { try device.accept(topic) }
    for round in 0..<4 {
      #expect(device.events() == [])
      #expect(platform.underWay.map(\.id) == Array(1...16))
      platform.lose()
      #expect(device.events() == (1...16).map { "postponed(\($0))" })
      let before = device.now
      device.sleep()
      #expect(device.now - before == Milliseconds(30_000 << Int64(round)))
    }
  }

  @Test(arguments: [1, 4])
  func `those that wait to be sent again make room like the others`(capacity: Int) throws {
    var settings = DurableSettings()
    settings.outbox.maxBytes = 500
    settings.outbox.whenFull = .dropOldest
    let platform = SeveralPlatform(capacity: capacity)
    let device = try SeveralDevice(workspace, platform, settings: settings)
    try device.accept(0)
    #expect(device.events() == [])
    // On its way, it stays.
    for topic in 1..<8 { try device.accept(topic) }
    var events = device.events()
    #expect(!events.isEmpty && !events.contains("dropped(1)"), "\(events)")
    platform.lose()
    _ = device.events()
    try device.accept(8)
    events = device.events()
    #expect(events.contains("dropped(1)"), "\(events)")
  }

  @Test func `one given up after its last attempt is gone, wherever it lies`() throws {
    var settings = DurableSettings()
    settings.maxAttempts = 1
    let platform = SeveralPlatform(capacity: 4)
    do {
      let device = try SeveralDevice(workspace, platform, settings: settings)
      for topic in 0..<3 { try device.accept(topic) }
      _ = device.events()
      platform.end(1, ReportEnding(.unreachable, wasSent: true))
      platform.end(2, ReportEnding(.later, wasSent: true))
      let events = device.events()
      #expect(events.count == 2 && events.allSatisfy { $0.hasPrefix("givenUp(") }, "\(events)")
    }
    let next = try SeveralDevice(workspace, SeveralPlatform(capacity: 4))
    _ = next.events()
    #expect(next.platform.begun.map(\.id) == [3])
  }

  @Test func `a report that is put off holds its topic alone`() throws {
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    for topic in [0, 0, 1, 1] { try device.accept(topic) }
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [1, 3])
    platform.end(1, ReportEnding(.later, wasSent: true))
    platform.deliver(3)
    #expect(device.events() == ["postponed(1)", "delivered(3)"])
    #expect(platform.underWay.map(\.id) == [4])
    // A more urgent one goes past it, but not past one that is under way.
    try device.accept(0, priority: 1)
    try device.accept(1, priority: 1)
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [4, 5])
    platform.deliver(5)
    platform.deliver(4)
    #expect(device.events() == ["delivered(4)", "delivered(5)"])
    // The platform has taken one of the topic that was held.
    #expect(platform.underWay.map(\.id) == [6, 1])
  }

  @Test func `those that a more urgent one has overtaken keep their order`() throws {
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    try device.accept(0)
    try device.accept(0, priority: 1)
    try device.accept(0)
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [2])
    platform.deliver(2)
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [1])
  }

  @Test func `one that is replaced under way is delivered, or ends when it comes back`() throws {
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    for topic in 0..<2 { try device.accept(topic, key: UInt64(topic) + 1) }
    _ = device.events()
    for topic in 0..<2 { try device.accept(topic, key: UInt64(topic) + 1) }
    #expect(device.events() == [])
    platform.deliver(1)
    platform.end(2, ReportEnding(.unreachable, wasSent: true))
    #expect(device.events() == ["superseded(2)", "delivered(1)"])
    device.sleep()
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [3, 4])
  }

  @Test func `a backlog of one topic is not gone through for each report`() throws {
    let platform = SeveralPlatform(capacity: 16)
    let device = try SeveralDevice(workspace, platform)
    for _ in 0..<500 { try device.accept(0) }
    _ = device.events()
    Recorder.start()
    defer { Recorder.stop() }
    for id in 1...400 as ClosedRange<UInt64> {
      #expect(platform.underWay.map(\.id) == [id])
      platform.deliver(id)
      #expect(device.events() == ["delivered(\(id))"])
    }
    #expect(Recorder.reads.count < 400 * 8, "\(Recorder.reads.count) reads")
  }

  @Test func `what is under way does not expire, and nothing is dropped or asked for early`() throws
  {
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    try device.accept(0, lifetime: 10)
    try device.accept(0, lifetime: 10)
    _ = device.events()
    device.now = device.now + Milliseconds(20_000)
    #expect(device.events() == ["expired(2)"])
    // Only the platform's answer is waited for.
    let due = device.device.pollTimeout()
    #expect(due == nil)
    platform.lose()
    #expect(device.events() == ["postponed(1)", "expired(1)"])
  }

  @Test func `after closing what was under way begins again`() throws {
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    for topic in 0..<6 { try device.accept(topic) }
    _ = device.events()
    platform.deliver(2)
    #expect(device.events() == ["delivered(2)"])
    device.close()
    _ = device.events()
    #expect(platform.underWay.map(\.id) == [1, 3, 4, 5])
  }
}
