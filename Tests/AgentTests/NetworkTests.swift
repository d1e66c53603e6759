// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import Foundation
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import ReportLink
import SecurityLayer
import TestSupport
import Testing

@testable import Agent

@Suite("An agent whose platform has a name, and networks as they are")
struct NetworkTests {
  /// A folder for a platform that is called `name`, over DTLS with a pre-shared key where asked for.
  private func folder(_ name: String, _ port: UInt16, isDTLS: Bool = false) throws -> AgentFolder {
    let folder = try AgentFolder(port: port)
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    let security = isDTLS ? "security = dtls\ndtls-key = psk\n" : ""
    try Data(
      (lines.replacing("127.0.0.1:\(port)", with: "\(name):\(port)") + "retry = 1\n" + security)
        .utf8
    ).write(to: folder.configuration)
    return folder
  }

  @Test(arguments: [false, true])
  func `where the first address refuses, the next one is tried at once`(isDTLS: Bool) async throws {
    let platform = try await Platform { $0.protection = isDTLS ? .dtls : .symmetric }
    let folder = try folder("two", platform.port, isDTLS: isDTLS)
    defer { folder.remove() }
    let names = ["two": ["127.0.0.2", "127.0.0.1"]]
    let agent = try folder.run(
      input: "1\n2\n",
      environment: try Surroundings(in: folder.url).environment(names)
    )
    #expect(agent.status == 0, "\(agent.log)")
    #expect(agent.lines.count { $0.hasPrefix("delivered") } == 2)
    // Once: the good one is kept.
    #expect(agent.log.components(separatedBy: "no-link reason=port-unreachable").count == 2)
    // With the channel, where there is one.
    #expect(platform.records.count == (isDTLS ? 4 : 3))
    try await platform.close()
  }

  @Test func `no address that refuses is asked again at once`() throws {
    let folder = try folder("two", closedPort)
    defer { folder.remove() }
    let names = ["two": ["127.0.0.2", "127.0.0.1"]]
    let agent = try folder.run(
      input: "1\n",
      environment: try Surroundings(in: folder.url).environment(names)
    )
    #expect(agent.status == 4)
    #expect(agent.log.components(separatedBy: "no-link reason=port-unreachable").count == 3)
  }

  @Test func `while a name is looked up, lines are taken and SIGTERM ends it`() throws {
    let folder = try folder("silent", 5_683)
    defer { folder.remove() }
    let agent = folder.agent(
      environment: try Surroundings(in: folder.url).environment(["silent": []])
    )
    try agent.start()
    for number in 1...3 {
      agent.write("\(number)\n")
      #expect(agent.wait { $0.lines.contains("accepted \(number)") })
    }
    agent.signal(SIGTERM)
    // The lookup itself would go on for ever.
    try #require(agent.wait { !$0.process.isRunning })
    agent.wait()
    #expect(agent.status == 0)
    #expect(agent.process.terminationReason == .exit)
  }

  @Test func `a name that nobody knows is said so, and SIGTERM ends it with 0 all the same`() throws
  {
    let folder = try folder("no.such.host.invalid", 5_683)
    defer { folder.remove() }
    let agent = folder.agent(environment: ["RES_OPTIONS": "timeout:1 attempts:1"])
    try agent.start()
    agent.write("1\n")
    #expect(agent.wait { $0.log.contains("no-link reason=unknown-host") })
    agent.signal(SIGTERM)
    agent.wait()
    #expect(agent.status == 0)
  }

  @Test func `the platform's certificate is refused with its reason`() async throws {
    let good = try IssuedCertificate(names: ["127.0.0.1"])
    let other = try IssuedCertificate(names: ["other.example"])
    let platform = try await Platform { configuration in
      configuration.protection = .dtls
      configuration.dtls.certificate = good.certificate
      configuration.dtls.key = good.key
    }
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let authorities = folder.url.appending(path: "ca.pem")
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    for (pem, name, reason) in [
      (other.authority, "127.0.0.1", "unknown-authority"),
      (good.authority, "other.example", "wrong-name"),
    ] {
      try Data(pem).write(to: authorities)
      try Data(
        (lines + "security = dtls\nca-file = \(authorities.path)\nserver-name = \(name)\n").utf8
      )
      .write(to: folder.configuration)
      let agent = try folder.run(input: "1\n")
      #expect(agent.status == 3)
      #expect(agent.log.contains("warning authentication-failed reason=\(reason)\n"))
    }
    // The clock is behind: the certificate is good from yesterday on.
    try Data(
      (lines + "security = dtls\nca-file = \(authorities.path)\nserver-name = 127.0.0.1.\n").utf8
    )
    .write(to: folder.configuration)
    let surroundings = try Surroundings(in: folder.url)
    try surroundings.setClock(wrongBy: -3 * 86_400)
    let agent = try folder.run(input: "1\n", environment: surroundings.environment())
    #expect(agent.status == 3)
    #expect(
      agent.log.contains("authentication-failed reason=not-yet-valid (or the clock is wrong)\n")
    )
    try await platform.close()
  }

  @Test func `silence during a handshake is silence`() {
    #expect(AuthenticationFailure.handshake(.noAnswer).isRefusal == false)
    #expect(HandshakeFailure.noAnswer.phrase == .timedOut)
    #expect(AuthenticationFailure.handshake(.unknownIdentity).isRefusal)
  }
}
