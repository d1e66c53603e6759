// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceClient
import Foundation
import HTTPSChannel
import HTTPSLayer
import HTTPSPeers
import Platform
import Testing

@Suite("Device guide 6.2: dynamic registration over HTTPS", .timeLimit(.minutes(15)))
struct HTTPSRegistrationTests {
  private func registration(_ peer: HTTPSPeer, _ name: String) -> HTTPSRegistration {
    HTTPSRegistration(
      productKey: "pk",
      deviceName: name,
      authorities: peer.authorities,
      host: "127.0.0.1",
      port: peer.port
    )
  }

  private func register(_ peer: HTTPSPeer, _ name: String) async throws -> [UInt8] {
    try await registration(peer, name).register(productSecret: Array(" product\n".utf8))
  }

  @Test func `a form with the sign brings the device's secret`() async throws {
    let peer = try HTTPSPeer()
    #expect(try await register(peer, "device1") == Array("its-own".utf8))
    let request = try #require(try peer.requests().first)
    #expect(request.path == "/auth/register/device")
    let form = request.text.split(separator: "&").map { $0.split(separator: "=") }
    #expect(form.map { $0.first } == ["productKey", "deviceName", "random", "sign", "signMethod"])
    #expect(form.last?.last == "hmacsha256" && form[3].last?.count == 64)
    #expect(!request.text.contains("product\n") && !request.path.contains("sign"))
  }

  @Test(arguments: [
    ("code-401", HTTPSRegistrationError.refused(code: 401, diagnostic: "no")),
    ("other-device", .otherDevice), ("text", .answer(.notAnObject)),
    ("redirect", .status(302)), ("status-503", .status(503)), ("long-body", .transfer(.tooLong)),
    ("dead", .transfer(.broken)),
  ])
  func `an answer without the device's secret is none`(
    name: String,
    error: HTTPSRegistrationError
  ) async throws {
    let peer = try HTTPSPeer()
    await #expect {
      _ = try await register(peer, name)
    } throws: {
      guard let thrown = $0 as? HTTPSRegistrationError else { return false }
      if case .answer = error, case .answer = thrown { return true }
      return thrown == error && !"\(thrown)".isEmpty
    }
  }

  @Test func `names, secrets and authorities that cannot be end before anything is sent`()
    async throws
  {
    let peer = try HTTPSPeer()
    await #expect {
      _ = try await register(peer, "a b")
    } throws: {
      if case HTTPSRegistrationError.identity = $0 { true } else { false }
    }
    await #expect(throws: HTTPSRegistrationError.productSecret) {
      _ = try await registration(peer, "device1").register(productSecret: [])
    }
    let lonely = HTTPSRegistration(productKey: "pk", deviceName: "device1", authorities: [])
    await #expect(throws: HTTPSRegistrationError.channel(.authorities)) {
      _ = try await lonely.register(productSecret: [0x61])
    }
    #expect(try peer.requests().isEmpty)
  }

  @Test func `cancelling the task ends it`() async throws {
    let peer = try HTTPSPeer()
    let never = registration(peer, "never")
    let task = Task { try await never.register(productSecret: [0x61]) }
    while try peer.requests().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
