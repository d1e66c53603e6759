// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Testing

@Suite("Associations that end (RFC 5246 Section 7.2.1)", .timeLimit(.minutes(15)))
struct ClosureTests {
  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `libcoap's server says goodbye when it is stopped, and is found again`(
    _ kind: DTLSServer.Kind
  ) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("good")) { server in
      let client = try SecureClient(port: server.port, SecureDevice.certificate())
      #expect(try Dissection(client.exchange(SecureDevice.report))?.code == "2.01")
      #expect(try client.event() == .established(isResumed: false))
      server.stop()
      #expect(try client.event() == .closed)
      try server.reboot()
      #expect(try Dissection(client.exchange(SecureDevice.report))?.code == "2.01")
      #expect(try client.event() == .established(isResumed: false))
    }
  }

  /// Neither server takes a hello from a port that it has an association with, but after a goodbye.
  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `a device that comes back from the same port is let in again`(
    _ kind: DTLSServer.Kind
  ) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("good")) { server in
      let settings = SecureDevice.settings(timeout: 500) { $0.idleLimit = Milliseconds(300) }
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      #expect(try Dissection(client.exchange(SecureDevice.report))?.code == "2.01")
      #expect(try client.event() == .established(isResumed: false))
      for number in 1...3 {
        try client.run(for: 400)
        #expect(client.isEstablished)
        let count = client.sent.count
        #expect(try Dissection(client.exchange(SecureDevice.report))?.code == "2.04")
        let isResumed = kind == .libcoapOpenSSL
        #expect(try client.event() == .established(isResumed: isResumed))
        let first = Array(Records(client.sent[count])).map(\.type)
        #expect(first == [number < 3 ? 22 : 21], "twice is enough to know that it needs a goodbye")
      }
    }
  }

  @Test(arguments: DTLSServer.Kind.libcoaps)
  func `a device that sleeps and comes back from another port is let in again`(
    _ kind: DTLSServer.Kind
  ) async throws {
    try await withServer(kind, DTLSServer.libcoapCertificate("good")) { server in
      for number in 1...3 {
        let client = try SecureClient(port: server.port, SecureDevice.certificate())
        let answer = try Dissection(client.exchange(SecureDevice.report))
        #expect(answer?.code == (number == 1 ? "2.01" : "2.04"))
      }
    }
  }

  @Test func `a server that was started again without a goodbye is found after silence`()
    async throws
  {
    try await withServer(.openSSL, DTLSServer.certificate("good")) { server in
      let settings = SecureDevice.settings { $0.silenceLimit = 2 }
      let client = try SecureClient(port: server.port, SecureDevice.certificate(settings))
      try client.send(SecureDevice.report)
      #expect(try client.event() == .established(isResumed: false))
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
      try server.reboot()
      try client.send(SecureDevice.report)
      try client.run(for: 50)
      #expect(client.isEstablished, "one message without an answer proves nothing")
      try client.send(SecureDevice.report)
      #expect(try client.event() == .established(isResumed: false))
      #expect(try server.received(SecureDevice.report.count, client) == SecureDevice.report)
    }
  }
}
