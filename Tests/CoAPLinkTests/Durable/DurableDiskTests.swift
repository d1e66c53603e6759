// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceStore
import DurableReports
import FileRecorder
import Foundation
import PlatformSimulator
import TestSupport
import Testing

/// A device on the virtual clock whose disk fails amid a report: a token or numbers that cannot be kept, an entry, a
/// mark or a sync.
@Suite("A disk that refuses amid a report")
struct DurableDiskTests {
  /// Lets the operations of a kind fail on this thread: after `skip` of them the next `times`.
  private func withFailing<Result>(
    _ kind: Int,
    skip: Int,
    times: Int,
    _ body: () throws -> Result
  ) rethrows -> Result {
    recorder_start()
    recorder_fail(Int32(kind), Int32(skip), Int32(times), EIO, 0)
    defer { recorder_stop() }
    return try body()
  }

  /// Accepts a report, a second time where the disk refused the first.
  private func accept(_ world: DurableWorld, _ payload: String) throws -> UInt64 {
    do {
      return try world.accept(payload)
    } catch OutboxError.store {
      return try world.accept(payload)
    }
  }

  @Test(arguments: [RECORDED_WRITE, RECORDED_SYNC, RECORDED_TRUNCATE], 0..<20)
  func `one operation that fails costs time, and nothing else`(kind: Int, skip: Int) throws {
    for firstReport in [true, false] {
      let world = try DurableReportsTests.world()
      // Numbers run out soon.
      world.settings.reservation = 2
      try world.start()
      var accepted: [UInt64] = []
      if !firstReport {
        accepted.append(try accept(world, "1"))
        try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
      }
      try withFailing(kind, skip: skip, times: 1) {
        for number in 2...5 {
          accepted.append(try accept(world, "\(number)"))
          try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
          // Where a failure was told the power goes right after the report that it fell into.
          if !world.storeFailures.isEmpty { break }
        }
      }
      #expect(world.storeFailures.count <= 1)
      #expect(world.delivered == accepted)
      world.cutPower()
      try world.start()
      let life = try #require(world.life)
      // What was told to be delivered is not there any more.
      #expect(life.device.pendingReports == 0)
      accepted.append(try world.accept("6"))
      try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
      #expect(world.delivered == accepted)
      // No number was used that the disk did not hold: the platform would have refused it after the restart.
      #expect(world.records.allSatisfy { $0.code == .content }, "\(world.records.map(\.code))")
      #expect(world.records.count { $0.path.starts(with: "/auth") } == 1)
    }
  }

  @Test(arguments: [Layer.certificate, .preSharedKey])
  func `a secure channel is written down when it was made, not when it was resumed`(
    layer: Layer
  )
    throws
  {
    let world = try DurableReportsTests.world(layer)
    try world.start()
    try DurableReportsTests.report(world)
    #expect(try #require(world.life).device.sessionWrites.syncs > 0)
    world.cutPower()
    try world.start()
    let second = try #require(world.life)
    let before = second.device.sessionWrites.syncs
    try DurableReportsTests.report(world)
    #expect(second.device.link.counters.resumptions == 1)
    #expect(second.device.sessionWrites.syncs == before)
  }

  @Test func `delivered is told when the mark is on disk, and the report goes once`() throws {
    let world = try DurableReportsTests.world()
    try world.start()
    try DurableReportsTests.report(world)
    let id = try world.accept("2")
    try withFailing(RECORDED_WRITE, skip: 0, times: 1_000_000) {
      try world.run(until: world.now + Milliseconds(60_000))
    }
    #expect(world.records.count { $0.isAcceptedReport } == 2)
    #expect(world.delivered == [1])
    #expect(world.storeFailures.count >= 12 && world.storeFailures.count <= 13)
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == [1, id])
    #expect(world.records.count { $0.isAcceptedReport } == 2)
  }

  @Test func `delivered is told when the sixteenth mark, or the last, is durable`() throws {
    let world = try DurableReportsTests.world()
    world.settings.reservation = 1_000
    try world.start()
    try DurableReportsTests.report(world)
    for number in 2...20 { try world.accept("\(number)") }
    try withFailing(RECORDED_SYNC, skip: 0, times: 1_000_000) {
      try world.run(until: world.now + Milliseconds(60_000))
    }
    #expect(world.records.count { $0.isAcceptedReport } == 17)
    #expect(world.delivered == Array(1...16))
    #expect(!world.storeFailures.isEmpty)
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == Array(1...20))
    let last = try world.accept("21")
    try withFailing(RECORDED_SYNC, skip: 0, times: 1_000_000) {
      try world.run(until: world.now + Milliseconds(30_000))
      let life = try #require(world.life)
      let (pending, isDone) = (life.device.pendingReports, life.device.isDone)
      #expect(pending == 0 && !isDone)
    }
    #expect(!world.delivered.contains(last))
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered.last == last)
    #expect(world.records.count { $0.isAcceptedReport } == 21)
  }

  @Test func `marks of reports that ended otherwise are durable as well when none waits`() throws {
    let world = try DurableReportsTests.world()
    try world.start()
    try DurableReportsTests.report(world)
    world.isDead = true
    try world.accept("2", lifetime: 60)
    let life = try #require(world.life)
    let before = life.device.outboxWrites.syncs
    try world.run(until: world.now + Milliseconds(600_000))
    #expect(world.ended == ["expired 2"] && life.device.outboxWrites.syncs == before + 1)
  }

  @Test(arguments: [RECORDED_WRITE, RECORDED_SYNC])
  func `a disk that goes on refusing is asked every five seconds`(kind: Int) throws {
    let world = try DurableReportsTests.world()
    world.settings.reservation = 1
    try world.start()
    try DurableReportsTests.report(world)
    // The first operation is the entry's, which is on disk.
    let id = try world.accept("2")
    let start = world.now
    let operations = try withFailing(kind, skip: 0, times: 1_000_000) {
      try world.run(until: start + Milliseconds(60_000))
      return recorder_count()
    }
    #expect(world.delivered == [1])
    #expect(world.storeFailures.count >= 12 && world.storeFailures.count <= 13)
    for (earlier, later) in zip(world.storeFailures, world.storeFailures.dropFirst()) {
      #expect(later - earlier >= Milliseconds(5_000))
    }
    #expect(operations <= 60)
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == [1, id])
  }
}

@Suite("The waits of a link that is down")
struct DurableWaitTests {
  @Test func `they double up to the limit, each with a random half`() throws {
    let world = try DurableReportsTests.world()
    world.settings.retry = Milliseconds(30_000)
    world.settings.retryLimit = Milliseconds(240_000)
    try world.start()
    try world.accept("1")
    try world.step()
    let life = try #require(world.life)
    var waits: [Milliseconds] = []
    for _ in 0..<14 {
      life.device.interrupt(at: world.now)
      try world.step()
      let next = life.device.pollTimeout()
      let due = try #require(next)
      waits.append(due - world.now)
      world.now = due
      try world.step()
    }
    // The first may be a forged ICMP message: ACK_TIMEOUT.
    #expect(waits[0] >= Milliseconds(2_000) && waits[0] <= Milliseconds(3_000))
    for (number, wait) in waits.enumerated().dropFirst() {
      let doubled = min(30_000 * (Int64(1) << Int64(number)), 240_000)
      #expect(wait >= Milliseconds(doubled) && wait <= Milliseconds(doubled * 3 / 2), "\(number)")
    }
    #expect(Set(waits.suffix(8)).count > 4, "without a random part devices come back at once")
  }
}
