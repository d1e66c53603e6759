// SPDX-License-Identifier: Apache-2.0
import Foundation
import GatewayAgent
import MQTTPeers
import TestSupport
import Testing

@Suite("What people write into the files of the gateway's agent")
struct GatewayConfigurationTests {
  /// `--check` of a configuration that is good, with these lines.
  private func check(_ lines: [String], without: String = "nothing") throws -> Program {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-gateway-conf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let secret = folder.appending(path: "secret.txt")
    try writeSecret("secret\n", to: secret)
    try Data(MQTTCertificates.text("ca.pem")).write(to: folder.appending(path: "ca.pem"))
    let file = folder.appending(path: "gateway.conf")
    let good = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "device-secret-file = \(secret.path)",
      "state-directory = \(folder.path)/state", "ca-file = \(folder.path)/ca.pem",
    ].filter { !$0.hasPrefix(without) }
    try Data((good + lines + [""]).joined(separator: "\n").utf8).write(to: file)
    let agent = try Program("nbiot-gateway", ["--check", "--config", file.path])
    agent.endInput()
    agent.wait()
    return agent
  }

  @Test(arguments: [
    (["authentication = token"], ":6: authentication takes sign|https"),
    (["auth-endpoint = h:1"], ":6: auth-endpoint needs authentication"),
    (
      ["authentication = sign", "auth-endpoint = h:1"],
      ":7: auth-endpoint needs authentication"
    ),
    (
      ["authentication = https", "auth-endpoint = http://h"],
      ":7: auth-endpoint: the scheme is not https"
    ),
    (["authentication = https", "auth-endpoint = https://"], ":7: auth-endpoint: no host"),
    (["authentication = https", "auth-endpoint = h:0"], ":7: auth-endpoint: a port is 1 to 65535"),
    (
      ["authentication = https", "auth-endpoint = h_ä"],
      ":7: auth-endpoint: neither a name nor an address"
    ),
    (
      ["authentication = https", "tls = no"],
      ":6: authentication: a token goes over TLS alone"
    ),
    (["fetch-configuration = yes"], ":6: fetch-configuration needs on-configuration"),
    (["configuration-time = 10"], ":6: configuration-time needs on-configuration"),
    (["configuration-limit = 1024"], ":6: configuration-limit needs on-configuration"),
    (
      ["on-configuration = /bin/true", "configuration-limit = 1023"],
      ":7: configuration-limit takes 1024 to 268435456 bytes"
    ),
    (
      ["on-configuration = /bin/true", "configuration-time = 0"],
      ":7: configuration-time takes 1 to 86400 s"
    ),
    (
      ["on-configuration = /bin/true", "fetch-configuration = maybe"],
      ":7: fetch-configuration takes no|yes"
    ),
    (["on-configuration = /nowhere/it"], ":6: on-configuration: no file that can be run"),
    (["keep-alive = 29"], ":6: keep-alive takes 30 to 1200 s"),
    (["on-request = /nowhere/it"], ":6: on-request: no file that can be run"),
    (["timing = nbIoT"], ":6: timing belongs to nbiot-agent, the agent over CoAP: take it out"),
    (
      ["payload-limit = 1024"],
      ":6: payload-limit belongs to nbiot-agent-https, the agent over HTTPS: take it out"
    ),
    (["authentification = https"], ":6: unknown key authentification"),
  ])
  func `a wrong line is refused with its number and the reason`(
    lines: [String],
    complaint: String
  ) throws {
    let agent = try check(lines)
    #expect(agent.status == 2 && agent.log.contains(complaint), "\(agent.log)")
  }

  @Test(arguments: [
    [], ["authentication = sign"], ["authentication = https"],
    ["authentication = https", "auth-endpoint = [::1]:8443", "websocket = yes"],
    ["authentication = https", "auth-endpoint = HTTPS://h/", "sign-method = hmacmd5"],
    ["on-configuration = /bin/true", "fetch-configuration = yes", "configuration-limit = 1024"],
    ["endpoint = wss://h:8443/", "on-request = /bin/true", "desired = a,b"],
  ])
  func `a good file is good`(lines: [String]) throws {
    let agent = try check(lines)
    #expect(agent.status == 0 && agent.log == "", "\(agent.log)")
    #expect(agent.output == "the configuration is good\n")
  }

  @Test(arguments: [["authentication = https"], ["on-configuration = /bin/true", "tls = no"]])
  func `what goes over HTTPS needs authorities`(lines: [String]) throws {
    let agent = try check(lines, without: "ca-file")
    #expect(agent.status == 2 && agent.log.hasSuffix(": missing: ca-file\n"), "\(agent.log)")
  }

  @Test func `the example of the package names every key, and is good`() throws {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-gateway-conf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let secret = folder.appending(path: "secret.txt").path
    try writeSecret("secret\n", to: URL(filePath: secret))
    let authorities = folder.appending(path: "ca.pem").path
    try Data(MQTTCertificates.text("ca.pem")).write(to: URL(filePath: authorities))
    let model = folder.appending(path: "model.json").path
    try Data("{}".utf8).write(to: URL(filePath: model))
    let sub = folder.appending(path: "sub.secret").path
    try writeSecret("secret\n", to: URL(filePath: sub))
    let list = folder.appending(path: "list.csv").path
    try Data("a1subsubsub,meter2,sub.secret\n".utf8).write(to: URL(filePath: list))
    let example = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../packaging/nbiot-gateway.conf")
    var text = try String(contentsOf: example, encoding: .utf8)
    // With every key uncommented, the paths those of the test.
    text = text.replacing(/(?m)^#(?=[a-z-]+ = )/, with: "")
    for (path, own) in [
      ("/etc/nbiot-gateway/secret", secret), ("/etc/nbiot-gateway/root.pem", authorities),
      ("/etc/nbiot-gateway/model.json", model), ("/usr/lib/nbiot-gateway/request", "/bin/true"),
      ("/usr/lib/nbiot-gateway/configuration", "/bin/true"),
      ("/etc/nbiot-gateway/meter1.secret", sub),
      ("/etc/nbiot-gateway/sub-devices", list),
      ("/run/nbiot-gateway/reports", folder.path + "/reports"),
      ("socket-group = nbiot", "socket-group = \(getegid())"),
      // An address for HTTPS is for a configuration that wants one.
      ("authentication = sign", "authentication = https"),
      ("mqtt://", "mqtts://"),
    ] {
      text = text.replacing(path, with: own)
    }
    let file = folder.appending(path: "gateway.conf")
    try Data(text.utf8).write(to: file)
    let agent = try Program("nbiot-gateway", ["--check", "--config", file.path])
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0 && agent.log == "", "\(agent.log)")
    let keys = text.matches(of: #/(?m)^([a-z-]+) = /#).map { String($0.1) }
    #expect(Set(keys) == Set(ConfigurationKey.allNames) && keys.count == Set(keys).count)
  }
}
