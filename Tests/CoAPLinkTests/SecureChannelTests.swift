// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import ReportLink
import SecurityLayer
import TestSupport
import Testing

@Suite("DTLS under a device: handshakes, and coming back")
struct SecureChannelTests {
  static let layers: [Layer] = [.certificate, .preSharedKey]

  /// A world with the timing of NB-IoT whose link takes 4 s each way.
  private func slowWorld(_ layer: Layer) throws -> World {
    var settings = DeviceSettings()
    settings.timing = .nbIoT
    let link = LossyLink(loss: 0, duplication: 0, delay: 4_000...4_000, seed: 1)
    return try World(layer, settings: settings, link: link) {
      $0.dtls.patience.timeout = Milliseconds(10_000)
    }
  }

  @Test(arguments: layers)
  func `with a round trip of 8 s no flight and no message is sent twice`(layer: Layer) throws {
    var world = try slowWorld(layer)
    var handshake = 0
    world.onTransmission = { if $0[0] != 23 { handshake += 1 } }
    #expect(try world.report("a")?.outcome == .acknowledged)
    // Two hellos and the flight with the key.
    #expect(handshake == 3)
    #expect(world.sent == [.authentication(attempt: 1), .report(attempt: 1)])
    world.now = world.now + Milliseconds(3_600_000)
    #expect(try world.report("b")?.outcome == .acknowledged)
    // Resumed: two hellos and the end of the handshake.
    #expect(handshake == 6)
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.resumptions == 1)
    #expect(world.accepted.count == 2)
  }

  /// A server that repeats its flight each second, as OpenSSL's do, on a link whose round trip takes 8.
  @Test(arguments: layers)
  func `a server that is less patient than the link is slow is answered once`(layer: Layer) throws {
    var settings = DeviceSettings()
    settings.timing = .nbIoT
    let link = LossyLink(loss: 0, duplication: 0, delay: 4_000...4_000, seed: 1)
    var world = try World(layer, settings: settings, link: link) {
      $0.dtls.patience.timeout = Milliseconds(1_000)
    }
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(3_600_000)
    var handshake = 0
    world.onTransmission = { if $0[0] != 23 { handshake += 1 } }
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.resumptions == 1)
    #expect(handshake == 3)
  }

  @Test(arguments: layers)
  func `within the idle limit the association is used again, after it resumed`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(30_000)
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 1)
    world.now = world.now + Milliseconds(30_100)
    #expect(try world.report("c")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.resumptions == 1)
    #expect(world.session.counters.authentications == 1)
  }

  @Test(arguments: layers)
  func `NAT gives the device another port: the next report is delivered once, after one resumption`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.address = 2
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .acknowledged)
    #expect(world.accepted.map(\.payload) == [Array("a".utf8), Array("b".utf8)])
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.resumptions == 1)
    #expect(world.session.counters.authentications == 1)
  }

  @Test(arguments: layers)
  func `the server forgets the session: a whole handshake in place of a resumed one`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.platform.forgetSessions()
    world.now = world.now + Milliseconds(60_000)
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.resumptions == 0)
    #expect(world.accepted.count == 2)
  }

  @Test(arguments: layers)
  func `the server is restarted: the next report is delivered with a new token`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    let before = world.accepted.count
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: World.productKey,
        deviceName: World.deviceName,
        secret: World.secret
      )
    ]
    world.platform = try Platform(layer, configuration, seed: 99)
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(before == 1)
    #expect(world.accepted.count == 2)
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.authentications == 2)
  }

  @Test(arguments: layers)
  func `the server closes after idling: the next report resumes`(layer: Layer) throws {
    var dtls = DTLSSettings()
    dtls.idleLimit = nil
    var world = try World(layer, dtls: dtls) { $0.dtls.idleLimit = Milliseconds(20_000) }
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(20_000)
    // The goodbye reaches the device, which sends nothing.
    try world.step()
    world.now = world.now + Milliseconds(1_000)
    let before = world.session.counters.datagramsUp
    try world.step()
    #expect(world.session.counters.datagramsUp == before)
    let deadline = world.session.pollTimeout()
    #expect(deadline == nil)
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.resumptions == 1)
    #expect(world.accepted.count == 2)
  }

  /// The goodbye comes in answer to the request: the request goes again at once.
  @Test(arguments: layers)
  func `a server that closes instead of answering gets the report over the next association`(
    layer: Layer
  ) throws {
    var dtls = DTLSSettings()
    dtls.idleLimit = nil
    var world = try World(layer, dtls: dtls) { $0.dtls.idleLimit = Milliseconds(20_000) }
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(20_005)
    let start = world.now
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect((world.now - start).count < 1_000)
    #expect(world.accepted.count == 2)
    #expect(world.session.counters.resumptions == 1)
  }

  @Test(arguments: layers)
  func `each handshake datagram lost, doubled or overtaken in turn ends in a report`(
    layer: Layer
  ) throws {
    for resumed in [false, true] {
      for kind in Mischief.Kind.allCases {
        for number in 0..<8 {
          var world = try World(layer)
          if resumed {
            #expect(try world.report("before")?.outcome == .acknowledged)
            world.now = world.now + Milliseconds(60_000)
          }
          world.mischief = Mischief(kind: kind, number: number)
          let result = try world.report("x")
          #expect(result?.outcome == .acknowledged, "\(kind) of \(number), resumed \(resumed)")
          let got = world.accepted.filter { $0.payload == Array("x".utf8) }.count
          #expect(got == 1, "\(kind) of \(number), resumed \(resumed): \(got) times")
          #expect(
            world.session.counters.handshakes == (resumed ? 2 : 1),
            "\(kind) of \(number), resumed \(resumed)"
          )
        }
      }
    }
  }

  /// An answer that was long on its way comes when the next association is being made: the old one
  /// is alive, and the report is not sent again.
  @Test(arguments: layers)
  func `an answer that comes during the next handshake counts`(layer: Layer) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    let seconds = 20
    world.link = LossyLink(
      loss: 0,
      duplication: 0,
      delay: Int64(seconds * 500)...Int64(seconds * 500),
      seed: 1
    )
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .acknowledged)
    #expect(world.accepted.count == 2)
    #expect(world.session.counters.handshakes == 1)
    // With a round trip of 20 s and ACK_TIMEOUT 2 s it was sent three times, and a hello once or more.
    #expect(result.transmissions == 3)
  }

  @Test(arguments: layers)
  func `the longest report fits a datagram with any suite`(layer: Layer) throws {
    for legacy in [false, true] {
      var dtls = DTLSSettings()
      dtls.allowsLegacySuites = legacy
      var world = try World(layer, dtls: dtls) { $0.dtls.allowsLegacySuites = true }
      var path = "/a1B2c3D4e5F/device1"
      while path.utf8.count + 14 <= 128 { path += "/thirteen-long" }
      path += "/" + String(repeating: "x", count: 127 - path.utf8.count)
      var longest = 0
      world.onTransmission = { longest = max(longest, $0.count) }
      world.intercept = {
        let token = String(repeating: "t", count: 192)
        return answer(to: $0, .content, payload: Array(#"{"token":"\#(token)"}"#.utf8))
      }
      let result = try world.report(String(repeating: "a", count: 1_024), topic: path)
      #expect(result?.outcome == .acknowledged)
      #expect(longest <= 1_472)
    }
  }

  @Test(arguments: layers)
  func `the last flight and the first message share a datagram where that is wanted`(
    layer: Layer
  ) throws {
    var datagrams: [Bool: Int] = [:]
    var bytes: [Bool: Int] = [:]
    for joins in [false, true] {
      var dtls = DTLSSettings()
      dtls.joinsLastFlight = joins
      var world = try World(layer, dtls: dtls)
      #expect(try world.report("a")?.outcome == .acknowledged)
      world.now = world.now + Milliseconds(60_000)
      let before = world.session.counters
      #expect(try world.report("b")?.outcome == .acknowledged)
      datagrams[joins] = world.session.counters.datagramsUp - before.datagramsUp
      bytes[joins] = world.session.counters.bytesUp - before.bytesUp
      #expect(world.session.counters.resumptions == 1)
    }
    #expect(datagrams == [false: 4, true: 3])
    #expect(bytes[true] == bytes[false])
  }

  @Test(arguments: layers)
  func `a joined flight that does not fit the link goes alone`(layer: Layer) throws {
    var dtls = DTLSSettings()
    dtls.joinsLastFlight = true
    dtls.linkMTU = 256
    var world = try World(layer, dtls: dtls)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(60_000)
    let before = world.session.counters.datagramsUp
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.datagramsUp - before == 4)
  }

  @Test func `a server that drops what comes with the last flight is met without it`() throws {
    var dtls = DTLSSettings()
    dtls.joinsLastFlight = true
    var world = try World(.certificate, dtls: dtls)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(60_000)
    // As libcoap over OpenSSL does: an association whose first message came so is deaf.
    world.isDeafAfterJoin = true
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.resumptions == 2)
    #expect(world.accepted.count == 2)
  }

  @Test(arguments: layers, [false, true])
  func `a goodbye is said and answered only where that is wanted, and the session resumed after it`(
    layer: Layer,
    saysGoodbye: Bool
  ) throws {
    var dtls = DTLSSettings()
    dtls.idleLimit = nil
    dtls.saysGoodbye = saysGoodbye
    var world = try World(layer, dtls: dtls) { $0.dtls.idleLimit = Milliseconds(20_000) }
    #expect(try world.report("a")?.outcome == .acknowledged)
    var sent: [UInt8] = []
    world.onTransmission = { sent.append($0[0]) }
    // The device's own.
    world.session.close()
    try world.run()
    try world.step()
    #expect(sent == (saysGoodbye ? [21] : []))
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.resumptions == 1)
    // The server's.
    sent = []
    world.now = world.now + Milliseconds(20_000)
    for _ in 0..<3 {
      try world.step()
      world.now = world.now + Milliseconds(100)
    }
    #expect(sent == (saysGoodbye ? [21] : []))
    #expect(try world.report("c")?.outcome == .acknowledged)
    #expect(world.session.counters.resumptions == 2)
    #expect(world.accepted.count == 3)
  }

  @Test func `tokens are empty until a request ends without an answer`() throws {
    var world = try World(.certificate)
    var tokens: [[UInt8]] = []
    var isSilent = false
    world.intercept = { request in
      tokens.append(Array(request[4..<(4 + Int(request[0] & 0x0F))]))
      return isSilent ? [] : nil
    }
    #expect(try world.report("a")?.outcome == .acknowledged)
    #expect(tokens == [[], []])
    isSilent = true
    #expect(try world.report("b")?.outcome == .timedOut)
    isSilent = false
    tokens.removeAll()
    #expect(try world.report("c")?.outcome == .acknowledged)
    #expect(tokens.allSatisfy { $0 == [1] })
    // The same numbers never mean two requests.
    #expect(world.accepted.map(\.payload) == [Array("a".utf8), Array("c".utf8)])
  }

  @Test(arguments: layers)
  func `a report longer than the records that were asked for is refused, once and at once`(
    layer: Layer
  ) throws {
    var dtls = DTLSSettings()
    dtls.maxFragmentLength = 512
    var world = try World(layer, dtls: dtls)
    #expect(
      try world.report(String(repeating: "a", count: 700))?.outcome
        == .unsealable(.messageTooLong)
    )
    #expect(world.session.counters.handshakes == 1)
    #expect(try world.report(String(repeating: "a", count: 300))?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 1)
  }

  @Test func `a device that resumes nothing resumes no session that it was given either`() throws {
    var dtls = DTLSSettings()
    dtls.resumption = .none
    var world = try World(.certificate, dtls: dtls)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(60_000)
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 2)
    #expect(world.session.counters.resumptions == 0)
  }

  @Test func `a request that was sent twice keeps its token to itself`() throws {
    var world = try World(.certificate)
    #expect(try world.report("a")?.outcome == .acknowledged)
    var tokens: [[UInt8]] = []
    world.intercept = { request in
      tokens.append(Array(request[4..<(4 + Int(request[0] & 0x0F))]))
      // The first copy is lost.
      return tokens.count == 1 ? [] : nil
    }
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(try world.report("c")?.outcome == .acknowledged)
    #expect(try world.report("d")?.outcome == .acknowledged)
    #expect(tokens == [[], [], [1], [1]])
  }

  @Test func `a cancelled report leaves no handshake behind`() throws {
    var world = try World(.certificate)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(60_000)
    world.isDead = true
    try world.publish("b")
    try world.step()
    let before = world.session.counters.datagramsUp
    world.session.cancelReport()
    let deadline = world.session.pollTimeout()
    #expect(deadline == nil)
    world.now = world.now + Milliseconds(3_600_000)
    try world.step()
    #expect(world.session.counters.datagramsUp == before)
    world.isDead = false
    #expect(try world.report("c")?.outcome == .acknowledged)
  }

  @Test func `a report in a record is 29 bytes longer than its message`() throws {
    var world = try World(.certificate)
    var message = 0
    var record = 0
    world.intercept = {
      message = $0.count
      return nil
    }
    world.onTransmission = { record = $0.count }
    #expect(try world.report(#"{"value":1}"#)?.outcome == .acknowledged)
    #expect(record == message + 29)
  }

  @Test
  func `a link that loses a third: every report acknowledged is there, and all are accounted for`()
    throws
  {
    var settings = DeviceSettings()
    settings.timing = .nbIoT
    var world = try World(
      .certificate,
      settings: settings,
      link: LossyLink(loss: 0.3, duplication: 0.05, delay: 200...6_000, seed: 8),
      seed: 8
    ) {
      $0.dtls.patience = DTLSConnection.Patience(timeout: Milliseconds(10_000), limit: 3)
    }
    var acknowledged: Set<String> = []
    var unfinished: [String: ReportOutcome] = [:]
    for number in 1...2_000 {
      let result = try #require(try world.report("\(number)"))
      if result.outcome == .acknowledged {
        acknowledged.insert("\(number)")
      } else {
        unfinished["\(number)"] = result.outcome
      }
      // A sleep after every third.
      if number % 3 == 0 { world.now = world.now + Milliseconds(600_000) }
    }
    let accepted = world.accepted.map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(acknowledged.isSubset(of: accepted))
    #expect(acknowledged.count + unfinished.count == 2_000)
    for outcome in unfinished.values {
      switch outcome {
      case .timedOut, .handshake(.noAnswer), .handshake(.unconfirmed), .unauthenticated: break
      default: Issue.record("unexpected: \(outcome)")
      }
    }
    let counters = world.session.counters
    print(
      """
      2,000 reports over DTLS through 30 % loss each way, a sleep after every third: \
      \(acknowledged.count) acknowledged, \(unfinished.count) not, \
      \(accepted.count - Set(accepted).count) taken twice over two associations, \
      \(counters.handshakes) handshakes, \(counters.resumptions) of them resumed
      """
    )
  }
}
