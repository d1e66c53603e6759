// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PlatformCore
import PlatformFaults
import PlatformSimulator
import TestSupport
import Testing

private struct NumberedPeer: SimulatedPeer {
  let number: Int
  var shown: String { "peer \(number)" }
}

@Suite("The platform behind a network with faults")
struct ServedPlatformTests {
  private let start = Instant(milliseconds: 1_000)

  @Test func `NAT that gives another address at once does so before the next request`() throws {
    var bench = Bench()
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Bench.secret)
    ]
    var served = try ServedPlatform<NumberedPeer>(
      configuration,
      random: SeededRandom(seed: 5),
      at: start
    )
    func ask() throws -> ServedPlatform<NumberedPeer>.Output {
      let request = try bench.request(["auth"], [(12, [50])], Array(try Bench.valid().utf8))
      served.receive(request, from: NumberedPeer(number: 3), at: start)
      return served.handleTimeout(at: start)
    }
    #expect(try ask().records.map(\.peer) == ["peer 3"])
    #expect(served.core.faults.add(FaultRule(.rebind), at: start) == 0)
    let output = try ask()
    #expect(output.records.map(\.peer) == ["peer 3#1"])
    #expect(output.datagrams.map(\.peer.number) == [3])
  }
}
