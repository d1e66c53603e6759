// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import SecurityLayer
import Testing

@Suite("DTLS 1.2 with servers that behave strangely, or not as before")
struct ServerConductTests {
  let report = Array("a report".utf8)

  /// HelloVerifyRequest (RFC 6347 Section 4.2.1) with a cookie of one byte.
  private func request(_ number: UInt8) -> [UInt8] {
    let body: [UInt8] = [0xFE, 0xFF, 1, number]
    let message: [UInt8] = [3, 0, 0, 4, 0, number, 0, 0, 0, 0, 0, 4] + body
    return [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, number, 0, UInt8(message.count)] + message
  }

  /// As behind a balancer whose servers do not know each other's cookies.
  @Test func `a server that asks for another cookie each time is given up`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    var hellos = 0
    for number in 0..<200 {
      guard !association.up.isEmpty else { break }
      hellos += association.up.count
      association.up.removeAll()
      association.now = association.now + Milliseconds(100)
      try association.toDevice(request(UInt8(number)))
    }
    #expect(hellos > 1)
    #expect(hellos < 12)
  }

  /// One end of each association with the same server, which knows one suite with CBC.
  private final class LegacyServer {
    let context: DTLSContext
    var connection: DTLSConnection

    init(_ issued: IssuedCertificate, asksForCertificate: Bool = false) throws {
      let suites = Array("ECDHE-ECDSA-AES128-SHA256".utf8)
      context = try DTLSContext(.server)
      try context.setSuites(suites.span, needsEncryptThenMAC: true)
      try context.setCertificate(issued.certificate.span, key: issued.key.span)
      context.setResumption(.sessionID)
      if asksForCertificate {
        _ = try context.setAuthorities(issued.authority.span, depth: 9)
      }
      connection = try Self.connect(context)
    }

    private static func connect(_ context: borrowing DTLSContext) throws -> DTLSConnection {
      try DTLSConnection(
        context,
        patience: DTLSConnection.Patience(timeout: Milliseconds(60_000), limit: 3),
        clock: .virtual
      )
    }

    func renew() throws { connection = try Self.connect(context) }
  }

  private func device(_ issued: IssuedCertificate, legacy: Bool) throws -> DTLSSecurity {
    var settings = DTLSSettings()
    settings.clock = .virtual
    settings.allowsLegacySuites = legacy
    let name = Array("localhost".utf8)
    return try DTLSSecurity(
      serverName: name.span,
      authorities: issued.authority.span,
      settings: settings
    )
  }

  /// Whether the two ends come together.
  private func shakeHands(
    _ device: inout DTLSSecurity,
    _ server: LegacyServer
  ) throws -> SecurityEvent? {
    let now = Instant(milliseconds: 1_000)
    // What a device has for a datagram.
    var buffer = [UInt8](repeating: 0, count: 1_472)
    do throws(SecurityError) {
      var writer = ByteWriter(buffer.mutableSpan)
      try device.wrap(report.span, into: &writer, at: now)
      Issue.record("there is an association already")
    } catch {}
    for _ in 0..<10 {
      while true {
        var writer = ByteWriter(buffer.mutableSpan)
        guard try device.pollTransmit(into: &writer, at: now) else { break }
        let count = writer.count
        let datagram = Array(buffer[..<count])
        var rest = [UInt8](repeating: 0, count: 2_048)
        var output = ByteWriter(rest.mutableSpan)
        server.connection.receive(datagram.span, into: &output, at: now)
      }
      while true {
        var writer = ByteWriter(buffer.mutableSpan)
        guard try server.connection.pollDatagram(into: &writer) else { break }
        let count = writer.count
        let datagram = Array(buffer[..<count])
        var rest = [UInt8](repeating: 0, count: 2_048)
        var output = ByteWriter(rest.mutableSpan)
        try device.unwrap(datagram.span, into: &output, at: now)
      }
    }
    return device.pollEvent()
  }

  @Test func `a session with a suite that is no longer allowed is not resumed`() throws {
    let issued = try IssuedCertificate(names: ["localhost"])
    let server = try LegacyServer(issued)
    var first = try device(issued, legacy: true)
    #expect(try shakeHands(&first, server) == .established(isResumed: false))
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var writer = ByteWriter(buffer.mutableSpan)
    #expect(try first.exportSession(into: &writer))
    let count = writer.count
    let session = Array(buffer[..<count])
    try server.renew()
    var same = try device(issued, legacy: true)
    try same.importSession(session.span)
    #expect(try shakeHands(&same, server) == .established(isResumed: true))
    try server.renew()
    var strict = try device(issued, legacy: false)
    try strict.importSession(session.span)
    #expect(try shakeHands(&strict, server) == nil)
    let isEstablished = strict.isEstablished
    #expect(!isEstablished)
  }

  @Test func `a name that stands for many is none`() throws {
    let issued = try IssuedCertificate(names: ["a.platform.test"])
    for name in [".platform.test", "", "a b"] {
      #expect(throws: DTLSConfigurationError.serverName) {
        _ = try DTLSSecurity(
          serverName: Array(name.utf8).span,
          authorities: issued.authority.span
        )
      }
    }
  }

  @Test(arguments: [4, 12])
  func `a device's long chain of certificates goes out in datagrams that fit its buffer`(
    count: Int
  ) throws {
    let issued = try IssuedCertificate(names: ["localhost"])
    let server = try LegacyServer(issued, asksForCertificate: true)
    var chain = issued.certificate
    for _ in 1..<count { chain += issued.authority }
    var settings = DTLSSettings()
    settings.clock = .virtual
    settings.allowsLegacySuites = true
    settings.linkMTU = 9_000
    var device = try DTLSSecurity(
      serverName: Array("localhost".utf8).span,
      authorities: issued.authority.span,
      certificate: chain.span,
      key: issued.key.span,
      settings: settings
    )
    // The server has the whole flight: it says that the certificate is not a client's.
    _ = try shakeHands(&device, server)
    #expect(server.connection.state != .handshaking)
  }
}
