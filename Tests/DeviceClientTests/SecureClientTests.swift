// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import DeviceClient
import OpenSSLSupport
import Platform
import PlatformCore
import PlatformSimulator
import ReportLink
import SecurityLayer
import TestSupport
import Testing
import UDPTransport

@Suite("The async client over DTLS and real UDP")
struct SecureClientTests {
  static let topic = DeviceClientTests.topic

  struct Server {
    var simulator = SimulatorConfiguration()
    let issued: IssuedCertificate

    init() throws {
      issued = try IssuedCertificate(names: ["127.0.0.1"])
      simulator.devices = [
        SimulatedDevice(
          productKey: "a1B2c3D4e5F",
          deviceName: "device1",
          secret: DeviceClientTests.secret
        )
      ]
      simulator.protection = .dtls
      simulator.dtls.certificate = issued.certificate
      simulator.dtls.key = issued.key
    }

    /// A client of the server's; one that is not patient is for tests in which datagrams are lost.
    ///
    /// Three transmissions without an answer, and a hello without one, cost an association. With a timeout of
    /// 1.5 s a server that a busy machine holds up for more than ten seconds loses one so, and the device makes
    /// another, as it should.
    func client(port: Int, isPatient: Bool = false) -> DeviceClientConfiguration {
      var configuration = DeviceClientConfiguration(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        host: "127.0.0.1",
        port: UInt16(port)
      )
      configuration.security = .certificate(PlatformTrust(authorities: issued.authority))
      configuration.settings.timing = TransmissionParameters(
        acknowledgementTimeout: Milliseconds(isPatient ? 30_000 : 1_500),
        maxRetransmit: 4
      )
      if isPatient { configuration.dtls.idleLimit = nil }
      return configuration
    }
  }

  @Test func `twenty reports at once come one after the other over one association`()
    async throws
  {
    let server = try Server()
    let records = Records()
    let running = try await SimulatorServer.start(server.simulator) { records.add($0) }
    let client = try DeviceClient(
      server.client(port: running.port, isPatient: true),
      secret: DeviceClientTests.secret
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<20 {
        group.addTask { _ = try await client.publish(Array("\(number)".utf8), to: Self.topic) }
      }
      try await group.waitForAll()
    }
    #expect(records.all.count { $0.isAcceptedReport } == 20)
    #expect(client.counters.handshakes == 1)
    await client.close()
    try await running.close()
  }

  @Test func `the server is restarted on its port: the next report is delivered`() async throws {
    let server = try Server()
    let records = Records()
    var running = try await SimulatorServer.start(server.simulator) { records.add($0) }
    let port = running.port
    let client = try DeviceClient(server.client(port: port), secret: DeviceClientTests.secret)
    _ = try await client.publish(Array("a".utf8), to: Self.topic)
    try await running.close()
    running = try await SimulatorServer.start(server.simulator, port: port) { records.add($0) }
    _ = try await client.publish(Array("b".utf8), to: Self.topic)
    #expect(records.all.filter(\.isAcceptedReport).map(\.payload) == [[0x61], [0x62]])
    #expect(client.counters.handshakes == 2)
    await client.close()
    try await running.close()
  }

  @Test func `NAT gives the device another port: delivered once, after one resumption`()
    async throws
  {
    let server = try Server()
    let records = Records()
    let running = try await SimulatorServer.start(server.simulator) { records.add($0) }
    let relay = try DatagramRelay(to: UInt16(running.port), ports: .shared)
    let client = try DeviceClient(
      server.client(port: Int(relay.port)),
      secret: DeviceClientTests.secret
    )
    for text in ["a", "b", "c"] {
      _ = try await client.publish(Array(text.utf8), to: Self.topic)
      if text == "b" { relay.forget() }
    }
    #expect(
      records.all.filter(\.isAcceptedReport).map(\.payload)
        == ["a", "b", "c"].map { Array($0.utf8) }
    )
    #expect(client.counters.handshakes == 2)
    #expect(client.counters.resumptions == 1)
    #expect(client.counters.authentications == 1)
    await client.close()
    relay.stop()
    try await running.close()
  }

  @Test func `an exported session is resumed by the next client, a foreign one is passed over`()
    async throws
  {
    let server = try Server()
    let running = try await SimulatorServer.start(server.simulator) { _ in }
    var configuration = server.client(port: running.port, isPatient: true)
    let first = try DeviceClient(configuration, secret: DeviceClientTests.secret)
    #expect(first.exportSession() == nil)
    try await first.connect()
    configuration.dtlsSession = first.exportSession()
    #expect(configuration.dtlsSession != nil)
    await first.close()
    let second = try DeviceClient(configuration, secret: DeviceClientTests.secret)
    try await second.connect()
    #expect(second.counters.resumptions == 1)
    await second.close()
    configuration.security = .preSharedKey()
    let third = try DeviceClient(configuration, secret: DeviceClientTests.secret)
    try await third.connect()
    #expect(third.counters.handshakes == 1)
    #expect(third.counters.resumptions == 0)
    await third.close()
    try await running.close()
  }

  @Test func `an unknown authority is an error of its own, and nothing of the report is sent`()
    async throws
  {
    let server = try Server()
    let records = Records()
    let running = try await SimulatorServer.start(server.simulator) { records.add($0) }
    var configuration = server.client(port: running.port)
    let other = try IssuedCertificate(names: ["127.0.0.1"])
    configuration.security = .certificate(PlatformTrust(authorities: other.authority))
    let client = try DeviceClient(configuration, secret: DeviceClientTests.secret)
    do {
      _ = try await client.publish([1], to: Self.topic)
      Issue.record("published to a server that nobody vouches for")
    } catch DeviceClientError.authentication(.handshake(let failure), _) {
      #expect(failure == .unknownAuthority)
    }
    #expect(records.all.allSatisfy { $0.kind == .association })
    await client.close()
    try await running.close()
  }

  @Test func `what cannot be a trust or a name is refused before anything is sent`() throws {
    let server = try Server()
    var configuration = server.client(port: 1)
    configuration.security = .certificate(PlatformTrust(authorities: []))
    #expect {
      try DeviceClient(configuration, secret: DeviceClientTests.secret)
    } throws: { error in
      guard case DeviceClientError.dtls(.authorities) = error else { return false }
      return true
    }
    configuration.security = .certificate(
      PlatformTrust(authorities: server.issued.authority, serverName: "a b")
    )
    #expect {
      try DeviceClient(configuration, secret: DeviceClientTests.secret)
    } throws: { error in
      guard case DeviceClientError.dtls(.serverName) = error else { return false }
      return true
    }
  }
}
