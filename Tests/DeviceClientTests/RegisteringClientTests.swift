// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import ConstrainedCore
import DeviceClient
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Calls of the async client while it registers", .timeLimit(.minutes(15)))
struct RegisteringClientTests {
  private static let productSecret = Array("fedcba9876543210fedcba9876543210".utf8)

  @Test func `who connects or reports while the device registers gets through with its own secret`()
    async throws
  {
    var secure = try SecureClientTests.Server()
    secure.simulator.devices = []
    var product = SimulatedProduct(key: "a1B2c3D4e5F")
    product.secret = Self.productSecret
    product.registrable = ["device1"]
    secure.simulator.products = [product]
    let running = try await SimulatorServer.start(secure.simulator) { _ in }
    var configuration = secure.client(port: running.port)
    let (sent, continuation) = AsyncStream.makeStream(of: Void.self)
    configuration.onTransmission = { _ in continuation.yield() }
    let client = try DeviceClient(configuration, secret: Self.productSecret)
    let registering = Task { try await client.register() }
    for await _ in sent { break }
    async let connected: Void = client.connect()
    async let receipt = client.publish([1], to: DeviceClientTests.topic)
    #expect(try await registering.value.count == 32)
    try await connected
    #expect(try await receipt.result.outcome == .acknowledged)
    await client.close()
    try await running.close()
  }

  /// A client whose registration is under way and gets no answer for half a second and more.
  private func withSilence(
    _ body: (DeviceClient, Task<[UInt8], any Error>) async throws -> Void
  ) async throws {
    let holder = try LoopbackSocket()
    defer { holder.close() }
    var configuration = try SecureClientTests.Server().client(port: Int(holder.port))
    configuration.settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(200),
      maxRetransmit: 1
    )
    let (sent, continuation) = AsyncStream.makeStream(of: Void.self)
    configuration.onTransmission = { _ in continuation.yield() }
    let client = try DeviceClient(configuration, secret: Self.productSecret)
    let registering = Task { try await client.register() }
    for await _ in sent { break }
    try await body(client, registering)
    await client.close()
  }

  @Test func `to cancel a call to connect does not end the registration`() async throws {
    try await withSilence { client, registering in
      let connecting = Task { try await client.connect() }
      try await Task.sleep(for: .milliseconds(50))
      connecting.cancel()
      _ = await connecting.result
      guard case .failure(DeviceClientError.registration) = await registering.result else {
        Issue.record("a silent endpoint registered a device")
        return
      }
    }
  }

  @Test func `to cancel a report does not end the registration`() async throws {
    try await withSilence { client, registering in
      let publishing = Task { try await client.publish([1], to: DeviceClientTests.topic) }
      try await Task.sleep(for: .milliseconds(50))
      publishing.cancel()
      _ = await publishing.result
      guard case .failure(DeviceClientError.registration) = await registering.result else {
        Issue.record("a silent endpoint registered a device")
        return
      }
    }
  }

  @Test func `to cancel a registration does not leave others waiting`() async throws {
    try await withSilence { client, registering in
      let connecting = Task { try await client.connect() }
      let publishing = Task { try await client.publish([1], to: DeviceClientTests.topic) }
      try await Task.sleep(for: .milliseconds(50))
      registering.cancel()
      // On a busy machine it may have ended by itself.
      _ = await registering.result
      guard case .failure(DeviceClientError.authentication) = await connecting.result,
        case .failure(DeviceClientError.authentication) = await publishing.result
      else {
        Issue.record("a silent endpoint answered")
        return
      }
    }
  }
}
