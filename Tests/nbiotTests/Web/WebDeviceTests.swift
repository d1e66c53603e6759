// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("A device over HTTPS and nbiot simulate --https", .timeLimit(.minutes(15)))
struct WebDeviceTests {
  private static let topic = "/\(BrokerSimulator.productKey)/device1/user/update"

  /// The options of the device over HTTPS.
  private func device(_ simulator: BrokerSimulator) throws -> [String] {
    [
      "--transport", "https", "--endpoint",
      "127.0.0.1:\(try #require(simulator.ports["https"]))", "--ca-file", simulator.authority,
      "--product-key", BrokerSimulator.productKey, "--device-name", "device1",
      "--device-secret-file", simulator.folder.path("secret.txt"), "--output", "json",
    ]
  }

  private func publish(
    _ simulator: BrokerSimulator,
    _ options: [String] = [],
    topic: String = Self.topic,
    input: String = ""
  ) async throws -> Run {
    try await nbiot(
      ["publish", "--topic", topic] + device(simulator) + options,
      input: input
    )
  }

  private func objects(_ run: Run) throws -> [[String: Any]] {
    try run.output.split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  /// A timestamp of an hour ago, as `--timestamp` takes it.
  private var hourAgo: [String] {
    ["--timestamp", "\(Int(Date.now.timeIntervalSince1970 - 3_600) * 1_000)"]
  }

  @Test func `reports arrive, the longest whole, and a session file spares the next /auth`()
    async throws
  {
    let simulator = try BrokerSimulator(transports: ["https"])
    let session = ["--session-file", simulator.folder.path("token.bin")]
    let first = try await publish(simulator, session, input: "{\"value\":1}\n2\n")
    #expect(first.status == 0, "\(first.output)\(first.errors)")
    let results = try objects(first)
    #expect(results.map { $0["outcome"] as? String } == ["acknowledged", "acknowledged"])
    // What a run tells of its reports together is what their objects tell.
    let up = results.compactMap { $0["bytesUp"] as? Int }.reduce(0, +)
    #expect(first.errors.contains("2 reports, 2 acknowledged, \(up) B up"), "\(first.errors)")
    let full = simulator.folder.path("full.bin")
    try Data(repeating: UInt8(ascii: "x"), count: 131_072).write(to: URL(filePath: full))
    let second = try await publish(simulator, session + ["--payload", "@" + full])
    #expect(second.status == 0, "\(second.output)\(second.errors)")
    #expect(second.errors.contains("; 0 /auth"), "\(second.errors)")
    let over = simulator.folder.path("over.bin")
    try Data(count: 131_073).write(to: URL(filePath: over))
    let third = try await publish(simulator, ["--payload", "@" + over])
    #expect(third.status == 2 && third.output.isEmpty && third.errors.contains("131,072"))
    let lines = try simulator.stop().split(separator: "\n").filter { $0.contains(" POST ") }
    #expect(lines.count == 4, "\(lines)")
    #expect(lines.first?.contains("POST /auth -> 200 code 0") == true)
    #expect(lines.last?.contains("xxx… (131072 bytes) -> 200 code 0") == true)
    for (result, line) in zip(results + (try objects(second)), lines.dropFirst()) {
      // Beyond what a Double holds.
      let id = try #require(result["messageID"] as? String)
      #expect(id.count == 18 && line.hasSuffix(" id \(id)"), "\(line)")
    }
  }

  @Test func `what the platform cannot do now is later's, and it alone says when`() async throws {
    let simulator = try BrokerSimulator(
      [
        "--fail", "30001,1,on=report", "--fail", "5.00,1,on=report", "--fail",
        "4.29,1,max-age=1,on=report",
      ],
      transports: ["https"]
    )
    let run = try await publish(simulator, input: "1\n2\n3\n")
    // One was not taken; the second is sent again, after a failure and after a wait, and nothing else is given up.
    #expect(run.status == 1, "\(run.output)\(run.errors)")
    let results = try objects(run)
    #expect(
      results.map { $0["outcome"] as? String } == ["rejected", "acknowledged", "acknowledged"]
    )
    #expect(results.map { $0["httpsCode"] as? Int } == [30_001, nil, nil])
    #expect(results.map { $0["httpStatus"] as? Int } == [200, nil, nil])
    #expect((results.first?["error"] as? String)?.contains("try later") == true)
    #expect(
      run.errors.contains("report 2: the platform puts it off (code 40000); it is sent again")
    )
    let log = try simulator.stop()
    #expect(log.split(separator: "\n").filter { $0.contains("POST /auth") }.count == 1, "\(log)")
    #expect(log.contains("-> 500 code 10000"), "\(log)")
    #expect(log.contains("-> 429 code 40000"), "\(log)")
  }

  @Test func `a token that was taken back is renewed once, and the report sent again`()
    async throws
  {
    let simulator = try BrokerSimulator(["--token-uses", "1"], transports: ["https"])
    let run = try await publish(simulator, input: "1\n2\n")
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(try objects(run).map { $0["transmissions"] as? Int } == [1, 2])
    #expect(run.errors.contains("; 2 /auth"), "\(run.errors)")
    let codes = try simulator.stop().matches(of: /code ([0-9]+)/).map { $0.1 }
    #expect(codes == ["0", "0", "20001", "0", "0"])
  }

  @Test func `a token that is refused as soon as it is given ends with 3`() async throws {
    let simulator = try BrokerSimulator(["--fail", "20003,9,on=report"], transports: ["https"])
    let run = try await publish(simulator, ["--payload", "1"])
    #expect(run.status == 3, "\(run.output)\(run.errors)")
    let result = try #require(try objects(run).first)
    #expect(result["outcome"] as? String == "rejected" && result["httpsCode"] as? Int == 20_003)
    #expect(result["transmissions"] as? Int == 2)
    try simulator.stop()
  }

  @Test func `doctor passes, tells of a clock off by an hour, and says why a device is refused`()
    async throws
  {
    let simulator = try BrokerSimulator(transports: ["https"])
    let late = try await publish(simulator, ["--payload", "1"] + hourAgo)
    #expect(late.status == 0, "\(late.output)\(late.errors)")
    #expect(
      late.errors.contains(/warning: the time of --timestamp is 360[0-9] s behind the platform/)
    )
    let doctor = try await nbiot(["doctor"] + device(simulator) + hourAgo)
    #expect(doctor.status == 0, "\(doctor.output)\(doctor.errors)")
    for check in ["authorities", "name", "sign", "tcp", "tls", "auth", "report"] {
      #expect(doctor.output.contains(#"{"check":"\#(check)","result":"ok""#), "\(doctor.output)")
    }
    #expect(
      doctor.output.contains(/s behind the platform's clock: give another/),
      "\(doctor.output)"
    )
    let foreign = try await publish(
      simulator,
      ["--payload", "1"],
      topic: "/\(BrokerSimulator.productKey)/device2/user/update"
    )
    #expect(foreign.status == 1 && foreign.errors.contains("10001: a parameter is wrong"))
    let secret = simulator.folder.path("secret.txt")
    try Data("another secret\n".utf8).write(to: URL(filePath: secret))
    let refused = try await nbiot(["doctor", "--no-report"] + device(simulator))
    #expect(refused.status == 3 && refused.output.contains("20000"), "\(refused.output)")
    let log = try simulator.stop()
    // A failed /auth by the clock is repeated at once with the platform's time.
    #expect(log.contains("code 20000 - the timestamp is 360"), "\(log)")
    #expect(log.contains("code 20000 - the sign does not fit"), "\(log)")
  }
}
