// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import DeviceClient
import DeviceStore
import Foundation
import HTTPSLink
import HTTPSPeers
import Platform
import ReportLink
import Synchronization
import Testing

@Suite("DeviceClient over HTTPS", .timeLimit(.minutes(15)))
struct HTTPSClientTests {
  private func client(
    _ peer: HTTPSPeer,
    clientID: String = "12345",
    sessionFile: String? = nil,
    _ change: (inout HTTPSClientSettings) -> Void = { _ in }
  ) throws -> DeviceClient {
    var settings = HTTPSClientSettings(authorities: peer.authorities)
    change(&settings)
    var configuration = DeviceClientConfiguration(
      productKey: "pk",
      deviceName: "device",
      https: settings,
      host: "127.0.0.1",
      port: peer.port
    )
    configuration.clientID = clientID
    configuration.sessionFile = sessionFile
    return try DeviceClient(configuration, secret: Array("secret".utf8))
  }

  @Test func `reports go one after the other, in the order of the calls`() async throws {
    let peer = try HTTPSPeer()
    let client = try client(peer)
    try await client.connect()
    let receipt = try await client.publish([1, 2, 3], to: "/pk/device/user/a")
    #expect(receipt.result.transmissions == 1 && receipt.answer.isEmpty)
    async let second = client.publish([4], to: "/pk/device/user/b")
    _ = try await second
    #expect(client.traffic.authenticationRequests == 1)
    await client.close()
    #expect(
      try peer.requests().map(\.path) == [
        "/auth", "/topic/pk/device/user/a", "/topic/pk/device/user/b",
      ]
    )
    await #expect { try await client.publish([1], to: "/pk/device/user/a") } throws: {
      if case DeviceClientError.closed = $0 { true } else { false }
    }
  }

  @Test func `the bytes of a request are those that the server has seen`() async throws {
    let peer = try HTTPSPeer()
    let client = try client(peer)
    let receipt = try await client.publish(
      [UInt8](repeating: 0x31, count: 1_000),
      to: "/pk/device/user/a"
    )
    await client.close()
    let request = try #require(try peer.requests().last)
    let line = "\(request.method) \(request.path) \(request.version)\r\n".utf8.count
    let fields = request.fields.map { $0.key.utf8.count + $0.value.utf8.count + 4 }.reduce(2, +)
    #expect(client.traffic.reports.bytesUp == line + fields + 1_000)
    #expect(receipt.result.bytesUp == client.traffic.reports.bytesUp)
    #expect(receipt.result.bytesDown == client.traffic.reports.bytesDown)
  }

  @Test func `what HTTPS does not have is refused before anything is sent`() async throws {
    let peer = try HTTPSPeer()
    let client = try client(peer)
    let long = [UInt8](repeating: 1, count: 131_073)
    await #expect { try await client.publish(long, to: "/pk/device/user/a") } throws: {
      if case DeviceClientError.httpsPayloadTooLong(131_073) = $0 { true } else { false }
    }
    await #expect { try await client.pull() } throws: {
      if case DeviceClientError.notOverHTTPS = $0 { true } else { false }
    }
    await #expect { try await client.register() } throws: {
      if case DeviceClientError.notOverHTTPS = $0 { true } else { false }
    }
    await client.close()
    #expect(try peer.requests().isEmpty)
    #expect {
      _ = try self.client(peer) { $0.signMethod = .hmacSHA256 }
    } throws: {
      if case DeviceClientError.httpsSettings(.signMethod) = $0 { true } else { false }
    }
  }

  @Test func `a session file keeps the token, and no other device takes it`() async throws {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-https-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "session").path
    let peer = try HTTPSPeer()
    for _ in 0..<2 {
      let client = try client(peer, sessionFile: file)
      _ = try await client.publish([1], to: "/pk/device/user/a")
      #expect(client.sessionFileFailure == nil)
      await client.close()
    }
    #expect(try peer.requests().filter { $0.path == "/auth" }.count == 1)
    #expect {
      _ = try self.client(peer, clientID: "other", sessionFile: file)
    } throws: {
      if case DeviceClientError.sessionFile(.foreign) = $0 { true } else { false }
    }
  }

  @Test(
    arguments: [
      ("code-10000", .later), ("code-20001", .later), ("code-30001", .later),
      ("code-10001", .final), ("bare-404", .later), ("code-99999", .later),
    ] as [(String, ReportVerdict)]
  )
  func `a refused report says whether it may be taken later`(
    name: String,
    verdict: ReportVerdict
  ) async throws {
    let peer = try HTTPSPeer()
    let client = try client(peer)
    await #expect { try await client.publish([1], to: "/pk/device/user/\(name)") } throws: {
      guard case DeviceClientError.httpsReport(_, _, let receipt) = $0 else { return false }
      return receipt.result.verdict == verdict
    }
    await client.close()
  }

  @Test func `a report that is put off is sent again after the wait`() async throws {
    let peer = try HTTPSPeer()
    let waits = Mutex<[Int64]>([])
    var configuration = DeviceClientConfiguration(
      productKey: "pk",
      deviceName: "device",
      https: HTTPSClientSettings(authorities: peer.authorities),
      host: "127.0.0.1",
      port: peer.port
    )
    configuration.maxWait = .init(8_000)
    configuration.onPutOff = { wait in waits.withLock { $0.append(wait.count) } }
    let client = try DeviceClient(configuration, secret: Array("secret".utf8))
    _ = try await client.publish([1], to: "/pk/device/user/status-503-once")
    await client.close()
    #expect(waits.withLock { $0 } == [7_000])
  }

  @Test func `a clock that is off the platform's is told of`() async throws {
    let peer = try HTTPSPeer()
    let events = Mutex<[HTTPSClientEvent]>([])
    // This server's field Date is of 1994.
    let client = try client(peer, clientID: "late") {
      // Slowly: `connect` returns afterwards.
      $0.onEvent = { event in
        usleep(20_000)
        events.withLock { $0.append(event) }
      }
    }
    try await client.connect()
    let told = events.withLock { $0 }
    await client.close()
    #expect(told.count == 2 && told.last == .authenticated)
    guard case .wrongClock(let seconds) = told.first else {
      Issue.record("\(told)")
      return
    }
    // Thirty years behind this machine's.
    #expect(seconds < -900_000_000)
  }

  @Test func `a cancelled report ends at once, and the next one has a new connection`() async throws
  {
    let peer = try HTTPSPeer()
    let client = try client(peer)
    try await client.connect()
    let task = Task { try await client.publish([1], to: "/pk/device/user/never") }
    while try peer.requests().count < 2 { try await Task.sleep(for: .milliseconds(20)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    _ = try await client.publish([2], to: "/pk/device/user/a")
    await client.close()
    #expect(try peer.requests().map(\.connection) == [1, 1, 2])
  }
}
