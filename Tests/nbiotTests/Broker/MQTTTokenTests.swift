// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "nbiot over MQTT with --authentication https",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct MQTTTokenTests {
  /// The options of a device that authenticates over HTTPS.
  private func device(_ simulator: BrokerSimulator, endpoint: Bool = true) -> [String] {
    let all = MQTTPublishTests.device(simulator)
    return (endpoint ? all : Array(all.dropFirst(2))) + [
      "--authentication", "https", "--auth-endpoint", "127.0.0.1:\(simulator.ports["https"] ?? 0)",
    ]
  }

  private func publish(
    _ simulator: BrokerSimulator,
    endpoint: Bool = true,
    _ options: [String],
    input: String = ""
  ) async throws -> Run {
    try await nbiot(
      ["publish", "--transport", "mqtt", "--topic", "/a1B2c3D4e5F/device1/user/update"]
        + device(simulator, endpoint: endpoint) + options,
      input: input
    )
  }

  @Test func `reports arrive, and a session file spares the next authentication`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let file = simulator.folder.path("token.bin")
    let session = ["--session-file", file, "--output", "json"]
    let first = try await publish(simulator, session, input: "1\n2\n")
    #expect(first.status == 0, "\(first.output)\(first.errors)")
    // Each with its own bytes.
    let summary =
      /2 acknowledged, .* down; 1 POST \/auth\/devicename, [0-9]+ B up, [0-9]+ B down; 1 CONNECT, .* 4 B down$/
    #expect(first.errors.contains(summary.anchorsMatchLineEndings()), "\(first.errors)")
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let second = try await publish(simulator, session + ["--payload", "3"])
    #expect(second.status == 0, "\(second.output)\(second.errors)")
    #expect(second.errors.contains("; 1 CONNECT, ") && !second.errors.contains("POST"))
    let log = try simulator.stop()
    let lines = log.split(separator: "\n")
    #expect(lines.filter { $0.contains("POST /auth/devicename") }.count == 1, "\(log)")
    #expect(lines.filter { $0.contains(" PUBLISH ") }.count == 3, "\(log)")
  }

  @Test func `nothing that is shown has the token, nor the form`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let file = simulator.folder.path("token.bin")
    let run = try await publish(simulator, ["--payload", "1", "-v", "--session-file", file])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let shown = run.output + run.errors
    #expect(shown.contains("POST /auth/devicename"), "\(shown)")
    let kept = try Data(contentsOf: URL(filePath: file))
    // The simulator's tokens have 32 digits: each run of so many in the file.
    let text = String(decoding: kept.map { $0 < 0x80 ? $0 : 0x20 }, as: UTF8.self)
    let tokens = text.matches(of: /[0-9A-Za-z]{32,}/).map { String($0.0) }
    #expect(!tokens.isEmpty)
    for token in tokens { #expect(!shown.contains(token.suffix(32))) }
    #expect(shown.contains("&sign=…&") && !shown.contains(/sign=[^…]/), "\(shown)")
    try simulator.stop()
  }

  @Test func `without an endpoint the answer's address is used`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let run = try await publish(simulator, endpoint: false, ["--payload", "1"])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(try simulator.stop().contains(" PUBLISH /a1B2c3D4e5F/device1/user/update"))
  }

  @Test func `a wrong secret ends with 3 and code 401`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let secret = simulator.folder.path("secret.txt")
    try Data("another secret\n".utf8).write(to: URL(filePath: secret))
    let run = try await publish(simulator, ["--payload", "1", "--output", "json"])
    #expect(run.status == 3, "\(run.output)\(run.errors)")
    #expect(run.object?["httpsCode"] as? Int == 401, "\(run.output)")
    #expect(run.errors.contains("the sign does not fit"), "\(run.errors)")
    let log = try simulator.stop()
    #expect(!log.contains("CONNECT"), "\(log)")
  }

  /// A check of doctor as printed.
  private struct Check: Decodable {
    let check: String
    let result: String
    let detail: String
  }

  private func doctor(
    _ simulator: BrokerSimulator,
    endpoint: Bool = true,
    _ options: [String] = []
  ) async throws -> (run: Run, checks: [Check]) {
    let run = try await nbiot(
      ["doctor", "--transport", "mqtt", "--output", "json"]
        + device(simulator, endpoint: endpoint) + options
    )
    let checks = try run.output.split(separator: "\n").map {
      try JSONDecoder().decode(Check.self, from: Data($0.utf8))
    }
    return (run, checks)
  }

  @Test(arguments: [true, false])
  func `doctor checks both servers, and tells the two costs apart`(endpoint: Bool) async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    // One that is kept does not stand in for the check.
    let session = ["--session-file", simulator.folder.path("token.bin")]
    #expect(try await publish(simulator, session + ["--payload", "1"]).status == 0)
    let (run, checks) = try await doctor(
      simulator,
      endpoint: endpoint,
      session + ["--timestamp", "1700000000000"]
    )
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(
      checks.map(\.check) == [
        "credentials", "clock", "authorities", "auth-name", "sign", "auth-tcp", "auth-tls", "auth",
        "name", "tcp", "tls", "connect", "report",
      ]
    )
    let details = Dictionary(uniqueKeysWithValues: checks.map { ($0.check, $0.detail) })
    let text =
      "clientIda1B2c3D4e5F&device1deviceNamedevice1productKeya1B2c3D4e5Ftimestamp1700000000000"
    #expect(details["sign"]?.hasSuffix(text) == true, "\(run.output)")
    let ports = (https: simulator.ports["https"] ?? 0, mqtts: simulator.ports["mqtts"] ?? 0)
    #expect(details["auth-tcp"]?.contains("port \(ports.https) ") == true, "\(run.output)")
    #expect(details["tcp"]?.contains("port \(ports.mqtts) ") == true, "\(run.output)")
    let auth = try #require(details["auth"])
    #expect(auth.contains(/^a token after [0-9]+ ms, [0-9]+ B up, [0-9]+ B down/), "\(auth)")
    #expect(auth.contains("the address 127.0.0.1:\(ports.mqtts)") != endpoint, "\(auth)")
    let connect = try #require(details["connect"])
    #expect(connect.contains(/^CONNACK 0 after [0-9]+ ms, [0-9]+ B up, 4 B down;/), "\(connect)")
    let log = try simulator.stop()
    let lines = log.split(separator: "\n")
    #expect(lines.filter { $0.contains("POST /auth/devicename") }.count == 2, "\(log)")
  }

  @Test func `doctor ends where the authentication does`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let (silent, none) = try await doctor(simulator, ["--auth-endpoint", "127.0.0.1:1"])
    #expect(silent.status == 4, "\(silent.output)\(silent.errors)")
    #expect(none.last?.check == "auth-tcp" && none.last?.result == "failed", "\(silent.output)")
    let secret = simulator.folder.path("secret.txt")
    try Data("another secret\n".utf8).write(to: URL(filePath: secret))
    let (refused, checks) = try await doctor(simulator)
    #expect(refused.status == 3, "\(refused.output)\(refused.errors)")
    #expect(checks.last?.check == "auth" && checks.last?.result == "failed")
    #expect(checks.last?.detail.contains("the sign does not fit") == true, "\(refused.output)")
    try simulator.stop()
  }

  @Test func `the help does not promise listen a session file`() async throws {
    let run = try await nbiot(["listen", "--help"])
    let words = run.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("which a command with --session-file keeps there"), "\(words)")
  }

  @Test func `doctor says that it is CONNECT that failed`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let (run, checks) = try await doctor(simulator, ["--endpoint", "127.0.0.1:1"])
    #expect(run.status == 4, "\(run.output)\(run.errors)")
    let last = checks.suffix(3).map { $0.check + " " + $0.result }
    #expect(last == ["auth ok", "name ok", "tcp failed"], "\(run.output)")
    try simulator.stop()
  }

  @Test func `doctor does not wait for CONNACK before it looks at a server that says nothing`()
    async throws
  {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let silence = try ListeningSocket()
    defer { silence.close() }
    let start = ContinuousClock.now
    let (run, checks) = try await doctor(simulator, ["--endpoint", "127.0.0.1:\(silence.port)"])
    // CONNECT has a minute, a look ten seconds.
    #expect(ContinuousClock.now - start < .seconds(40))
    #expect(run.status == 3, "\(run.output)\(run.errors)")
    let last = checks.suffix(4).map { $0.check + " " + $0.result }
    #expect(last == ["auth ok", "name ok", "tcp ok", "tls failed"], "\(run.output)")
    #expect(run.errors.contains("nbiot: connecting to 127.0.0.1:\(silence.port)"))
    try simulator.stop()
  }

  @Test func `doctor and call pass, plain MQTT does not`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts", "https"])
    let doctor = try await nbiot(["doctor", "--transport", "mqtt"] + device(simulator))
    #expect(doctor.status == 0, "\(doctor.output)\(doctor.errors)")
    let call = try await nbiot(
      [
        "call", "thing.deviceinfo.update", #"[{"attrKey":"a","attrValue":"b"}]"#, "--transport",
        "mqtt",
      ] + device(simulator)
    )
    #expect(call.status == 0, "\(call.output)\(call.errors)")
    let plain = try await publish(simulator, ["--payload", "1", "--plain"])
    #expect(plain.status == 2, "\(plain.errors)")
    let lonely = try await nbiot(
      ["publish", "--transport", "mqtt", "--topic", "/a1B2c3D4e5F/device1/user/update"]
        + MQTTPublishTests.device(simulator) + ["--auth-endpoint", "127.0.0.1:1", "--payload", "1"]
    )
    #expect(lonely.status == 2 && lonely.errors.contains("--authentication https"))
    try simulator.stop()
  }
}
