// SPDX-License-Identifier: Apache-2.0
import Foundation
import PayloadValues
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing

/// The records of a simulator.
private final class Records: Sendable {
  private let records = Mutex<[RequestRecord]>([])

  func add(_ record: RequestRecord) { records.withLock { $0.append(record) } }

  /// The payloads of reports to a topic of the upgrade.
  func told(_ name: String) -> [PayloadValue] {
    records.withLock { all in
      all.filter { $0.isAcceptedReport && $0.path.contains("/ota/device/\(name)/") }
        .compactMap { PayloadValue($0.payload, .json)?["params"] }
    }
  }

  var steps: [String] { told("progress").compactMap { $0["step"]?.string } }
}

/// A whole upgrade (device guide 4 and 6.11): the simulator is the platform, and a server in Python
/// has the file.
@Suite("nbiot ota, as its user runs it")
struct UpgradeCommandTests {
  private static let secret = "0123456789abcdef0123456789abcdef"

  /// Runs a simulator that offers the server's firmware, with the options of a device.
  private func withPlatform(
    _ server: HTTPSServer,
    _ path: String,
    signMethod: SimulatedFirmware.DigestMethod = .sha256,
    _ body: (_ options: [String], Records) async throws -> Void
  ) async throws {
    var product = SimulatedProduct(key: "a1B2c3D4e5F")
    var firmware = SimulatedFirmware(
      version: "2.0.0",
      url: server.url(path),
      size: Int64(server.firmware.count),
      md5: try server.digest("md5"),
      sha256: try server.digest("sha256")
    )
    firmware.signMethod = signMethod
    product.firmware = firmware
    var configuration = SimulatorConfiguration()
    configuration.products = [product]
    configuration.devices = [
      SimulatedDevice(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        secret: Array(Self.secret.utf8)
      )
    ]
    let records = Records()
    let simulator = try await SimulatorServer.start(configuration) { records.add($0) }
    let secretFile = server.folder.appending(path: "device.txt")
    try writeSecret(Self.secret + "\n", to: secretFile)
    let options = [
      "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1", "--device-secret-file", secretFile.path,
    ]
    do {
      try await body(options, records)
    } catch {
      try await simulator.close()
      throw error
    }
    try await simulator.close()
  }

  private func upgrade(_ server: HTTPSServer, _ options: [String]) -> [String] {
    [
      "ota", "upgrade", "--firmware", "1.0.1", "--to", server.path("new.bin"), "--https-ca-file",
      server.path("ca.pem"),
    ] + options
  }

  @Test(arguments: [SimulatedFirmware.DigestMethod.md5, .sha256])
  func `an upgrade is offered, downloaded, verified and told`(
    signMethod: SimulatedFirmware.DigestMethod
  ) async throws {
    let server = try HTTPSServer()
    try await withPlatform(server, "cut-once", signMethod: signMethod) { options, records in
      let run = try nbiot(upgrade(server, options + ["--output", "json"]))
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.contains(#""offered":"2.0.0""#))
      #expect(run.output.contains(#""verified":"\#(signMethod == .md5 ? "md5" : "sha256")""#))
      #expect(server.contents("new.bin") == server.firmware)
      #expect(records.told("inform").map { $0["version"]?.string } == ["1.0.1"])
      #expect(records.told("request").map { $0["version"]?.string } == ["1.0.1"])
      #expect(records.steps.first == "1")
      #expect(records.steps.last == "100")
    }
  }

  @Test func `interrupted at half, it goes on from there, and is verified as a whole`()
    async throws
  {
    let server = try HTTPSServer()
    try await withPlatform(server, "stall") { options, records in
      let started = try start(upgrade(server, options))
      for _ in 0..<200 where server.contents("new.bin.part")?.count != 150_000 {
        try await Task.sleep(for: .milliseconds(50))
      }
      started.0.interrupt()
      let run = try finish(started)
      #expect(run.status == 130)
      #expect(server.contents("new.bin") == nil)
      #expect(server.contents("new.bin.part")?.count == 150_000)
      #expect(run.errors.contains("run it again to go on"))
      // A pause is not a failure.
      #expect(!records.steps.contains { $0.hasPrefix("-") })
    }
    try await withPlatform(server, "plain") { options, records in
      let run = try nbiot(upgrade(server, options))
      #expect(run.status == 0, "\(run.errors)")
      #expect(server.contents("new.bin") == server.firmware)
      #expect(server.requests().contains("GET /plain bytes=150000-"))
      #expect(records.steps.last == "100")
    }
  }

  @Test func `one flipped byte ends in step -3 and no file`() async throws {
    let server = try HTTPSServer()
    try await withPlatform(server, "flip") { options, records in
      let run = try nbiot(upgrade(server, options))
      #expect(run.status == 1)
      #expect(run.errors.contains("step -3"))
      #expect(server.contents("new.bin") == nil)
      #expect(server.contents("new.bin.part") == nil)
      #expect(records.steps.last == "-3")
      #expect(records.told("progress").last?["desc"]?.string?.isEmpty == false)
    }
  }

  @Test func `a file that is not to be had ends in step -2`() async throws {
    let server = try HTTPSServer()
    try await withPlatform(server, "403") { options, records in
      let run = try nbiot(upgrade(server, options))
      #expect(run.status == 3, "\(run.errors)")
      #expect(records.steps.last == "-2")
    }
  }

  @Test func `while nothing is downloaded a wish to terminate ends it at once`() async throws {
    let server = try HTTPSServer()
    let secretFile = server.folder.appending(path: "device.txt")
    try Data((Self.secret + "\n").utf8).write(to: secretFile)
    // A port that never answers.
    let silent = try LoopbackSocket()
    defer { silent.close() }
    let (process, _, _) = try start(
      upgrade(
        server,
        [
          "--endpoint", "127.0.0.1:\(silent.port)", "--product-key",
          "a1B2c3D4e5F", "--device-name", "device1", "--device-secret-file", secretFile.path,
        ]
      )
    )
    try await Task.sleep(for: .seconds(1))
    process.terminate()
    for _ in 0..<400 where process.isRunning { try await Task.sleep(for: .milliseconds(50)) }
    #expect(!process.isRunning)
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  @Test func `check says what is offered, or that nothing is`() async throws {
    let server = try HTTPSServer()
    try await withPlatform(server, "plain") { options, records in
      let offered = try nbiot(
        ["ota", "check", "--firmware", "1.0.1", "--output", "json"] + options
      )
      #expect(offered.status == 0, "\(offered.errors)")
      #expect(offered.output.contains(#""offered":"2.0.0","size":300001"#))
      #expect(offered.output.contains(try server.digest("sha256")))
      let current = try nbiot(
        ["ota", "check", "--firmware", "2.0.0", "--output", "json"] + options
      )
      #expect(current.status == 0)
      #expect(current.output == #"{"offered":"none"}"# + "\n")
      let told = try nbiot(["ota", "progress", "--step", "-4", "--description", "flash"] + options)
      #expect(told.status == 0)
      #expect(records.told("progress").last == ["step": "-4", "desc": "flash"])
      let informed = try nbiot(["ota", "inform", "--firmware", "2.0.0"] + options)
      #expect(informed.status == 0)
      #expect(records.told("inform").last == ["version": "2.0.0"])
    }
  }

  @Test func `a place or an authority that cannot be used costs no airtime`() async throws {
    let server = try HTTPSServer()
    try await withPlatform(server, "plain") { options, records in
      for (to, authority) in [
        ("/nowhere/new.bin", server.path("ca.pem")), (server.folder.path, server.path("ca.pem")),
        (server.path("new.bin"), server.path("firmware.bin")),
      ] {
        let run = try nbiot(
          ["ota", "upgrade", "--firmware", "1", "--to", to, "--https-ca-file", authority] + options
        )
        #expect(run.status == 2, "\(run.errors)")
      }
      #expect(records.told("inform").isEmpty)
    }
  }
}
