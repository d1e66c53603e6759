// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceClient
import Glibc
import Platform
import PlatformCoAP
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing
import UDPTransport

/// What a server has recorded.
final class Records: Sendable {
  private let records = Mutex<[RequestRecord]>([])

  func add(_ record: RequestRecord) { records.withLock { $0.append(record) } }

  var all: [RequestRecord] { records.withLock { $0 } }
}

@Suite("The async client over real UDP")
struct DeviceClientTests {
  static let secret = Array("0123456789abcdef0123456789abcdef".utf8)
  static let topic = "/a1B2c3D4e5F/device1/user/update"

  func withServer(
    _ configure: (inout SimulatorConfiguration) -> Void = { _ in },
    _ body: (DeviceClientConfiguration, Records) async throws -> Void
  ) async throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "a1B2c3D4e5F", deviceName: "device1", secret: Self.secret)
    ]
    configure(&configuration)
    let records = Records()
    let server = try await SimulatorServer.start(configuration) { records.add($0) }
    let device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: UInt16(server.port)
    )
    do {
      try await body(device, records)
    } catch {
      try await server.close()
      throw error
    }
    try await server.close()
  }

  @Test func `it authenticates, reports and gives the decrypted answer`() async throws {
    try await withServer({ $0.reply = { _, payload in payload } }) { device, records in
      let client = try DeviceClient(device, secret: Self.secret)
      try await client.connect()
      try await client.connect()
      let receipt = try await client.publish(Array("hello".utf8), to: Self.topic)
      #expect(receipt.result.outcome == .acknowledged)
      #expect(receipt.answer == Array("hello".utf8))
      await client.close()
      #expect(records.all.map(\.kind) == [.authentication, .report])
    }
  }

  @Test func `reports from many tasks come one after the other, each once`() async throws {
    try await withServer { device, records in
      let client = try DeviceClient(device, secret: Self.secret)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask { _ = try await client.publish([UInt8(number)], to: Self.topic) }
        }
        try await group.waitForAll()
      }
      await client.close()
      let accepted = records.all.filter(\.isAcceptedReport)
      #expect(Set(accepted.map(\.payload)).count == 50)
      #expect(accepted.map(\.sequence) == (2...51).map { UInt64($0) })
    }
  }

  @Test func `separate answers over the wire are acknowledged`() async throws {
    try await withServer({ $0.answerMode = .separate }) { device, _ in
      let client = try DeviceClient(device, secret: Self.secret)
      let receipt = try await client.publish([1], to: Self.topic)
      #expect(receipt.result.bytesDown == 4 + 19)
      await client.close()
    }
  }

  @Test func `a secret is UTF-8, and of 1 to 128 bytes without what is around it`() throws {
    let device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: 1
    )
    for secret in [[0xFF], Self.secret + [0xE2, 0x80]] as [[UInt8]] {
      #expect {
        _ = try DeviceClient(device, secret: secret)
      } throws: {
        guard case DeviceClientError.secretEncoding = $0 else { return false }
        return true
      }
    }
    for secret in [Array(" \u{A0}".utf8), [UInt8](repeating: 0x73, count: 129)] {
      #expect {
        _ = try DeviceClient(device, secret: secret)
      } throws: {
        guard case DeviceClientError.secretLength = $0 else { return false }
        return true
      }
    }
  }

  @Test func `a wrong secret is an authentication error`() async throws {
    try await withServer { device, _ in
      let client = try DeviceClient(device, secret: [1, 2, 3])
      await #expect {
        try await client.connect()
      } throws: {
        guard case DeviceClientError.authentication(.refused(let code), _) = $0 else {
          return false
        }
        return code == .unauthorized
      }
      await client.close()
    }
  }

  @Test func `a refusal's own reason comes with the error`() async throws {
    try await withServer { device, _ in
      var device = device
      device.settings.tokenOption = .legacy
      let client = try DeviceClient(device, secret: Self.secret)
      do {
        _ = try await client.publish([1], to: Self.topic)
        Issue.record("it was taken")
      } catch let error as DeviceClientError {
        guard case .undelivered(let receipt) = error else { throw error }
        #expect(receipt.result.code == .badOption)
        #expect(receipt.diagnostic.hasPrefix("the token is in option 61, not 2088"))
        #expect(error.diagnostic == receipt.diagnostic)
        #expect(error.description.contains(receipt.diagnostic))
        // What to type is the command line's affair.
        #expect(!error.description.contains("--token-option"))
      }
      await client.close()
    }
  }

  @Test func `a closed port is an error at once`() async throws {
    // Discard's, which the system gives to no other test.
    let device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: 9
    )
    let client = try DeviceClient(device, secret: Self.secret)
    await #expect {
      _ = try await client.publish([1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.transport(.refused) = $0 else { return false }
      return true
    }
    await client.close()
  }

  @Test func `names, topics and payloads are checked before anything is sent`() async throws {
    let device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "abc",
      host: "127.0.0.1",
      port: 9
    )
    #expect {
      _ = try DeviceClient(device, secret: Self.secret)
    } throws: {
      guard case DeviceClientError.identity(.deviceNameLength(3)) = $0 else { return false }
      return true
    }
    try await withServer { device, records in
      let client = try DeviceClient(device, secret: Self.secret)
      await #expect {
        _ = try await client.publish([1], to: "no-slash")
      } throws: {
        guard case DeviceClientError.topic(.noLeadingSlash) = $0 else { return false }
        return true
      }
      await #expect {
        _ = try await client.publish([UInt8](repeating: 1, count: 1_025), to: Self.topic)
      } throws: {
        guard case DeviceClientError.device(.payloadTooLong(1_025)) = $0 else { return false }
        return true
      }
      await client.close()
      #expect(records.all.isEmpty)
    }
  }

  @Test func `a call in a cancelled task ends at once, and the client stays usable`() async throws {
    try await withServer { device, records in
      let client = try DeviceClient(device, secret: Self.secret)
      let cancelled = Task {
        // Cancelled before the call, so that it arrives cancelled.
        while !Task.isCancelled { await Task.yield() }
        return try await client.publish([1], to: Self.topic)
      }
      cancelled.cancel()
      guard case .failure(let error) = await cancelled.result else {
        Issue.record("a cancelled call was carried out")
        return
      }
      #expect(error is CancellationError)
      let receipt = try await client.publish([2], to: Self.topic)
      #expect(receipt.result.outcome == .acknowledged)
      await client.close()
      #expect(records.all.filter(\.isAcceptedReport).map(\.payload) == [[2]])
    }
  }

  @Test func `a cancelled task does not wait for an endpoint that is silent`() async throws {
    let holder = try LoopbackSocket()
    defer { holder.close() }
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: holder.port
    )
    let (sent, continuation) = AsyncStream.makeStream(of: Void.self)
    device.onTransmission = { _ in continuation.yield() }
    let client = try DeviceClient(device, secret: Self.secret)
    let publishing = Task { try await client.publish([1], to: Self.topic) }
    for await _ in sent { break }
    publishing.cancel()
    guard case .failure(let error) = await publishing.result else {
      Issue.record("a silent endpoint acknowledged a report")
      return
    }
    #expect(error is CancellationError)
    let closing = Task { try await client.publish([2], to: Self.topic) }
    for await _ in sent { break }
    await client.close()
    guard case .failure(DeviceClientError.closed) = await closing.result else {
      Issue.record("close did not end the report")
      return
    }
  }

  @Test func `close ends what is under way, and nothing is taken afterwards`() async throws {
    try await withServer { device, _ in
      let client = try DeviceClient(device, secret: Self.secret)
      try await client.connect()
      await client.close()
      await client.close()
      await #expect {
        _ = try await client.publish([1], to: Self.topic)
      } throws: {
        guard case DeviceClientError.closed = $0 else { return false }
        return true
      }
    }
  }
}
