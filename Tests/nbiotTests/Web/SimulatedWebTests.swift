// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot simulate --https", .timeLimit(.minutes(15)))
struct SimulatedWebTests {
  private func url(_ simulator: BrokerSimulator, _ path: String) throws -> String {
    "https://127.0.0.1:\(try #require(simulator.ports["https"]))\(path)"
  }

  /// The options of the device over CoAP.
  private func device(_ simulator: BrokerSimulator) -> [String] {
    [
      "--endpoint", "127.0.0.1:\(simulator.ports["coap"] ?? 0)", "--product-key",
      BrokerSimulator.productKey, "--device-name", "device1", "--device-secret-file",
      simulator.folder.path("secret.txt"),
    ]
  }

  /// Runs curl, and reads what was answered as JSON.
  private func curl(_ simulator: BrokerSimulator, _ arguments: [String]) throws -> [String: Any] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/curl")
    process.arguments =
      ["-sS", "--cacert", simulator.authority, "--max-time", "60"] + arguments
    let output = Pipe.ofChild()
    process.standardOutput = output
    try process.start()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let value = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    return try #require(value, "\(String(decoding: data, as: UTF8.self))")
  }

  private func file(_ name: String, _ content: Data) throws -> String {
    let path = URL.temporaryDirectory.appending(path: "\(UUID().uuidString)-\(name)").path
    try content.write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    return path
  }

  @Test func `an upgrade is interrupted and resumed, with nothing else started`() async throws {
    var content = Data(count: 60_000_000)
    for index in stride(from: 0, to: content.count, by: 4_093) {
      content[index] = UInt8(truncatingIfNeeded: index)
    }
    let firmware = try file("app.bin", content)
    defer { try? FileManager.default.removeItem(atPath: firmware) }
    let simulator = try BrokerSimulator(
      ["--firmware-version", "2.0.0", "--firmware-file", firmware, "--firmware-sign", "sha256"],
      transports: ["https"]
    )
    let target = simulator.folder.path("new.bin")
    let upgrade =
      [
        "ota", "upgrade", "--firmware", "1.0.1", "--to", target, "--https-ca-file",
        simulator.authority,
      ] + device(simulator)
    let first = process(upgrade)
    let errors = Pipe.ofChild()
    first.standardError = errors
    first.standardOutput = FileHandle.nullDevice
    try first.start()
    func size() -> Int {
      let attributes = try? FileManager.default.attributesOfItem(atPath: target + ".part")
      return attributes?[.size] as? Int ?? 0
    }
    // The line is printed before the file is sent, of which so much is on its way at once as the sockets hold.
    _ = try simulator.log.next { $0.contains("GET /files/") }
    #expect(simulator.process.suspend())
    for _ in 0..<100 where size() == 0 {
      usleep(50_000)
      guard size() == 0 else { break }
      _ = simulator.process.resume()
      usleep(2_000)
      _ = simulator.process.suspend()
    }
    first.interrupt()
    try await Task.sleep(for: .milliseconds(200))
    #expect(simulator.process.resume())
    let told = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(),
      as: UTF8.self
    )
    first.waitUntilExit()
    // The shell's 130.
    #expect(first.terminationReason == .uncaughtSignal, "\(told)")
    #expect(first.terminationStatus == SIGINT, "\(told)")
    let reached = size()
    #expect(reached > 0 && reached < content.count)
    let run = try await nbiot(upgrade + ["--output", "json"])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(try Data(contentsOf: URL(filePath: target)) == content)
    let log = try simulator.stop()
    #expect(log.contains("GET /files/\(BrokerSimulator.productKey)/firmware -> 206"), "\(log)")
    #expect(log.contains("bytes \(reached)-59999999/60000000"), "\(log)")
  }

  @Test func `a configuration is announced with its URL, and served`() async throws {
    let configuration = try file("config.json", Data(#"{"interval":60}"#.utf8))
    defer { try? FileManager.default.removeItem(atPath: configuration) }
    let simulator = try BrokerSimulator(
      ["--config-file", configuration, "--https-name", "127.0.0.1"],
      transports: ["https"]
    )
    let run = try await nbiot(["call", "thing.config.get", "--output", "json"] + device(simulator))
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let address = try url(simulator, "/files/\(BrokerSimulator.productKey)/configuration")
    #expect(run.output.replacing(#"\/"#, with: "/").contains(address), "\(run.output)")
    #expect(try curl(simulator, [address])["interval"] as? Int == 60)
    try simulator.stop()
  }

  @Test func `a device registers itself, and its secret authenticates`() async throws {
    let product = try file("product.txt", Data("product-secret\n".utf8))
    defer { try? FileManager.default.removeItem(atPath: product) }
    let simulator = try BrokerSimulator(
      ["--register", "\(BrokerSimulator.productKey),device9,\(product)"],
      transports: ["https"]
    )
    let target = simulator.folder.path("new.txt")
    func register(_ name: String, _ more: [String] = []) async throws -> Run {
      try await nbiot(
        [
          "register", "--product-key", BrokerSimulator.productKey, "--device-name", name,
          "--product-secret-file", product, "--secret-file", target, "--https-ca-file",
          simulator.authority, "--url", try url(simulator, "/auth/register/device"), "--output",
          "json",
        ] + more
      )
    }
    let run = try await register("device9")
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let secret = try String(contentsOfFile: target, encoding: .utf8).dropLast()
    let sign = try BrokerSimulator.sign(
      "clientIdcdeviceNamedevice9productKey\(BrokerSimulator.productKey)",
      "hmacsha1",
      secret: String(secret)
    )
    let body =
      #"{"productKey":"\#(BrokerSimulator.productKey)","deviceName":"device9","clientId":"c","#
      + #""signmethod":"hmacsha1","sign":"\#(sign)"}"#
    let answer = try curl(
      simulator,
      [try url(simulator, "/auth"), "-H", "Content-Type: application/json", "-d", body]
    )
    #expect(answer["code"] as? Int == 0, "\(answer)")
    let active = try await register("device9", ["--force"])
    #expect(active.status == 3 && active.errors.contains("code 401"), "\(active.errors)")
    let log = try simulator.stop()
    #expect(log.contains("POST /auth/register/device -> 200 code 200"), "\(log)")
    #expect(!log.contains(secret))
  }

  @Test(.enabled(if: Mosquitto.isInstalled))
  func `iotId and iotToken open MQTT over TLS, and a bad one gets CONNACK 3`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt", "mqtts", "https"])
    let sign = try BrokerSimulator.sign(
      "clientIdcdeviceNamedevice1productKey\(BrokerSimulator.productKey)",
      "hmacmd5"
    )
    let answer = try curl(
      simulator,
      [
        try url(simulator, "/auth/devicename"), "-d",
        "productKey=\(BrokerSimulator.productKey)&sign=\(sign)&version=default&clientId=c"
          + "&resources=mqtt&deviceName=device1",
      ]
    )
    let data = try #require(answer["data"] as? [String: Any], "\(answer)")
    let resources = data["resources"] as? [String: [String: Any]]
    let address = try #require(resources?["mqtt"])
    #expect(address["host"] as? String == "127.0.0.1")
    #expect(address["port"] as? Int == simulator.ports["mqtts"])
    var settings: [String: Any] = [
      "port": try #require(address["port"]), "id": "anything", "ca": simulator.authority,
      "user": try #require(data["iotId"]), "password": try #require(data["iotToken"]),
    ]
    let client = try simulator.client(settings)
    client.kill()
    settings["password"] = "0123456789abcdef0123456789abcdef"
    #expect(try simulator.code(settings) == 3)
    settings["password"] = data["iotToken"]
    settings["user"] = "42Ze0mk1AlTP"
    #expect(try simulator.code(settings) == 3)
    // In the clear it is refused, whatever it is.
    settings["user"] = data["iotId"]
    settings["port"] = simulator.ports["mqtt"]
    settings["ca"] = nil
    #expect(try simulator.code(settings) == 5)
    try simulator.stop()
  }

  @Test func `the log has a line for each request, and options that do not fit are refused`()
    async throws
  {
    let simulator = try BrokerSimulator(
      ["--fail", "40000,1,max-age=5,on=auth", "--assume", "https-status=own"],
      transports: ["https"]
    )
    let answer = try curl(
      simulator,
      [try url(simulator, "/auth"), "-H", "Content-Type: application/json", "-d", "{}"]
    )
    #expect(answer["code"] as? Int == 40_000)
    let line = try simulator.log.next { $0.contains("/auth") }
    #expect(
      line.contains(" POST /auth -> 429 code 40000 - failed on purpose, the last time"),
      "\(line)"
    )
    try simulator.stop()
    let secret = try file("secret.txt", Data("0123456789abcdef\n".utf8))
    defer { try? FileManager.default.removeItem(atPath: secret) }
    for (options, word) in [
      (["--https", "0"], "--certificates"), (["--https", "70000"], "--https is 0 to 65535"),
      (["--https-name", "a"], "--https"), (["--assume", "https-status=own"], "--https"),
      (["--fail", "30001"], "--https"),
      (["--firmware-version", "1", "--firmware-file", secret], "--https"),
      (["--config-file", secret], "--https"), (["--certificates", "x"], "--security dtls"),
      (["--https", "8444", "--mqtts", "8444", "--certificates", "x"], "its own"),
    ] {
      let run = try await nbiot(
        ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"] + options
      )
      #expect(run.status == 2 && run.errors.contains(word), "\(options): \(run.errors)")
    }
  }
}
