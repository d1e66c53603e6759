// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import Foundation
import OpenSSLSupport
import SecurityLayer
import SystemClocks
import Testing

@Suite("Sessions that are resumed (RFC 5246 Section 7.3, RFC 5077)", .timeLimit(.minutes(15)))
struct ResumptionTests {
  /// Sends a report to s_server and gets one back, and says whether the session was resumed.
  @discardableResult
  func exchangeReports(_ client: SecureClient, _ server: DTLSServer) throws -> Bool {
    try client.send(SecureDevice.report)
    let event = try client.event()
    #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
    try server.send(Array(SecureDevice.report.reversed()))
    #expect(try client.receive() == Array(SecureDevice.report.reversed()))
    guard case .established(let isResumed) = event else {
      throw SecureClient.Timeout(description: "\(event)")
    }
    return isResumed
  }

  /// A session of a whole handshake with the server, which is told goodbye.
  func session(_ server: DTLSServer, _ device: consuming DTLSSecurity) throws -> [UInt8] {
    let client = try SecureClient(port: server.port, device)
    #expect(try !exchangeReports(client, server))
    let session = try #require(try client.exportSession())
    try client.close()
    return session
  }

  static let ticket = SecureDevice.settings { $0.resumption = .ticket }

  @Test func `a session is resumed by its identifier`() async throws {
    let options = try DTLSServer.certificate("good", "-no_ticket")
    try await withServer(.openSSL, options) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      #expect(try !exchangeReports(client, server))
      let whole = bytes(client)
      try client.close()
      try client.run(for: 50)
      let count = client.datagrams.count
      for _ in 0..<3 {
        #expect(try exchangeReports(client, server))
        try client.close()
        try client.run(for: 50)
      }
      #expect(client.suite == "" || client.suite == "ECDHE-ECDSA-CHACHA20-POLY1305")
      let resumed = client.datagrams[count...].prefix(5)
      // Neither the certificate nor the key exchange: a third of the bytes.
      let cost = resumed.reduce(0) { $0 + $1.bytes.count }
      #expect(cost * 2 < whole, "\(cost) bytes instead of \(whole)")
      #expect(!resumed.contains { Records($0.bytes).contains { $0.message == 11 } })
    }
  }

  /// Up and down, without the headers of IP and UDP.
  func bytes(_ client: SecureClient) -> Int {
    client.datagrams.filter { Records($0.bytes).contains { $0.type != 23 } }
      .reduce(0) { $0 + $1.bytes.count }
  }

  @Test func `a session is resumed by a ticket after the server has been started again`()
    async throws
  {
    try await withServer(.openSSL, DTLSServer.certificate("rsa")) { server in
      let session = try session(server, SecureDevice.certificate(Self.ticket))
      let client = try SecureClient(port: server.port, SecureDevice.certificate(Self.ticket))
      try client.importSession(session)
      #expect(try exchangeReports(client, server))
      #expect(client.datagrams.allSatisfy { !Records($0.bytes).contains { $0.message == 11 } })
    }
  }

  @Test func `a session that was exported is resumed by another process`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      var session = try session(server, SecureDevice.certificate())
      for _ in 0..<3 {
        let client = try SecureClient(port: server.port, SecureDevice.certificate())
        try client.importSession(session)
        #expect(try exchangeReports(client, server))
        session = try #require(try client.exportSession())
        try client.close()
      }
    }
  }

  /// Over OpenSSL libcoap's server keeps sessions, over GnuTLS it has none.
  @Test(arguments: [(DTLSServer.Kind.libcoapOpenSSL, true), (.libcoapGnuTLS, false)])
  func `libcoap's server resumes a session or makes a new one`(
    _ kind: DTLSServer.Kind,
    _ keepsSessions: Bool
  ) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("good")) { server in
      let first = try SecureClient(port: server.port, SecureDevice.certificate())
      _ = try first.exchange(SecureDevice.report)
      let session: [UInt8] = try #require(try first.exportSession())
      try first.close()
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      try client.importSession(session)
      #expect(try Dissection(client.exchange(SecureDevice.report))?.code == "2.04")
      #expect(try client.event() == .established(isResumed: keepsSessions))
    }
  }

  @Test(arguments: [false, true])
  func `a server that has forgotten the session gets a whole handshake in the same flights`(
    _ usesTicket: Bool
  ) async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good", "-listen")) { server in
      let settings = usesTicket ? Self.ticket : SecureDevice.settings()
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      #expect(try !exchangeReports(client, server))
      let whole = client.sent.count
      try client.close()
      try server.reboot()
      let count = client.sent.count
      #expect(try !exchangeReports(client, server))
      #expect(client.sent.count - count == whole, "\(client.trace)")
      // The new session is the one that is resumed from now on.
      try client.close()
      try client.run(for: 50)
      #expect(try exchangeReports(client, server))
    }
  }

  @Test func `a server that has another suite now gets a whole handshake at once`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      let settings = SecureDevice.settings(timeout: 300)
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      #expect(try !exchangeReports(client, server))
      try client.close()
      try server.reboot(
        options: DTLSServer.certificate("good", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
      )
      #expect(try !exchangeReports(client, server))
      #expect(client.suite == "ECDHE-ECDSA-AES128-GCM-SHA256")
      #expect(client.events == [])
    }
  }

  @Test func `a session is for the server, the authorities and the key it was made with`()
    async throws
  {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      let session = try session(server, SecureDevice.certificate())
      let others = [
        try SecureClient(port: 1, SecureDevice.certificate(serverName: "127.0.0.1")),
        try SecureClient(port: 1, SecureDevice.certificate(authorities: "stranger.pem")),
        try SecureClient(port: 1, SecureDevice.mutual("device")),
        try SecureClient(port: 1, SecureDevice.preSharedKey()),
      ]
      for other in others {
        #expect(throws: DTLSConfigurationError.foreignSession) {
          try other.importSession(session)
        }
      }
    }
  }

  @Test func `a session with any byte left out or any bit flipped is refused`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      let session = try session(server, SecureDevice.certificate())
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      for count in 0..<session.count {
        #expect(throws: DTLSConfigurationError.foreignSession) {
          try client.importSession(Array(session[..<count]))
        }
      }
      #expect(throws: DTLSConfigurationError.foreignSession) {
        try client.importSession(session + [0])
      }
      for index in session.indices {
        var altered = session
        altered[index] ^= 1 << UInt8(index % 8)
        #expect(throws: DTLSConfigurationError.foreignSession) {
          try client.importSession(altered)
        }
      }
      try client.importSession(session)
      #expect(try exchangeReports(client, server))
    }
  }

  @Test func `the session of a certificate that has expired since is not resumed`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      if try expires(after: 10, server) { return }
      // The machine is busy.
      #expect(try expires(after: 60, server), "a minute is not enough for two handshakes")
    }
  }

  /// Uses a session before and after the time of a certificate is over; `false` where the time was over before that.
  private func expires(after seconds: Int64, _ server: DTLSServer) throws -> Bool {
    // The certificate's time has whole seconds.
    let lastGood = MonotonicClock.now() + Milliseconds((seconds - 1) * 1_000)
    let folder = try Certificates.makeBrief(seconds: Int(seconds))
    let expiry = MonotonicClock.now() + Milliseconds((seconds + 1) * 1_000)
    defer { try? FileManager.default.removeItem(at: folder) }
    try server.reboot(
      options: ["-dtls1_2", "-cert", "\(folder.path)/brief.pem"]
        + ["-key", "\(folder.path)/brief.key"]
    )
    let client = try SecureClient(
      port: server.port,
      SecureDevice.certificate(SecureDevice.settings(timeout: 400, limit: 3)),
      within: seconds + 30
    )
    for isResumed in [false, true] {
      try client.send(SecureDevice.report)
      let event = try client.event()
      guard client.now < lastGood else { return false }
      #expect(event == .established(isResumed: isResumed), "resumed while the certificate is good")
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
      if !isResumed {
        try client.close()
        try client.run(for: 50)
      }
    }
    let session = try #require(try client.exportSession())
    try client.close()
    try client.run(for: max(0, (expiry - client.now).count))
    try client.send(SecureDevice.report)
    #expect(try client.event() == .failed(.expired))

    let other = try SecureClient(port: server.port, SecureDevice.certificate())
    try other.importSession(session)
    try other.send(SecureDevice.report)
    #expect(try other.event() == .failed(.expired))
    return true
  }
}
