// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "nbiot register over MQTT",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct MQTTRegisterTests {
  /// A simulator whose product lists `device9`, and the options of a registration there.
  private func world() throws -> (BrokerSimulator, product: String) {
    let folder = try DTLSCommandTests.Folder()
    let product = URL.temporaryDirectory.appending(path: "product-\(UUID().uuidString)").path
    try writeSecret("product-secret\n", to: URL(filePath: product))
    withExtendedLifetime(folder) {}
    let simulator = try BrokerSimulator(
      ["--register", "a1B2c3D4e5F,device9,\(product)"],
      transports: ["mqtts", "wss"]
    )
    return (simulator, product)
  }

  private func register(
    _ simulator: BrokerSimulator,
    _ name: String,
    to file: String,
    _ product: String,
    _ options: [String] = []
  ) async throws -> Run {
    try await nbiot(
      [
        "register", "--over", "mqtt", "--product-key", "a1B2c3D4e5F", "--device-name", name,
        "--product-secret-file", product, "--secret-file", file, "--ca-file", simulator.authority,
        "--endpoint", "127.0.0.1:\(simulator.ports["mqtts"] ?? 0)", "--output", "json",
      ] + options
    )
  }

  @Test(arguments: [false, true])
  func `a device gets its secret, and reports with it`(isWebSocket: Bool) async throws {
    let (simulator, product) = try world()
    defer { try? FileManager.default.removeItem(atPath: product) }
    let file = simulator.folder.path("new.txt")
    let socket =
      isWebSocket
      ? ["--websocket", "--endpoint", "127.0.0.1:\(simulator.ports["wss"] ?? 0)"] : []
    let run = try await register(simulator, "device9", to: file, product, socket + ["--verbose"])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.object?["secretFile"] as? String == file && run.object?["clientID"] == nil)
    let secret = try String(contentsOfFile: file, encoding: .utf8)
    #expect(secret.count > 8 && secret.hasSuffix("\n"))
    #expect(!(run.output + run.errors).contains(secret.dropLast()))
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let report = try await nbiot([
      "publish", "--transport", "mqtt", "--product-key", "a1B2c3D4e5F", "--device-name", "device9",
      "--device-secret-file", file, "--ca-file", simulator.authority, "--endpoint",
      "127.0.0.1:\(simulator.ports["mqtts"] ?? 0)", "--topic",
      "/a1B2c3D4e5F/device9/user/update", "--payload", "1",
    ])
    #expect(report.status == 0, "\(report.output)\(report.errors)")
    // It is active now, and the file is there already.
    let again = try await register(simulator, "device9", to: file, product)
    #expect(again.status == 2 && again.errors.contains("is there already"), "\(again.errors)")
    let active = try await register(simulator, "device9", to: file, product, ["--force"])
    #expect(active.status == 3, "\(active.errors)")
    #expect(active.errors.contains("the platform refused to register the device, CONNACK 5"))
    #expect(try String(contentsOfFile: file, encoding: .utf8) == secret)
    try simulator.stop()
  }

  @Test func `a device that no product lists gets a token, with which an MQTT client connects`()
    async throws
  {
    let (simulator, product) = try world()
    defer { try? FileManager.default.removeItem(atPath: product) }
    let file = simulator.folder.path("token.txt")
    let run = try await register(
      simulator,
      "device7",
      to: file,
      product,
      ["--unregistered", "--instance-id", "iot-1"]
    )
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let told = try #require(run.object)
    #expect(told["tokenFile"] as? String == file && told["secretFile"] == nil)
    let token = try String(contentsOfFile: file, encoding: .utf8).dropLast()
    #expect(!(run.output + run.errors).contains(token))
    #expect(
      try simulator.code([
        "port": try #require(simulator.ports["mqtts"]), "ca": simulator.authority,
        "id": try #require(told["clientID"] as? String),
        "user": try #require(told["userName"] as? String), "password": String(token),
      ]) == 0
    )
    try simulator.stop()
  }

  @Test func `a wrong product secret and a foreign server leave no file`() async throws {
    let (simulator, product) = try world()
    defer { try? FileManager.default.removeItem(atPath: product) }
    let file = simulator.folder.path("none.txt")
    let foreign = try BrokerSimulator(transports: ["mqtts"])
    let unproven = try await register(
      simulator,
      "device9",
      to: file,
      product,
      ["--ca-file", foreign.authority]
    )
    #expect(unproven.status == 3, "\(unproven.errors)")
    try Data("wrong\n".utf8).write(to: URL(filePath: product))
    let wrong = try await register(simulator, "device9", to: file, product)
    #expect(wrong.status == 3, "\(wrong.errors)")
    #expect(!FileManager.default.fileExists(atPath: file))
    try simulator.stop()
    try foreign.stop()
  }

  @Test(arguments: [
    (["--over", "mqtt", "--timing", "nbIoT"], "--timing belongs to CoAP: give --over coap, too"),
    (["--over", "mqtt", "--url", "https://x"], "--url belongs to HTTPS: give --over https, too"),
    (
      ["--over", "coap", "--unregistered"], "--unregistered belongs to MQTT: give --over mqtt, too"
    ),
    (["--websocket"], "--websocket belongs to MQTT: give --over mqtt, too"),
    (["--over", "mqtt", "--endpoint", "coaps://h"], "--endpoint is for CoAP by its scheme"),
    (["--over", "mqtt"], "TLS verifies the server: give --ca-file FILE"),
    (["--over", "mqtt", "--ca-file", "/dev/null"], "/dev/null is no file"),
  ])
  func `a wrong argument is refused before anything is sent`(
    options: [String],
    words: String
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    let run = try await nbiot(
      [
        "register", "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--secret-file",
        folder.path("new.txt"),
      ] + options,
      environment: ["NBIOT_PRODUCT_SECRET": "s"]
    )
    #expect(run.status == 2, "\(run.errors)")
    #expect(run.errors.contains(words), "\(run.errors)")
  }
}
