// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTAgent
import MQTTPeers
import TestSupport
import Testing

@Suite("What people write into the files of the agent over MQTT")
struct MQTTConfigurationTests {
  /// `--check` of a configuration that is good, with these lines.
  ///
  /// `authority` is what its CA file holds, one that is good by default.
  private func check(
    _ lines: [String],
    without: String = "nothing",
    authority: String? = nil
  ) throws -> Program {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-mqtt-conf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let secret = folder.appending(path: "secret.txt")
    try writeSecret("secret\n", to: secret)
    let authority =
      try authority ?? String(decoding: MQTTCertificates.text("ca.pem"), as: UTF8.self)
    try Data(authority.utf8).write(to: folder.appending(path: "ca.pem"))
    let file = folder.appending(path: "agent.conf")
    let good = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "device-secret-file = \(secret.path)",
      "state-directory = \(folder.path)/state", "ca-file = \(folder.path)/ca.pem",
    ].filter { !$0.hasPrefix(without) }
    let text = (good + lines + [""]).joined(separator: "\n")
    try Data(text.replacing("SECRET", with: secret.path).utf8).write(to: file)
    let agent = try Program("nbiot-agent-mqtt", ["--check", "--config", file.path])
    agent.endInput()
    agent.wait()
    return agent
  }

  @Test(arguments: [
    ("keep-alive = 29", ":6: keep-alive takes 30 to 1200 s"),
    ("keep-alive = 1201", ":6: keep-alive takes 30 to 1200 s"),
    ("keep-alive = five", ":6: keep-alive takes 30 to 1200 s"),
    ("in-flight = 0", ":6: in-flight takes 1 to 16"),
    ("in-flight = 17", ":6: in-flight takes 1 to 16"),
    ("transport = coap", ":6: transport takes mqtt"),
    ("websocket = maybe", ":6: websocket takes no|yes"), ("tls = 1", ":6: tls takes yes|no"),
    ("clean-session = 0", ":6: clean-session takes yes|no"),
    ("client-id = a|b", ":6: client-id takes 1 to 64 bytes without |"),
    (
      "client-id = \(String(repeating: "a", count: 65))",
      ":6: client-id takes 1 to 64 bytes without |"
    ),
    ("answer-time = 0", ":6: answer-time takes 1 to 3600 s"),
    ("endpoint = coap://h:1", ":6: endpoint: the scheme is none of mqtt, mqtts, ws and wss"),
    ("endpoint = http://h:1", ":6: endpoint: the scheme is none of mqtt, mqtts, ws and wss"),
    ("endpoint = mqtts://coap://h", ":6: endpoint: the scheme is none of mqtt, mqtts, ws and wss"),
    ("endpoint = mqtts://", ":6: endpoint: no host"), ("endpoint = :1883", ":6: endpoint: no host"),
    ("endpoint = wss://h/mqtt", ":6: endpoint: a path or a query"),
    ("endpoint = h:0", ":6: endpoint: a port is 1 to 65535"),
    ("endpoint = h:99999", ":6: endpoint: a port is 1 to 65535"),
    ("endpoint = h_ä", ":6: endpoint: neither a name nor an address"),
    ("endpoint = [h]:1", ":6: endpoint: no IPv6 address in brackets"),
    ("endpoint = mqtt://h\ntls = yes", ":6: endpoint: the scheme is not that of `tls`"),
    ("endpoint = mqtts://h\nwebsocket = yes", ":6: endpoint: the scheme is not that of `tls`"),
    ("websocket-path = mqtt", ":6: websocket-path takes a path from /"),
    ("on-request = /nowhere/it", ":6: on-request: no file that can be run"),
    ("desired = a b", ":6: desired takes names of properties"),
    ("thing-model = /dev/null", "/dev/null"), ("thing-model = /nowhere/it", "/nowhere/it"),
    ("thing-model = SECRET", ":6: thing-model takes a TSL file in JSON"),
    ("timing = nbIoT", ":6: timing belongs to nbiot-agent, the agent over CoAP: take it out"),
    ("security = dtls", ":6: security belongs to nbiot-agent, the agent over CoAP: take it out"),
    (
      "hint-command = /bin/true",
      ":6: hint-command belongs to nbiot-agent, the agent over CoAP: take it out"
    ),
    ("payload-limit = 4096", ":6: payload-limit belongs to nbiot-agent-https: take it out"),
    ("proxy = yes", ":6: proxy belongs to nbiot-agent-https: take it out"),
    ("timestamp = yes", ":6: timestamp belongs to nbiot-agent-https: take it out"),
    (
      "token-lifetime = 1",
      ":6: token-lifetime belongs to nbiot-agent, the agent over CoAP: take it out"
    ),
    ("authentication = https", ":6: authentication belongs to nbiot-gateway: take it out"),
    ("keepalive = 60", ":6: unknown key keepalive"),
  ])
  func `a wrong line is refused with its number and the reason`(
    line: String,
    complaint: String
  )
    throws
  {
    let agent = try check([line])
    #expect(agent.status == 2 && agent.log.contains(complaint), "\(agent.log)")
  }

  @Test(arguments: [
    [], ["transport = mqtt", "keep-alive = 30", "in-flight = 16", "clean-session = no"],
    ["websocket = yes", "websocket-path = /ws", "keep-alive = 1200"],
    ["endpoint = wss://h:8443/", "tls = yes"], ["endpoint = MQTTS://[::1]", "websocket = no"],
    ["endpoint = [::1]:8883", "on-request = /bin/true", "desired = a,b", "firmware-version = 1"],
  ])
  func `a good file is good`(lines: [String]) throws {
    let agent = try check(lines)
    #expect(agent.status == 0 && agent.log == "", "\(agent.log)")
    #expect(agent.output == "the configuration is good\n")
  }

  @Test func `the example of the package names every key, and is good`() throws {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-mqtt-conf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let secret = folder.appending(path: "secret.txt").path
    try writeSecret("secret\n", to: URL(filePath: secret))
    let authorities = folder.appending(path: "ca.pem").path
    try Data(MQTTCertificates.text("ca.pem")).write(to: URL(filePath: authorities))
    let model = folder.appending(path: "model.json").path
    try Data("{}".utf8).write(to: URL(filePath: model))
    let example = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../packaging/nbiot-agent-mqtt.conf")
    var text = try String(contentsOf: example, encoding: .utf8)
    // With every key uncommented, the paths those of the test.
    text = text.replacing(/(?m)^#(?=[a-z-]+ = )/, with: "")
    for (path, own) in [
      ("/etc/nbiot-agent/secret", secret), ("/etc/nbiot-agent/root.pem", authorities),
      ("/etc/nbiot-agent/model.json", model), ("/usr/lib/nbiot-agent/request", "/bin/true"),
      ("/run/nbiot-agent-mqtt/reports", folder.path + "/reports"),
      ("socket-group = nbiot", "socket-group = \(getegid())"),
    ] {
      text = text.replacing(path, with: own)
    }
    let file = folder.appending(path: "agent.conf")
    try Data(text.utf8).write(to: file)
    let agent = try Program("nbiot-agent-mqtt", ["--check", "--config", file.path])
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0 && agent.log == "", "\(agent.log)")
    let keys = text.matches(of: #/(?m)^([a-z-]+) = /#).map { String($0.1) }
    #expect(Set(keys) == Set(ConfigurationKey.allNames) && keys.count == Set(keys).count)
  }

  @Test func `without TLS it warns, and TLS needs authorities`() throws {
    let plain = try check(["tls = no"], without: "ca-file")
    #expect(plain.status == 0 && plain.log == "warning not-encrypted tls=no\n")
    let scheme = try check(["endpoint = mqtt://h"], without: "ca-file")
    #expect(scheme.status == 0 && scheme.log == "warning not-encrypted tls=no\n")
    let missing = try check([], without: "ca-file")
    #expect(missing.status == 2 && missing.log.hasSuffix(": missing: ca-file\n"))
  }

  /// A good certificate with what makes it none.
  private static let wrongAuthorities: [(name: String, change: @Sendable (String) -> String)] = [
    ("a text", { _ in "secret\n" }),
    ("no end", { String($0.prefix($0.count - 40)) }),
    ("another byte in it", { $0.replacing("\nMI", with: "\nMX") }),
    ("a second one that is cut", { $0 + String($0.prefix(200)) }),
    (
      "one that is encrypted",
      { $0.replacing("\nMI", with: "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMI") }
    ),
  ]

  @Test(arguments: 0..<5)
  func `a CA file without a readable certificate is refused`(index: Int) throws {
    let (name, change) = Self.wrongAuthorities[index]
    let good = String(decoding: try MQTTCertificates.text("ca.pem"), as: UTF8.self)
    let agent = try check([], authority: change(good))
    #expect(agent.status == 2, "\(name): \(agent.log)")
    #expect(agent.log.contains(":5: ca-file takes certificates in PEM"), "\(name): \(agent.log)")
    let two = try check([], authority: "# two\n" + good + good)
    #expect(two.status == 0, "\(two.log)")
  }
}
