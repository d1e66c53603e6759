// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("What happened is the libraries' to say, what to type is nbiot's")
struct AdviceTests {
  private func publish(_ port: UInt16, _ options: [String] = []) async throws -> Run {
    try await nbiot(
      [
        "publish", "--endpoint", "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F",
        "--device-name",
        "device1", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1",
      ] + options,
      environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    )
  }

  @Test(
    arguments: [
      (0x86, "ask for another; --accept says which format is asked for"),
      (0x82, "options 2088 and 61; --token-option says which option carries the token"),
    ] as [(UInt8, String)]
  )
  func `a code that an option is about names it`(code: UInt8, words: String) async throws {
    let platform = try StubPlatform { _ in .init(code) }
    let run = try await publish(platform.port)
    #expect(run.status == 1)
    #expect(run.output.contains(words), "\(run.output)")
    let json = try await publish(platform.port, ["--output", "json"])
    #expect((json.object?["error"] as? String)?.contains(words) == true, "\(json.output)")
    platform.stop()
  }

  @Test func `a code that none is about does not`() async throws {
    let platform = try StubPlatform { _ in .init(0x84) }
    let run = try await publish(platform.port)
    #expect(run.status == 1)
    #expect(!run.output.contains("--"), "\(run.output)")
    platform.stop()
  }

  /// Each option that a table names is one of the program's.
  @Test func `the advice names options that there are`() async throws {
    let source = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/nbiot/Advice.swift").standardized
    let text = try String(contentsOf: source, encoding: .utf8)
    let named = Set(text.matches(of: /--[a-z][a-z-]+/).map { String($0.0) })
    #expect(named.count >= 10, "\(named)")
    let help = try await nbiot(["--experimental-dump-help"])
    for option in named {
      #expect(help.output.contains("\"name\" : \"\(option.dropFirst(2))\""), "\(option)")
    }
  }
}
