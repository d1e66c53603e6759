// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "nbiot-agent-mqtt and a server that cannot prove itself (RFC 9525)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(15))
)
struct UntrustedServerTests {
  private func run(_ lines: [String], port: UInt16) throws -> Program {
    let authorities = try MQTTCertificates.directory().appending(path: "ca.pem").path
    let device = try LonelyDevice(port: port, ["ca-file = \(authorities)"] + lines)
    let agent = try device.agent(["--once"])
    agent.write("{\"value\":1}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.lines == ["accepted 1"])
    return agent
  }

  @Test(
    arguments: [
      ("foreign", "unknown-authority"), ("misnamed", "wrong-name"), ("expired", "expired"),
      ("future", "not-yet-valid"),
    ],
    ["no", "yes"]
  )
  func `with --once it ends with 3, as over DTLS`(
    row: (certificate: String, reason: String),
    isWebSocket: String
  ) throws {
    let broker = try Mosquitto(certificate: row.certificate)
    let port = isWebSocket == "yes" ? broker.ports.secureWebSocket : broker.ports.tls
    let agent = try run(["websocket = \(isWebSocket)"], port: port)
    #expect(agent.log.contains("warning no-link reason=\(row.reason)"), "\(agent.log)")
    #expect(agent.status == 3, "\(agent.log)")
  }

  @Test func `with --once it ends with 4 where nobody listens`() throws {
    let agent = try run([], port: 1)
    #expect(agent.log.contains("warning no-link reason=unreachable"), "\(agent.log)")
    #expect(agent.status == 4, "\(agent.log)")
  }
}
