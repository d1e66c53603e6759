// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("A simulated platform with more devices than it remembers")
struct CrowdTests {
  /// Hands datagrams back and forth until nobody sends any more, or the device would send its last
  /// flight.
  private func shakeHands(
    _ device: AnyDevice,
    _ peer: Int,
    _ platform: inout SecurePlatform<Int>,
    flights: Int
  ) throws -> [[UInt8]] {
    let now = Instant(milliseconds: 1_000)
    for flight in 1...4 {
      var sent: [[UInt8]] = []
      while true {
        var buffer = [UInt8](repeating: 0, count: 1_472)
        var writer = ByteWriter(buffer.mutableSpan)
        guard try device.pollTransmit(into: &writer, at: now) != nil else { break }
        let count = writer.count
        sent.append(Array(buffer[..<count]))
      }
      if flight == flights || sent.isEmpty { return sent }
      for datagram in sent {
        for answer in platform.handle(datagram, from: peer, at: now).datagrams {
          device.handleDatagram(answer.bytes, at: now)
        }
      }
    }
    return []
  }

  @Test func `handshakes that end together leave no more associations than the limit`() throws {
    var configuration = SimulatorConfiguration()
    configuration.dtls.certificate = issued.certificate
    configuration.dtls.key = issued.key
    configuration.dtls.clock = .virtual
    var platform = try SecurePlatform<Int>(configuration, random: SeededRandom(seed: 1))
    platform.limit = 3
    var dtls = DTLSSettings()
    dtls.clock = .virtual
    var ends: [(Int, [[UInt8]])] = []
    for round in 0..<2 {
      for peer in 0..<3 {
        let world = try World(.certificate, dtls: dtls)
        world.session.connect(at: Instant(milliseconds: 1_000))
        let number = round * 3 + peer
        let last = try shakeHands(world.session, number, &platform, flights: 3)
        ends.append((number, last))
      }
      for (peer, last) in ends {
        for datagram in last {
          _ = platform.handle(datagram, from: peer, at: Instant(milliseconds: 1_000))
        }
      }
      ends.removeAll()
      #expect(platform.associationCount == 3)
    }
  }
}
