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

@Suite("DTLS under a device: who is not the platform, and who does not answer")
struct RefusedChannelTests {
  @Test func `a forged alert in the clear does not stop a handshake`() throws {
    var world = try World(.certificate)
    let alert: [UInt8] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]
    let session = world.session
    world.onTransmission = { datagram in
      guard datagram[0] == 22 else { return }
      session.handleDatagram(alert, at: Instant(milliseconds: 1_000_000))
    }
    #expect(try world.report("a")?.outcome == .acknowledged)
  }

  /// The platform refuses each hello, so that no report ever gets through.
  @Test func `the third alert is believed at its timeout, and the next attempt waits longer`()
    throws
  {
    var world = try World(.certificate)
    world.refusal = 40
    let start = world.now
    let first = try #require(try world.report("a"))
    #expect(first.outcome == .unauthenticated(.handshake(.nothingInCommon)))
    // Three hellos, when the first one would be sent again, and the timeout of the last one.
    #expect((8_000...8_100).contains((world.now - start).count))
    #expect(world.session.counters.datagramsUp == 3)
    var waits: [Int64] = []
    for _ in 0..<4 {
      let begin = world.now
      #expect(try world.report("b")?.outcome == .unauthenticated(.handshake(.nothingInCommon)))
      waits.append((world.now - begin).count)
    }
    // Each time the same timeout, after a pause that doubles.
    #expect(waits.map { ($0 + 500) / 1_000 } == [10, 12, 16, 24])
    #expect(world.session.counters.datagramsUp == 15)
  }

  @Test func `nothing of a report leaves the device before the server has proved itself`() throws {
    var dtls = DTLSSettings()
    dtls.timing = .standard
    var world = try World(.certificate, dtls: dtls)
    let other = try IssuedCertificate(names: ["platform.test"])
    world.platform = try Platform(
      .certificate,
      SimulatorConfiguration(),
      certificate: other,
      seed: 5
    )
    var kinds: Set<UInt8> = []
    world.onTransmission = { kinds.insert($0[0]) }
    let result = try #require(try world.report("a"))
    #expect(result.outcome == .unauthenticated(.handshake(.unknownAuthority)))
    // Handshake messages and an alert, no application data.
    #expect(kinds == [21, 22])
  }

  @Test func `a wrong secret with a pre-shared key is told apart from silence`() throws {
    var world = try World(.preSharedKey)
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: World.productKey,
        deviceName: World.deviceName,
        secret: Array("another".utf8)
      )
    ]
    world.platform = try Platform(.preSharedKey, configuration, seed: 3)
    let failure = try world.report("a")?.outcome
    #expect(
      failure == .unauthenticated(.handshake(.unconfirmed))
        || failure == .unauthenticated(.handshake(.wrongKey))
    )
    #expect(world.records.contains { $0.note.contains("most likely another secret") })
    world.platform = try Platform(.preSharedKey, SimulatorConfiguration(), seed: 3)
    world.now = world.now + Milliseconds(600_000)
    #expect(try world.report("b")?.outcome == .unauthenticated(.handshake(.unknownIdentity)))
  }

  @Test func `silence ends a handshake after MAX_RETRANSMIT, with growing pauses`() throws {
    var world = try World(.certificate)
    world.isDead = true
    let start = world.now
    #expect(try world.report("a")?.outcome == .unauthenticated(.handshake(.noAnswer)))
    let ends = world.departures.dropFirst() + [world.now]
    let pauses = zip(ends, world.departures).map { ($0 - $1).count }
    #expect(pauses.map { $0 / 100 } == [20, 40, 80, 160, 320])
    #expect(world.departures.first == start)
    #expect(world.session.counters.datagramsUp == 5)
  }
}
