// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("What a refusal says of its reason (RFC 7252 Section 5.5.2)")
struct DiagnosticTests {
  private func device(_ port: UInt16) -> [String] {
    ["--endpoint", "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F", "--device-name", "device1"]
  }

  @Test(arguments: [
    (["--token-option", "61"], "the token is in option 61, not 2088", "--token-option"),
    (["--accept", "octet-stream"], "--tolerant takes it", "--accept"),
  ])
  func `the platform's own reason is printed, and no guess`(
    options: [String],
    reason: String,
    option: String
  ) async throws {
    let simulator = try Simulator()
    let names = try device(#require(UInt16(exactly: simulator.port)))
    let secret = ["--device-secret-file", simulator.secretFile]
    let topic = ["--topic", "/a1B2c3D4e5F/device1/user/update"]
    let publish = ["publish", "--payload", "1"] + names + secret + topic + options
    let text = try await nbiot(publish)
    #expect(text.status == 1, "\(text.errors)")
    #expect(text.output.contains(reason), "\(text.output)")
    #expect(text.output.contains(option), "\(text.output)")
    #expect(!text.output.contains("another program"), "\(text.output)")
    let json = try await nbiot(publish + ["--output", "json"])
    let diagnostic = try #require(json.object?["diagnostic"] as? String, "\(json.output)")
    #expect(diagnostic.contains(reason))
    #expect((json.object?["error"] as? String)?.contains(diagnostic) == true)
    #expect(json.object?["answer"] == nil)

    let doctor = try await nbiot(["doctor", "--output", "json"] + names + secret + options)
    #expect(doctor.output.contains(#""diagnostic":"\#(diagnostic)""#), "\(doctor.output)")
    // A call asks for its own format.
    guard option == "--token-option" else { return _ = try simulator.stop() }
    let call = try await nbiot(["call", "thing.topo.get"] + names + secret + options)
    #expect(call.errors.contains(reason), "\(call.errors)")
    _ = try simulator.stop()
  }

  @Test(arguments: [true, false])
  func `a reason that nobody vouches for does not steer the terminal`(
    isOfAuthentication: Bool
  ) async throws {
    let reason = [0xFF] + Array("out of \u{1B}[31mluck\n".utf8)
    let platform = try StubPlatform(answersAuth: isOfAuthentication) { _ in .init(0x83, reason) }
    let command =
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"]
      + device(platform.port)
    let secret = ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    let text = try await nbiot(command, environment: secret)
    #expect(text.output.contains(#""out of \u001b[31mluck""#), "\(text.output)")
    #expect(text.output.contains("4.03"))
    let json = try await nbiot(command + ["--output", "json"], environment: secret)
    #expect(json.object?["diagnostic"] as? String == "out of \u{1B}[31mluck", "\(json.output)")
    platform.stop()
  }

  @Test(arguments: [[], [0xFF, 0xC3, 0x28], [0xFF, 0x61, 0]] as [[UInt8]])
  func `without a readable one, 4.02 is said to be about an option`(rest: [UInt8]) async throws {
    let platform = try StubPlatform { _ in .init(0x82, rest) }
    let run = try await nbiot(
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"]
        + ["--output", "json"] + device(platform.port),
      environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    )
    #expect(run.object?["diagnostic"] == nil)
    #expect((run.object?["error"] as? String)?.contains("--token-option") == true, "\(run.output)")
    platform.stop()
  }
}
