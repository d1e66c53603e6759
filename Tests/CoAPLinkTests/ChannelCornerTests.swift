// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import ReportLink
import TestSupport
import Testing

@Suite("DTLS under a device: what belongs to which association and request")
struct ChannelCornerTests {
  static let layers: [Layer] = [.certificate, .preSharedKey]

  /// RFC 7252 Section 5.3.1 keeps the empty token for piggybacked responses.
  ///
  /// A separate response comes again when its acknowledgement is lost.
  @Test(arguments: layers)
  func `an old separate response that comes again answers no other request`(
    layer: Layer
  ) throws {
    var world = try World(layer) { $0.answerMode = .separate }
    #expect(try world.report("0")?.outcome == .acknowledged)
    // Request, acknowledgement, response, acknowledgement: the last is lost.
    world.mischief = Mischief(kind: .lost, number: 3)
    // More than the table of duplicates holds.
    for number in 1...12 {
      #expect(try world.report("\(number)")?.outcome == .acknowledged)
    }
    // This request is lost at first.
    world.now = world.now + Milliseconds(1_000)
    world.mischief = Mischief(kind: .lost, number: 0)
    let result = try #require(try world.report("lost at first"))
    #expect(result.outcome == .acknowledged)
    #expect(result.transmissions == 2)
    let count = world.accepted.filter { $0.payload == Array("lost at first".utf8) }.count
    #expect(count == 1)
  }

  @Test func `a cancelled report leaves the next one its second association`() throws {
    var world = try World(.certificate)
    #expect(try world.report("a")?.outcome == .acknowledged)
    var isSilent = true
    world.intercept = { _ in isSilent ? [] : nil }
    try world.publish("b")
    while world.session.counters.handshakes < 2 {
      try world.step()
      let next = [world.session.pollTimeout(), world.link.nextArrival].compactMap { $0 }.min()
      world.now = max(world.now, try #require(next))
    }
    world.session.cancelReport()
    isSilent = false
    #expect(try world.report("c")?.outcome == .acknowledged)
    world.session.cancelReport()
    isSilent = true
    try world.publish("d")
    while world.session.counters.handshakes < 3 {
      try world.step()
      let next = [world.session.pollTimeout(), world.link.nextArrival].compactMap { $0 }.min()
      world.now = max(world.now, try #require(next))
    }
    world.session.cancelReport()
    isSilent = false
    // Lost by NAT: three transmissions, and the next association begins with the first again.
    world.address = 2
    world.sent.removeAll()
    #expect(try world.report("e")?.outcome == .acknowledged)
    #expect(world.sent.last == .report(attempt: 1))
  }

  /// The response and the server's goodbye come at the same time.
  @Test func `no association is made for an acknowledgement`() throws {
    var world = try World(.certificate) {
      $0.answerMode = .separate
      $0.dtls.idleLimit = Milliseconds(25)
    }
    world.mischief = Mischief(kind: .late, number: 12)
    #expect(try world.report("a")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 1)
    #expect(world.session.counters.datagramsUp == 6)
  }

  @Test(arguments: layers)
  func `a server that closes each association at once is not asked again without a pause`(
    layer: Layer
  ) throws {
    var world = try World(layer) {
      $0.dtls.idleLimit = Milliseconds(0)
      $0.dtls.resumption = .none
    }
    var datagrams = 0
    world.onTransmission = { _ in datagrams += 1 }
    try world.publish("a")
    let end = world.now + Milliseconds(60_000)
    for _ in 0..<1_000 {
      try world.step()
      let next = [
        world.session.pollTimeout(), world.platform.pollTimeout(), world.link.nextArrival,
      ]
      .compactMap { $0 }.min()
      guard let next, next < end, !world.session.isIdle else { break }
      world.now = max(world.now, next)
    }
    #expect(datagrams < 40)
    #expect(world.events.count == 2)
  }

  /// The server puts the new association in the old one's place when it has the device's last flight;
  /// what it answered before that comes when the device still waits for its Finished.
  @Test(arguments: layers)
  func `an answer that crosses the end of a whole handshake counts, and does not undo it`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.platform.forgetSessions()
    world.isDead = true
    var request: [UInt8] = []
    var flights = 0
    world.onTransmission = {
      if $0[0] == 23 { request = $0 } else { flights += 1 }
    }
    world.events.removeAll()
    try world.publish("b")
    while flights < 3 {
      try world.step()
      if flights == 1 { world.isDead = false }
      let next = [
        world.session.pollTimeout(), world.platform.pollTimeout(), world.link.nextArrival,
      ]
      .compactMap { $0 }.min()
      if flights < 3 { world.now = max(world.now, try #require(next)) }
    }
    // The last copy of the request reaches the server just before the last flight.
    let output = world.platform.handle(
      request,
      from: world.address,
      at: world.now,
      intercept: nil
    )
    for datagram in output.datagrams { world.link.send(datagram, .down, at: world.now) }
    try world.run()
    #expect(world.events.count == 1)
    // The Finished of the server.
    world.now = world.now + Milliseconds(1_000)
    try world.step()
    let result = try #require(try world.report("c"))
    #expect(result.outcome == .acknowledged)
    #expect(result.transmissions == 1)
    #expect(world.session.counters.handshakes == 2)
  }

  /// A server that was told goodbye for nothing is not one that needs it.
  @Test func `what an interrupted handshake was about is not held against the next one`() throws {
    var world = try World(.certificate)
    var goodbyes = 0
    world.onTransmission = { if $0[0] == 21 { goodbyes += 1 } }
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.isDead = true
    try world.publish("b")
    while goodbyes == 0 {
      try world.step()
      let next = [world.session.pollTimeout(), world.link.nextArrival].compactMap { $0 }.min()
      world.now = max(world.now, try #require(next))
    }
    world.session.cancelAll()
    world.isDead = false
    for _ in 0..<2 {
      world.now = world.now + Milliseconds(60_000)
      #expect(try world.report("c")?.outcome == .acknowledged)
    }
    #expect(goodbyes == 1)
  }

  @Test(arguments: [false, true])
  func `what comes after a device has closed begins nothing`(saysGoodbye: Bool) throws {
    var dtls = DTLSSettings()
    dtls.saysGoodbye = saysGoodbye
    var world = try World(.certificate, dtls: dtls) { $0.answerMode = .separate }
    #expect(try world.report("a")?.outcome == .acknowledged)
    try world.publish("b")
    try world.step()
    world.now = world.now + Milliseconds(10)
    try world.step()
    world.now = world.now + Milliseconds(10)
    // The response is there already.
    world.session.close()
    var kinds: [UInt8] = []
    world.onTransmission = { kinds.append($0[0]) }
    for _ in 0..<10 {
      try world.step()
      world.now = world.now + Milliseconds(10)
    }
    #expect(kinds == (saysGoodbye ? [21] : []))
  }
}
