// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceStore
import DurableReports
import Foundation
import TestSupport
import Testing

/// Requests to a topic that the platform never takes, and its answers.
private final class Refusal {
  let code: Code
  let maxAge: UInt8?
  var isOver = false
  /// When the requests came, and which priority their reports had, as their payloads say.
  var times: [Instant] = []
  /// The same by topic.
  var timesByTopic: [String: [Instant]] = [:]

  init(_ code: Code, maxAge: UInt8? = nil) {
    self.code = code
    self.maxAge = maxAge
  }

  /// Answers every request that names a topic with `part` in it.
  func take(_ part: String, of world: DurableWorld) {
    world.intercept = { [unowned world] request in
      if self.isOver || isAuthentication(request) { return nil }
      let text = String(decoding: request, as: UTF8.self)
      guard let place = text.range(of: part) else { return nil }
      let number = text[place.upperBound...].prefix { $0.isNumber }
      self.timesByTopic[String(number), default: []].append(world.now)
      self.times.append(world.now)
      let tokenEnd = 4 + Int(request[0] & 0x0F)
      var answer = [0x60 | request[0] & 0x0F, self.code.rawValue] + Array(request[2..<tokenEnd])
      if let maxAge = self.maxAge { answer += [0xD1, 0x01, maxAge] }
      return [answer]
    }
  }
}

@Suite("Reports that are put off")
struct DurablePutOffTests {
  private static let other = "/a1B2c3D4e5F/device1/user/update"
  private static func never(_ number: Int = 0) -> String {
    "/a1B2c3D4e5F/device1/user/never\(number)"
  }

  private func world(_ layer: Layer = .symmetric) throws -> DurableWorld {
    let world = try DurableReportsTests.world(layer)
    try world.start()
    try DurableReportsTests.report(world)
    return world
  }

  private func pass(_ seconds: Int64, _ world: DurableWorld) throws {
    try world.run(until: world.now + Milliseconds(seconds * 1_000))
  }

  @Test(arguments: [Layer.symmetric, .certificate])
  func `other topics go on at once, and within a topic the order stays`(_ layer: Layer) throws {
    let world = try world(layer)
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    for value in 0..<6 {
      try world.accept(#"{"value":\#(value)}"#, topic: value % 2 == 0 ? Self.never() : Self.other)
    }
    try pass(5, world)
    #expect(world.delivered == [1, 3, 5, 7])
    #expect(refusal.times.count == 1 && world.postponed.map(\.id) == [2])
    refusal.isOver = true
    try pass(3_600, world)
    #expect(world.delivered == [1, 3, 5, 7, 2, 4, 6])
  }

  @Test func `the waits of a topic double, whatever is delivered meanwhile`() throws {
    let world = try world()
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    try world.accept(#"{"value":0}"#, topic: Self.never())
    for _ in 0..<60 {
      try world.accept(#"{"value":1}"#)
      try pass(60, world)
    }
    #expect(world.delivered.count == 61)
    // At 0 and then 30, 60, 120, 240, 480, 960… s, each with up to a half more.
    #expect((6...8).contains(refusal.times.count), "\(refusal.times)")
  }

  @Test(arguments: [Layer.symmetric, .certificate])
  func `what interrupts the link costs one try soon, and only when it goes on the long wait`(
    _ layer: Layer
  ) throws {
    let world = try world(layer)
    let refusal = Refusal(.internalServerError)
    world.intercept = { request in
      if !isAuthentication(request) { refusal.times.append(world.now) }
      return []
    }
    try world.accept(#"{"value":0}"#)
    try pass(1, world)
    #expect(refusal.times.count == 1)
    // As an ICMP message that is not the server's.
    world.life?.device.interrupt(at: world.now)
    // ACK_TIMEOUT of the standard preset is 2 s, with its random factor 3.
    try pass(4, world)
    #expect(refusal.times.count >= 2)
    world.life?.device.interrupt(at: world.now)
    let count = refusal.times.count
    // `retry` is 30 s.
    try pass(25, world)
    #expect(refusal.times.count == count)
    world.intercept = nil
    // The second wait in a row: twice as long, and a half more at most.
    try pass(65, world)
    #expect(world.delivered.count == 2)
  }

  @Test func `a higher priority goes at once, in the same topic, too`() throws {
    let world = try world()
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    try world.accept(#"{"value":0}"#, topic: Self.never(), priority: 3)
    try pass(1, world)
    try world.accept(#"{"value":1}"#, topic: Self.never(), priority: 3)
    try pass(1, world)
    #expect(refusal.times.count == 1)
    refusal.isOver = true
    let alarm = try world.accept(#"{"value":2}"#, topic: Self.never(), priority: 7)
    try pass(1, world)
    #expect(world.delivered.contains(alarm))
  }

  @Test(arguments: [Layer.symmetric, .preSharedKey])
  func `a time that the platform names holds the whole topic, and is waited for`(
    _ layer: Layer
  ) throws {
    let world = try world(layer)
    world.settings.retry = Milliseconds(1_000)
    world.cutPower()
    try world.start()
    let refusal = Refusal(Code(4, 29), maxAge: 120)
    refusal.take("never", of: world)
    try world.accept(#"{"value":0}"#, topic: Self.never())
    try pass(1, world)
    try world.accept(#"{"value":1}"#, topic: Self.never(), priority: 7)
    try world.accept(#"{"value":2}"#, topic: Self.other)
    try pass(1_000, world)
    let waits = zip(refusal.times, refusal.times.dropFirst()).map { ($1 - $0).count }
    #expect(waits.count >= 4 && waits.allSatisfy { $0 >= 120_000 }, "\(waits)")
    #expect(world.delivered == [1, 4])
  }

  @Test func `thirty topics are put off by themselves, and all others go`() throws {
    let world = try world()
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    for number in 0..<30 { try world.accept(#"{"value":0}"#, topic: Self.never(number)) }
    try world.accept(#"{"value":1}"#)
    try pass(25, world)
    #expect(refusal.timesByTopic.count == 30 && refusal.times.count == 30)
    #expect(world.delivered == [1, 32])
  }

  @Test(arguments: [nil, 60])
  func `however many topics are put off, all others go, and so does an alarm`(
    maxAge: UInt8?
  ) throws {
    let world = try world()
    let refusal = Refusal(.serviceUnavailable, maxAge: maxAge)
    refusal.take("never", of: world)
    for number in 0..<200 { try world.accept(#"{"value":0}"#, topic: Self.never(number)) }
    let good = try world.accept(#"{"value":1}"#)
    try pass(400, world)
    #expect(refusal.timesByTopic.count == 200)
    #expect(world.delivered == [1, good])
    let alarm = try world.accept(#"{"value":2}"#, priority: 7)
    try pass(5, world)
    #expect(world.delivered == [1, good, alarm])
    for (topic, times) in refusal.timesByTopic {
      let waits = zip(times, times.dropFirst()).map { ($1 - $0).count }
      #expect(waits.allSatisfy { $0 >= 30_000 }, "\(topic): \(waits)")
    }
  }

  @Test func `more topics than there is room for are not asked sooner for that`() throws {
    let world = try world()
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    for number in 0..<50 { try world.accept(#"{"value":0}"#, topic: Self.never(number)) }
    try pass(600, world)
    for (topic, times) in refusal.timesByTopic {
      let waits = zip(times, times.dropFirst()).map { ($1 - $0).count }
      #expect(waits.allSatisfy { $0 >= 30_000 }, "\(topic): \(waits)")
    }
    refusal.isOver = true
    try pass(7_200, world)
    #expect(world.delivered.count == 51)
  }

  @Test func `after silence at one address of the server a report goes to the next at once`() throws
  {
    let world = try world()
    world.isDead = true
    try world.accept(#"{"value":0}"#)
    while world.postponed.isEmpty { try pass(1, world) }
    #expect(world.postponed[0].result.isSilence)
    world.isDead = false
    world.life?.device.moveOn()
    try pass(5, world)
    #expect(world.delivered == [1, 2])
  }

  @Test func `an alarm does not wait out a back-off that another report began, once`() throws {
    let world = try world()
    world.isDead = true
    try world.accept(#"{"value":0}"#)
    // Long enough for a long back-off, and into it.
    while world.postponed.count < 5 { try pass(1, world) }
    world.isDead = false
    let alarm = try world.accept(#"{"value":1}"#, priority: 7)
    try pass(1, world)
    // The network is there: nothing waits any longer.
    #expect(world.delivered == [1, alarm, 2])
  }

  @Test func `an alarm that is not answered waits, and so does the next one`() throws {
    let world = try world()
    world.isDead = true
    try world.accept(#"{"value":0}"#)
    while world.postponed.isEmpty { try pass(1, world) }
    let alarm = try world.accept(#"{"value":1}"#, priority: 7)
    while world.postponed.count < 2 { try pass(1, world) }
    #expect(world.postponed.map(\.id) == [2, alarm])
    let sent = world.hints.count
    try world.accept(#"{"value":2}"#, priority: 7)
    try pass(20, world)
    #expect(world.hints.count == sent)
  }

  @Test func `an alarm that came while another report was under way goes right after it`() throws {
    let world = try world()
    world.isDead = true
    try world.accept(#"{"value":0}"#)
    try pass(2, world)
    let alarm = try world.accept(#"{"value":1}"#, priority: 7)
    while world.postponed.isEmpty { try pass(1, world) }
    world.isDead = false
    try pass(10, world)
    #expect(world.delivered == [1, alarm, 2])
  }

  // MARK: - What ends a report

  @Test func `after max-attempts a report is given up, over restarts, too`() throws {
    let world = try world()
    let refusal = Refusal(.internalServerError)
    refusal.take("never", of: world)
    world.settings.maxAttempts = 3
    world.cutPower()
    try world.start()
    try world.accept(#"{"value":0}"#, topic: Self.never())
    try world.accept(#"{"value":1}"#, topic: Self.never())
    while refusal.times.count < 2 { try pass(1, world) }
    #expect(world.ended == [])
    let syncs = try #require(world.life).device.outboxWrites.syncs
    world.cutPower()
    try world.start()
    // Opening costs two; counting attempts costs none, and giving up an earlier life's report one.
    _ = syncs
    while world.ended.isEmpty { try pass(1, world) }
    #expect(world.ended == ["given-up 2 maxAttempts"] && refusal.times.count == 3)
    #expect(world.life?.device.outboxWrites.syncs == 3)
    try pass(3_600, world)
    #expect(world.ended == ["given-up 2 maxAttempts", "given-up 3 maxAttempts"])
    #expect(refusal.times.count == 6)
    #expect(
      world.life?.device.outboxCounters.givenUp == 2 && world.life?.device.pendingReports == 0
    )
  }

  @Test func `after max-age a report is given up, also while nothing is sent`() throws {
    let world = try world()
    world.settings.maxAge = 600
    world.cutPower()
    try world.start()
    world.isDead = true
    let start = world.now
    try world.accept(#"{"value":0}"#)
    try world.accept(#"{"value":1}"#, lifetime: 100)
    while world.ended.count < 2 { try pass(1, world) }
    #expect(world.ended == ["expired 3", "given-up 2 maxAge"])
    #expect((600_000...720_000).contains((world.now - start).count))
  }

  @Test func `setting the clock ends no report, neither do restarts`() throws {
    let world = try world()
    world.cutPower()
    try world.start()
    world.isDead = true
    try world.accept(#"{"value":0}"#, lifetime: 86_400)
    // The clock is set by a year, on and back, while it runs and while it does not.
    for epoch in [1_794_536_000, 1_731_464_000, nil, 1_794_536_000, 1_763_000_000] as [UInt64?] {
      world.epoch = epoch
      try pass(100, world)
      world.cutPower()
      try world.start()
      try pass(100, world)
    }
    // The machine starts again: with a clock that is not synchronised, and one that has gone back.
    for epoch in [nil, 1_731_464_000] as [UInt64?] {
      world.cutPower()
      world.boot += 1
      world.epoch = epoch
      try world.start()
      try pass(100, world)
    }
    #expect(world.ended == [])
    // A day later by two clocks that were synchronised.
    world.cutPower()
    world.boot += 1
    world.epoch = 1_763_000_000 + 86_400
    try world.start()
    try pass(100, world)
    #expect(world.ended == ["expired 2"])
  }

  @Test func `those that are dropped are told of by their ids`() throws {
    let world = try DurableReportsTests.world()
    world.settings.outbox.maxBytes = 500
    world.settings.outbox.whenFull = .dropOldest
    try world.start()
    world.isDead = true
    for value in 0..<8 {
      try world.accept(#"{"value":\#(value)}"#)
      try world.step()
    }
    let dropped = try #require(world.life).device.outboxCounters.dropped
    // The first is on its way.
    #expect(dropped > 2 && world.ended == (2..<2 + dropped).map { "dropped \($0)" })
    // A large one takes the place of several.
    try world.accept(#"{"value":"\#(String(repeating: "x", count: 200))"}"#)
    #expect(world.ended == (2..<2 + world.ended.count).map { "dropped \($0)" })
    #expect(world.ended.count > dropped + 1)
  }

  @Test func `one that waits to be sent again makes room like the others`() throws {
    let world = try DurableReportsTests.world()
    world.settings.outbox.maxBytes = 500
    world.settings.outbox.whenFull = .dropOldest
    try world.start()
    world.isDead = true
    try world.accept(#"{"value":0}"#)
    while world.postponed.isEmpty { try world.run(until: world.now + Milliseconds(1_000)) }
    for value in 1..<8 { try world.accept(#"{"value":\#(value)}"#) }
    let count = world.ended.count
    #expect(count > 1 && world.ended == (1...count).map { "dropped \($0)" })
    // The others go on from there.
    world.isDead = false
    try world.run(until: world.now + Milliseconds(7_200_000), stopsWhenIdle: true)
    #expect(world.delivered == (UInt64(count) + 1...8).map { $0 })
  }
}
