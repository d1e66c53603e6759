import PayloadValues
import PlatformCore
import PlatformSimulator
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
}
