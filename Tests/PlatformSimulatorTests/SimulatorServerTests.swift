// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("The simulator as a program's server")
struct SimulatorServerTests {
  @Test func `a program reads and changes what the platform holds while it runs`() async throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Array("secret".utf8))
    ]
    let server = try await SimulatorServer.start(configuration) { _ in }
    let isSet = try await server.withThings {
      $0.setDesired("power", "on", productKey: "pk", deviceName: "device")
    }
    #expect(isSet)
    let state = try await server.withThings {
      $0.state(productKey: "pk", deviceName: "device")
    }
    #expect(state?.desired["power"]?.value == "on")
    let isUnknown = try await server.withThings {
      !$0.setDesired("power", "on", productKey: "pk", deviceName: "other")
    }
    #expect(isUnknown)
    try await server.close()
  }

  @Test(arguments: [2_049, 3_000, 65_000])
  func `a long datagram is read whole, and its payload refused with 4.13`(count: Int) async throws {
    let server = try await SimulatorServer.start(SimulatorConfiguration()) { _ in }
    let socket = try LoopbackSocket()
    defer { socket.close() }
    var bench = Bench()
    let payload = [UInt8](repeating: 0x20, count: count)
    let request = try bench.request(["auth"], [(12, [50])], payload)
    socket.send(request, to: UInt16(server.port))
    LoopbackSocket.wait(for: [socket], milliseconds: 30_000)
    let answer = try #require(socket.receive()).bytes
    #expect(try MessageView(answer.span).code == .requestEntityTooLarge)
    try await server.close()
  }
}
