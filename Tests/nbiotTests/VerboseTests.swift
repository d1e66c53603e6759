// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Messages as a command shows them")
struct VerboseTests {
  private static let device = [
    "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
  ]

  /// The token, as the simulator gave it, from what a relay has seen.
  private func run(
    _ command: [String],
    _ options: [String] = [],
    simulator: Simulator,
    port: UInt16
  ) async throws -> Run {
    try await nbiot(
      command + ["--endpoint", "127.0.0.1:\(port)", "--device-secret-file", simulator.secretFile]
        + Self.device + ["-v"] + options
    )
  }

  private static func texts(_ relay: DatagramRelay) -> [String] {
    relay.packets.map { String(decoding: $0.0, as: UTF8.self) }
  }

  @Test func `publish shows both directions, decrypted, and no token or sign`() async throws {
    let simulator = try Simulator()
    let relay = try DatagramRelay(to: UInt16(simulator.port))
    let folder = try DTLSCommandTests.Folder()
    let options = [
      "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", #"{"value":1}"#, "--output",
      "json", "--session-file", folder.path("session"),
    ]
    for number in 1...2 {
      let run = try await run(["publish"], options, simulator: simulator, port: relay.port)
      #expect(run.status == 0)
      // Results alone, as a program reads them.
      #expect(run.object?["outcome"] as? String == "acknowledged")
      #expect(run.errors.contains("device -> platform\nCON POST, message ID"))
      #expect(run.errors.contains("platform -> device\nACK 2.05 Content"))
      // The second run goes on with a session whose /auth it has not seen.
      #expect(run.errors.contains("    inside: \(number == 1 ? "2" : "66")\n"), "\(run.errors)")
      #expect(run.errors.contains(#"  inside, 11 bytes of JSON: {"value":1}"#))
      #expect(run.errors.contains("POST, message ID"))
      #expect(run.errors.contains(#""sign":"********************************""#) == (number == 1))
      let wire = Self.texts(relay).joined()
      let token = try #require(wire.firstMatch(of: /"token":"([^"]+)"/)?.1)
      let sign = try #require(wire.firstMatch(of: /"sign":"([^"]+)"/)?.1)
      #expect(!run.errors.contains(token) && !run.errors.contains(sign))
      #expect(!run.errors.contains("0123456789abcdef0123456789abcdef"))
    }
    relay.stop()
    _ = try simulator.stop()
  }

  @Test func `call, doctor, ota and pull show their messages`() async throws {
    let simulator = try Simulator()
    let port = UInt16(simulator.port)
    let runs = [
      (["call", "thing.event.property.post", #"{"power":{"value":1}}"#], "property/post"),
      (["doctor"], "user/update"), (["ota", "inform", "--firmware", "1.0.1"], "ota/device/inform"),
      (["ota", "check", "--firmware", "1.0.1"], "ota/device/request"), (["pull"], "/pull"),
    ]
    for (command, path) in runs {
      let run = try await run(command, simulator: simulator, port: port)
      #expect(run.errors.contains("path /auth"), "\(command)")
      #expect(run.errors.contains(path), "\(command): \(run.errors)")
      #expect(run.errors.contains("platform -> device"))
    }
    _ = try simulator.stop()
  }

  @Test func `secrets that the platform answers are written over`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let product = folder.path("product.txt")
    try Data("0123456789abcdef\n".utf8).write(to: URL(filePath: product))
    let simulator = try Simulator([
      "--security", "dtls", "--certificates", folder.path("certificates"), "--register",
      "a1B2c3D4e5F,device2,\(product)",
    ])
    let run = try await nbiot([
      "register", "--over", "coap", "--endpoint", "127.0.0.1:\(simulator.port)", "--ca-file",
      folder.path("certificates/ca.pem"), "--product-key", "a1B2c3D4e5F", "--device-name",
      "device2",
      "--product-secret-file", product, "--secret-file", folder.path("device2.txt"), "--verbose",
    ])
    #expect(run.status == 0, "\(run.errors)")
    let secret = try String(contentsOfFile: folder.path("device2.txt"), encoding: .utf8)
    let digits = secret.filter { $0 != "\n" }
    #expect(!digits.isEmpty && !run.errors.contains(digits))
    #expect(run.errors.contains(#""deviceSecret":"***"#), "\(run.errors)")
    // What DTLS does is named, what is in it is shown.
    #expect(run.errors.contains("DTLS record: handshake ClientHello"))
    #expect(run.errors.contains("CON POST"))
    _ = try simulator.stop()
  }
}
