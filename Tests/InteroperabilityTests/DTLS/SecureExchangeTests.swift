// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Testing

@Suite("DTLS 1.2 with other implementations (RFC 6347, RFC 7925)", .timeLimit(.minutes(15)))
struct SecureExchangeTests {
  /// A report to libcoap's server and back.
  func exchangeReports(_ client: SecureClient) throws {
    let reading = SecureDevice.reading
    let answer = try #require(
      Dissection(try client.exchange(SecureDevice.request(SecureDevice.put, 1, payload: reading)))
    )
    #expect(answer.kind == .ack && answer.code == "2.01" && answer.messageID == 0x1201)
    let stored = try #require(
      Dissection(try client.exchange(SecureDevice.request(SecureDevice.get, 2)))
    )
    #expect(stored.code == "2.05" && stored.payload == reading)
    #expect(stored.token == [0xC0, 0xFF, 0xEE, 2])
    #expect(client.events == [.established(isResumed: false)])
  }

  /// A report to s_server, and one back.
  func exchangeReports(_ client: SecureClient, _ server: DTLSServer) throws {
    try client.send(SecureDevice.report)
    try client.wait(for: "an event") { !client.events.isEmpty }
    #expect(client.events == [.established(isResumed: false)])
    #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
    let answer = Array(SecureDevice.report.reversed())
    try server.send(answer)
    #expect(try client.receive() == answer)
  }

  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `a report reaches libcoap's server by a certificate`(_ kind: DTLSServer.Kind) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("good")) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      try exchangeReports(client)
      try client.close()
    }
  }

  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `a report reaches libcoap's server by a pre-shared key`(
    _ kind: DTLSServer.Kind
  ) async throws {
    try await withServer(kind, ["-k", SecureDevice.key, "-h", "hint"]) { server in
      let client = try SecureClient(port: server.port, SecureDevice.preSharedKey())
      try exchangeReports(client)
      try client.close()
    }
  }

  @Test(arguments: [[], ["-listen"], ["-mtu", "256"], ["-listen", "-mtu", "256"]])
  func `a report reaches s_server by a certificate`(_ options: [String]) async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good") + options) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      try exchangeReports(client, server)
      #expect(client.suite == "ECDHE-ECDSA-CHACHA20-POLY1305")
      if options.contains("256") {
        let received = client.datagrams.filter { !$0.isSent && $0.bytes[0] == 22 }
        #expect(received.count > 4, "the certificate came in fragments")
        #expect(received.allSatisfy { $0.bytes.count + 28 <= 256 })
      }
    }
  }

  @Test(arguments: [[], ["-listen"], ["-psk_hint", "hint"]])
  func `a report reaches s_server by a pre-shared key`(_ options: [String]) async throws {
    let all = DTLSServer.preSharedKey(SecureDevice.keyDigits) + options
    try await withServer(.openSSL, all) { server in
      let client = try SecureClient(port: server.port, SecureDevice.preSharedKey())
      try exchangeReports(client, server)
      #expect(client.suite == "PSK-CHACHA20-POLY1305")
    }
  }

  @Test(arguments: [
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256",
  ])
  func `the one suite that the server has is taken`(_ suite: String) async throws {
    let options = try DTLSServer.certificate(
      suite.contains("RSA-") ? "rsa" : "good",
      "-cipher",
      "\(suite)@SECLEVEL=0"
    )
    try await withServer(.openSSL, options) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      try exchangeReports(client, server)
      #expect(client.suite == suite)
    }
  }

  @Test(arguments: [
    "PSK-CHACHA20-POLY1305", "PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256",
  ])
  func `the one suite with a pre-shared key that the server has is taken`(
    _ suite: String
  ) async throws {
    let options = DTLSServer.preSharedKey(
      SecureDevice.keyDigits,
      "-cipher",
      "\(suite)@SECLEVEL=0"
    )
    try await withServer(.openSSL, options) { server in
      let client = try SecureClient(port: server.port, SecureDevice.preSharedKey())
      try exchangeReports(client, server)
      #expect(client.suite == suite)
    }
  }

  @Test func `a server's address in digits is compared with its certificate`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      let client = try SecureClient(
        port: server.port,
        SecureDevice.certificate(serverName: "127.0.0.1")
      )
      try exchangeReports(client, server)
    }
  }

  @Test func `an authority between is followed to the trusted one`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("ofBetween")) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      try exchangeReports(client, server)
    }
  }

  @Test func `a server that demands a certificate gets the device's`() async throws {
    let authority = try Certificates.path("ca.pem")
    let options = try DTLSServer.certificate(
      "good",
      "-Verify",
      "2",
      "-CAfile",
      authority,
      "-verify_return_error"
    )
    try await withServer(.openSSL, options) { server in
      let client = try SecureClient(port: server.port, SecureDevice.mutual("device"))
      try exchangeReports(client, server)
      #expect(
        client.datagrams.contains { $0.isSent && Records($0.bytes).contains { $0.message == 11 } }
      )
    }
  }

  @Test(arguments: [512, 1_024])
  func `a server cuts its records as short as it is asked to`(_ length: Int) async throws {
    // Two certificates with keys of 2,048 bits would not fit.
    try await withServer(.openSSL, DTLSServer.certificate("rsa", "-listen")) { server in
      let settings = SecureDevice.settings { $0.maxFragmentLength = length }
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      try exchangeReports(client, server)
      let lengths = client.datagrams.filter { !$0.isSent }.flatMap { datagram in
        Records(datagram.bytes).map { $0.count }
      }
      // The certificate has more than 448 bytes: something was there to be cut.
      #expect(lengths.contains { $0 > 448 })
      #expect(lengths.allSatisfy { $0 <= length + 64 })
    }
  }

  @Test func `the device cuts its flights to the link`() async throws {
    let authority = try Certificates.path("ca.pem")
    let options = try DTLSServer.certificate("good", "-Verify", "2", "-CAfile", authority)
    try await withServer(.openSSL, options) { server in
      let client = try SecureClient(
        port: server.port,
        SecureDevice.mutual("device", SecureDevice.settings { $0.linkMTU = 256 })
      )
      try exchangeReports(client, server)
      #expect(client.sent.allSatisfy { $0.count + 28 <= 256 })
      #expect(client.sent.count >= 5, "\(client.trace)")
    }
  }
}
