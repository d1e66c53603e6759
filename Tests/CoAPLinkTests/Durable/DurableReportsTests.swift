// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceDriver
import DeviceStore
import DurableReports
import Foundation
import Platform
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite
struct DurableReportsTests {
  static func world(
    _ layer: Layer = .symmetric,
    configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws -> DurableWorld {
    let link = LossyLink(loss: 0, duplication: 0, delay: 10...10, seed: 1)
    return try DurableWorld(layer, link: link, configure: configure)
  }

  /// Reports and runs until it is delivered.
  static func report(_ world: DurableWorld, _ payload: String = #"{"value":1}"#) throws {
    try world.accept(payload)
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
  }

  @Test func `a wake-up with a live token sends one request, 124 bytes, and takes 19`() throws {
    let world = try Self.world()
    try world.start()
    try Self.report(world)
    world.cutPower()
    let before = (world.records.count, world.costs)
    try world.start()
    try Self.report(world)
    world.cutPower()
    #expect(world.records.count - before.0 == 1)
    #expect(world.costs.datagramsUp - before.1.datagramsUp == 1)
    #expect(world.costs.bytesUp - before.1.bytesUp == 124)
    #expect(world.costs.bytesDown - before.1.bytesDown == 19)
  }

  @Test func `an entry that is no report is rejected, and nothing of it sent`() throws {
    let world = try Self.world()
    do {
      var outbox = Outbox()
      let directory = try StateDirectory(path: Array(world.path.utf8).span)
      try outbox.open(in: directory, settings: OutboxSettings()).check()
      for topic in ["", "", "/a"] {
        let topic = Array(topic.utf8)
        let now = TimeStamp(boot: 1, instant: world.now, date: 0)
        var none = NoTakenEntries()
        _ = try outbox.add(
          topic.span,
          [0x7B, 0x7D].span,
          mark: Span(),
          50,
          0,
          0,
          0,
          beside: &none,
          at: now
        )
      }
      try outbox.commit().check()
    }
    try world.start()
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.rejected.starts(with: [1, 2]))
    #expect(world.rejected.count + world.delivered.count == 3)
    #expect(world.life?.device.rejectedReports == world.rejected.count)
    // The last one may or may not be the platform's; the others never come there.
    #expect(world.records.count { $0.kind != .authentication } <= 1)
  }

  @Test(arguments: [Layer.certificate, .preSharedKey])
  func `over DTLS a wake-up resumes the session and sends one request`(_ layer: Layer) throws {
    let world = try Self.world(layer)
    try world.start()
    try Self.report(world)
    world.cutPower()
    let requests = world.records.count { $0.kind == .authentication }
    try world.start()
    world.address += 1
    try Self.report(world)
    world.cutPower()
    #expect(world.records.count { $0.kind == .authentication } == requests)
    #expect(world.costs.handshakes == 2)
    #expect(world.costs.resumptions == 1)
  }

  @Test func `numbers go on above what was reserved, 64 with one write`() throws {
    let world = try Self.world()
    try world.start()
    for _ in 0..<130 { try Self.report(world) }
    let sequences = world.records.compactMap(\.sequence)
    #expect(sequences == Array(2...131))
    // The file with room for two records, the record with the first 64, and two reservations.
    let writes = try #require(world.life).device.sessionWrites
    #expect(writes.replacements == 1)
    #expect(writes.writes == 2 + 3)
    world.cutPower()
    try world.start()
    try Self.report(world)
    #expect(world.records.last?.sequence == 194)
  }

  @Test func `a thousand reports: what is written to the flash`() throws {
    let world = try Self.world()
    try world.start()
    for _ in 0..<1_000 { try Self.report(world) }
    let life = try #require(world.life)
    let (session, outbox) = (life.device.sessionWrites, life.device.outboxWrites)
    print(
      """
      1,000 reports: session \(session.writes) writes, \(session.bytes) B, \(session.syncs) syncs; \
      outbox \(outbox.writes) writes, \(outbox.bytes) B, \(outbox.syncs) syncs, \
      \(outbox.replacements) of it compactions
      """
    )
    // Two of them make the file.
    #expect(session.writes == 18)
    // Each is accepted alone, and delivered when none waits any more.
    #expect(outbox.syncs <= 2_010)
  }

  @Test func `a thousand reports that wait together: what is written to the flash`() throws {
    let world = try Self.world()
    world.settings.outbox.maxBytes = 262_144
    try world.start()
    let life = try #require(world.life)
    let topic = try Topic(Array("/a1B2c3D4e5F/device1/user/update".utf8).span)
    for _ in 0..<4 {
      for _ in 0..<250 {
        _ = try life.device.add(
          topic: topic,
          payload: Array(#"{"id":@}"#.utf8).span,
          placeholder: Array("@".utf8).span,
          at: world.now,
          date: world.date
        )
      }
      let isOpen = life.device.hasUncommitted
      #expect(isOpen)
      try life.device.commit()
    }
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == Array(1...1_000))
    #expect(world.records.last?.payload == Array(#"{"id":1000}"#.utf8))
    let (session, outbox) = (life.device.sessionWrites, life.device.outboxWrites)
    print(
      """
      1,000 reports that wait together: session \(session.bytes) B, \(session.syncs) syncs; \
      outbox \(outbox.bytes) B, \(outbox.syncs) syncs
      """
    )
    // The file's contents and name; one for 250, one for 16 that were delivered and for the last ones.
    #expect(outbox.syncs == 2 + 4 + 63)
    #expect(session.syncs <= 5)
  }

  @Test func `a token that has expired is not tried, where the clock can tell`() throws {
    let world = try Self.world()
    world.settings.tokenLifetime = 3_600
    try world.start()
    try Self.report(world)
    // Within the margin of ten minutes.
    world.now = world.now + Milliseconds(3_100_000)
    try Self.report(world)
    #expect(world.records.map(\.kind) == [.authentication, .report, .authentication, .report])
    world.cutPower()
    world.now = world.now + Milliseconds(3_700_000)
    try world.start()
    try Self.report(world)
    #expect(world.records.suffix(2).map(\.kind) == [.authentication, .report])
  }

  @Test(arguments: [nil, 1_000_000_000 as UInt64])
  func `after a restart of the machine without a clock that tells, the token is tried`(
    _ epoch: UInt64?
  ) throws {
    let world = try Self.world { $0.tokenLifetime = Milliseconds(7_200_000) }
    world.settings.tokenLifetime = 10_000
    try world.start()
    try Self.report(world)
    world.cutPower()
    world.boot = 2
    world.epoch = epoch
    try world.start()
    try Self.report(world)
    #expect(world.records.count == 3)
    // The platform's word counts: 4.01, a new token, the report again under another number.
    world.now = world.now + Milliseconds(7_300_000)
    try Self.report(world)
    #expect(world.records.suffix(3).map(\.code) == [.unauthorized, .content, .content])
    #expect(world.delivered.count == 3)
  }

  @Test func `a token grows old by the time that passes, and over a restart by the calendar`()
    throws
  {
    let world = try Self.world()
    world.settings.tokenLifetime = 86_400
    try world.start()
    try Self.report(world)
    // The clock is set, a year on and back again: nothing has passed.
    for step in [31_536_000, 0] as [UInt64] {
      world.epoch = 1_763_000_000 + step
      try Self.report(world)
    }
    #expect(world.records.count { $0.kind == .authentication } == 1)
    world.cutPower()
    world.boot = 2
    world.epoch = 1_763_000_000 + 86_400
    try world.start()
    try Self.report(world)
    #expect(world.records.count { $0.kind == .authentication } == 2)
  }

  @Test func `a report that was on its way when the power went is sent again under its id`() throws
  {
    let world = try Self.world()
    try world.start()
    try Self.report(world)
    let id = try world.accept(#"{"value":2}"#)
    try world.step()
    world.cutPower()
    try world.start()
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == [1, id])
    let copies = world.records.filter { $0.payload == Array(#"{"value":2}"#.utf8) }
    #expect(copies.count == 2)
    #expect(copies[0].sequence != copies[1].sequence)
  }

  @Test func `what the platform does not take for now is sent again, at longer and longer waits`()
    throws
  {
    let world = try Self.world()
    try world.start()
    try Self.report(world)
    world.isDead = true
    try world.accept(#"{"value":2}"#)
    try world.run(until: world.now + Milliseconds(3_600_000))
    #expect(world.delivered == [1])
    // Four waits of 93 s, and 30, 60, 120… s with a random half in between.
    #expect((5...8).contains(world.postponed.count))
    #expect(world.postponed.allSatisfy { $0.id == 2 && $0.result.outcome == .timedOut })
    world.isDead = false
    try world.run(until: world.now + Milliseconds(7_200_000), stopsWhenIdle: true)
    #expect(world.delivered == [1, 2])
  }

  @Test
  func `what the platform never will take is not kept; what may be a wrong key is tried again`()
    throws
  {
    let world = try Self.world()
    try world.start()
    try Self.report(world)
    try world.accept(#"{"value":2}"#, topic: "/a1B2c3D4e5F/another/user/update")
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.rejected == [2])
    // A file whose random was altered: another key, and every report is refused with 4.00.
    world.cutPower()
    try world.alterKeptRandom()
    try world.start()
    try Self.report(world)
    #expect(world.delivered == [1, 3])
    #expect(world.records.suffix(3).map(\.code) == [.badRequest, .content, .content])
  }

  @Test func `the highest priority goes first, and the radio is told what is to come`() throws {
    let world = try Self.world()
    try world.start()
    for (priority, value) in [(0, 1), (7, 2), (0, 3)] {
      try world.accept(#"{"value":\#(value)}"#, priority: UInt8(priority))
    }
    try world.run(until: world.now + Milliseconds(600_000), stopsWhenIdle: true)
    #expect(world.delivered == [2, 1, 3])
    #expect(world.hints == [.moreToCome, .moreToCome, .moreToCome, .oneAnswer])
  }

  @Test func `of reports with one key the last one goes, and one that is over none`() throws {
    let world = try Self.world()
    try world.start()
    world.isDead = true
    for value in 1...3 { try world.accept(#"{"value":\#(value)}"#, key: 5) }
    try world.accept(#"{"value":4}"#, lifetime: 60)
    try world.run(until: world.now + Milliseconds(120_000))
    world.isDead = false
    try world.run(until: world.now + Milliseconds(7_200_000), stopsWhenIdle: true)
    let counters = try #require(world.life).device.outboxCounters
    #expect(counters.expired == 1)
    #expect(counters.superseded == 2)
    #expect(world.ended.sorted() == ["expired 4", "superseded 1", "superseded 2"])
    #expect(world.delivered == [3])
  }

  @Test func `another device's session is not used`() throws {
    let world = try Self.world()
    try world.start()
    try Self.report(world)
    world.cutPower()
    world.endpoint = "another.test:1"
    try world.start()
    #expect(world.life?.device.sessionFinding == .foreign)
    try Self.report(world)
    #expect(world.records.count { $0.kind == .authentication } == 2)
  }
}
