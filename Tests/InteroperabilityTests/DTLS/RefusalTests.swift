// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import Foundation
import SecurityLayer
import TestSupport
import Testing

/// What a server may be that the device does not talk to.
struct Refusal: Sendable, CustomTestStringConvertible {
  let testDescription: String
  var serverName = "localhost"
  var options: @Sendable () throws -> [String]
  let failure: HandshakeFailure

  init(
    _ description: String,
    _ failure: HandshakeFailure,
    _ options: @escaping @Sendable () throws -> [String]
  ) {
    testDescription = description
    self.failure = failure
    self.options = options
  }

  /// A server with a certificate that is not good, under any security level of its own.
  static func certificate(
    _ description: String,
    _ name: String,
    _ failure: HandshakeFailure
  ) -> Refusal {
    Refusal(description, failure) {
      try DTLSServer.certificate(name, "-cipher", "DEFAULT@SECLEVEL=0")
    }
  }

  /// A server that knows DTLS 1.0 alone.
  static func oldServer() throws -> [String] {
    try ["-dtls1", "-cipher", "DEFAULT@SECLEVEL=0"]
      + DTLSServer.certificate("rsa").filter { $0 != "-dtls1_2" }
  }

  static let all: [Refusal] = [
    .certificate("an unknown authority", "foreign", .unknownAuthority),
    .certificate("another host's name", "misnamed", .wrongName),
    .certificate("expired", "expired", .expired),
    .certificate("not yet valid", "future", .notYetValid),
    .certificate("an authority that is none", "ofNobody", .invalidAuthority),
    .certificate("a signature with SHA-1 in the chain", "ofWeak", .weakSignature),
    .certificate("an RSA key of 1,024 bits", "small", .weakKey),
    .certificate("not for servers", "purpose", .wrongPurpose),
    // Of what is offered DTLS 1.0 has nothing: the server's alert says that, not the version.
    Refusal("DTLS 1.0 alone", .oldVersion) { try oldServer() },
    Refusal("static RSA alone", .nothingInCommon) {
      try DTLSServer.certificate("rsa", "-cipher", "AES128-SHA:AES128-SHA256:AES256-SHA")
    },
  ]
}

@Suite("Servers that a device refuses", .timeLimit(.minutes(15)))
struct RefusalTests {
  /// 300 ms, then 600.
  static let brief = SecureDevice.settings(timeout: 300, limit: 1)

  /// That nothing of the report has left the device.
  func expectSilence(_ client: SecureClient) {
    #expect(client.sent.count > 0)
    for datagram in client.sent {
      #expect(!Records(datagram).contains { $0.type == 23 }, "no message")
      for part in [Array(SecureDevice.reading.prefix(8)), Array("report".utf8)] {
        #expect(!datagram.contains(part), "nothing that can be read")
      }
    }
  }

  /// Tries to send a report, and says why it did not work.
  func failure(_ client: SecureClient) throws -> HandshakeFailure {
    try client.send(SecureDevice.report)
    let event = try client.event()
    // Whatever the layer still has to say, it says it.
    try client.run(for: 50)
    expectSilence(client)
    guard case .failed(let failure) = event else {
      throw SecureClient.Timeout(description: "\(event):\n\(client.trace)")
    }
    return failure
  }

  @Test(arguments: Refusal.all)
  func `a server that is not good gets nothing`(_ refusal: Refusal) async throws {
    try await withServer(.openSSL, refusal.options()) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate(Self.brief))
      #expect(try failure(client) == refusal.failure, "\(client.trace)")
    }
  }

  @Test(arguments: [("nameless", "localhost"), ("wildcard", "a.wild.test")])
  func `a common name is no name, unless it is asked for (RFC 9525 Section 6.3)`(
    _ certificate: String,
    _ name: String
  ) async throws {
    for isAllowed in [false, true] {
      try await withServer(.openSSL, DTLSServer.certificate(certificate, "-listen")) { server in
        var settings = Self.brief
        settings.allowsCommonName = isAllowed
        let client = try SecureClient(
          port: server.port,
          SecureDevice.certificate(serverName: name, settings)
        )
        if isAllowed {
          try client.send(SecureDevice.report)
          #expect(try client.event() == .established(isResumed: false))
        } else {
          #expect(try failure(client) == .wrongName)
        }
      }
    }
  }

  @Test func `a server's name may be absolute (RFC 6066 Section 3)`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good", "-listen")) { server in
      let client = try SecureClient(
        port: server.port,
        SecureDevice.certificate(serverName: "localhost.")
      )
      try client.send(SecureDevice.report)
      #expect(try client.event() == .established(isResumed: false))
      // The hello names the server without the dot.
      let hello = try #require(client.sent.first)
      #expect(hello.contains(Array("localhost".utf8)))
      #expect(!hello.contains(Array("localhost.".utf8)))
    }
  }

  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `libcoap's server with another authority's certificate gets nothing`(
    _ kind: DTLSServer.Kind
  ) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("foreign")) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate(Self.brief))
      #expect(try failure(client) == .unknownAuthority)
    }
  }

  @Test func `a server by another name than its certificate's gets nothing`() async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      for name in ["example.org", "127.0.0.2", "localhost.example", "ocalhost"] {
        let client = try SecureClient(
          port: server.port,
          SecureDevice.certificate(serverName: name, Self.brief)
        )
        #expect(try failure(client) == .wrongName)
      }
    }
  }

  @Test func `a server with static RSA alone is spoken to where legacy suites are allowed`()
    async throws
  {
    let options = try DTLSServer.certificate("rsa", "-cipher", "AES128-SHA@SECLEVEL=0")
    try await withServer(.openSSL, options) { server in
      let settings = SecureDevice.settings { $0.allowsLegacySuites = true }
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      try client.send(SecureDevice.report)
      #expect(try client.event() == .established(isResumed: false))
      #expect(client.suite == "AES128-SHA")
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
    }
  }

  @Test func `a server with CBC alone is spoken to where legacy suites are allowed`() async throws {
    for suite in ["PSK-AES128-CBC-SHA256", "PSK-AES128-CBC-SHA"] {
      let options = DTLSServer.preSharedKey(
        SecureDevice.keyDigits,
        "-cipher",
        "\(suite)@SECLEVEL=0"
      )
      try await withServer(.openSSL, options) { server in
        let refusing = try SecureClient(port: server.port, SecureDevice.preSharedKey(Self.brief))
        #expect(try failure(refusing) == .nothingInCommon)
        let settings = SecureDevice.settings { $0.allowsLegacySuites = true }
        let client = try SecureClient(port: server.port, SecureDevice.preSharedKey(settings))
        try client.send(SecureDevice.report)
        #expect(try client.event() == .established(isResumed: false))
        #expect(client.suite == suite)
        #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
      }
    }
  }

  @Test(arguments: DTLSServer.Kind.allCases)
  func `a server with another pre-shared key gets nothing`(_ kind: DTLSServer.Kind) async throws {
    let options =
      kind == .openSSL
      ? DTLSServer.preSharedKey(SecureDevice.keyDigits) : ["-k", SecureDevice.key, "-h", "hint"]
    try await withServer(kind, options) { server in
      let device = try SecureDevice.preSharedKey(key: "fedcba9876543210", Self.brief)
      let client = try SecureClient(port: server.port, device)
      // All of them drop the Finished that they cannot read, without an alert.
      #expect(try failure(client) == .unconfirmed)
    }
  }

  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `a server that does not know the identity gets nothing`(
    _ kind: DTLSServer.Kind
  ) async throws {
    let list = try Certificates.directory().appending(path: "identities")
    try "hint,\(SecureDevice.identity),\(SecureDevice.key)\n".write(
      to: list,
      atomically: true,
      encoding: .utf8
    )
    try await withServer(kind, ["-k", "unlike", "-h", "hint", "-i", list.path]) { server in
      let known = try SecureClient(port: server.port, SecureDevice.preSharedKey())
      try known.send(SecureDevice.report)
      #expect(try known.event() == .established(isResumed: false))
      let device = try SecureDevice.preSharedKey(identity: "device-0002", Self.brief)
      let client = try SecureClient(port: server.port, device)
      // libcoap takes another key for it, so that nobody finds out which identities there are.
      #expect(try failure(client) == .unconfirmed)
    }
  }

  @Test func `a server that says that it does not know the identity is believed`() async throws {
    // s_server knows no key for anybody.
    try await withServer(.openSSL, DTLSServer.preSharedKey("")) { server in
      let client = try SecureClient(port: server.port, SecureDevice.preSharedKey(Self.brief))
      #expect(try failure(client) == .unknownIdentity, "\(client.trace)")
    }
  }

  @Test func `a server that knows DTLS 1.0 alone is refused where it could be spoken to`()
    async throws
  {
    try await withServer(.openSSL, Refusal.oldServer()) { server in
      let settings = SecureDevice.settings(timeout: 300, limit: 1) { $0.allowsLegacySuites = true }
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      #expect(try failure(client) == .oldVersion)
    }
  }

  @Test func `a server that demands a certificate does not talk to a device without a good one`()
    async throws
  {
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
      // RFC 5246 Section 7.4.6: handshake_failure to who has none, unknown_ca to who has a stranger's.
      let without = try SecureClient(port: server.port, SecureDevice.certificate(Self.brief))
      #expect(try failure(without) == .certificateWanted)
      let stranger = try SecureDevice.mutual("foreign", Self.brief)
      let foreign = try SecureClient(port: server.port, stranger)
      #expect(try failure(foreign) == .alert(48))
      let good = try SecureClient(port: server.port, SecureDevice.mutual("device"))
      try good.send(SecureDevice.report)
      #expect(try good.event() == .established(isResumed: false))
    }
  }

  @Test func `a server that is not there is said to be silent`() async throws {
    try await onThread {
      let port = try BoundSocket().port
      let client = try SecureClient(port: port, SecureDevice.certificate(Self.brief))
      #expect(try failure(client) == .noAnswer)
      #expect(client.sent.count == 2)
    }
  }

  /// A fatal alert in the clear: handshake_failure (RFC 5246 Section 7.2).
  static let forgedAlert: [UInt8] = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]

  @Test(arguments: [0, 1, 2])
  func `an alert that anybody can forge does not stop a handshake`(_ number: Int) async throws {
    try await withServer(.openSSL, DTLSServer.certificate("good", "-listen")) { server in
      let relay = try DatagramRelay(to: server.port) { next, _ in
        next.direction == .up && next.number == number ? .passesAfter(Self.forgedAlert) : .passes
      }
      defer { relay.stop() }
      let client = try SecureClient(port: relay.port, SecureDevice.certificate())
      try client.send(SecureDevice.report)
      #expect(try client.event() == .established(isResumed: false))
      #expect(client.datagrams.contains { $0.bytes == Self.forgedAlert })
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
      #expect(relay.count(.up) == 4, "no flight was sent twice")
    }
  }

  @Test func `a server's third alert is believed, and no flight is sent again`() async throws {
    let options = try DTLSServer.certificate("rsa", "-cipher", "AES128-SHA")
    try await withServer(.openSSL, options) { server in
      let settings = SecureDevice.settings(timeout: 1_000, limit: 3)
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      let start = client.now
      #expect(try failure(client) == .nothingInCommon)
      // After one timeout each, the third time when the first flight would be sent for the third time.
      #expect((client.now - start).count >= 4_000)
      #expect((client.now - start).count < 10_000)
      // Two hellos each, the second one with the cookie.
      #expect(client.sent.count == 6, "\(client.trace)")
    }
  }

  @Test func `who has refused is asked again later, and then trusted when it is good`()
    async throws
  {
    let bad = try DTLSServer.certificate("expired")
    try await withServer(.openSSL, bad) { server in
      let settings = SecureDevice.settings(timeout: 1_000)
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      #expect(try failure(client) == .expired)
      let count = client.sent.count
      try client.send(SecureDevice.report)
      #expect(client.sent.count == count, "not at once")
      try server.reboot(options: DTLSServer.certificate("good"))
      #expect(try client.event() == .established(isResumed: false))
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
    }
  }
}

extension Array where Element == UInt8 {
  /// Whether the bytes stand in it, one behind the other.
  func contains(_ part: [UInt8]) -> Bool {
    guard count >= part.count else { return false }
    return (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
  }
}
