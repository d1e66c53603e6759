// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// What the program says of itself, as ArgumentParser gives it to programs.
private struct Tool: Decodable {
  struct Name: Decodable {
    let kind: String
    let name: String
  }

  struct Argument: Decodable {
    let kind: String
    let names: [Name]?
    let abstract: String?
    let valueName: String?
    let sectionTitle: String?

    var long: String? { names?.first { $0.kind == "long" }?.name }
  }

  struct Command: Decodable {
    let commandName: String
    let subcommands: [Command]?
    let arguments: [Argument]?

    func all(_ path: String = "") -> [(path: String, command: Command)] {
      let own = path.isEmpty ? commandName : path + " " + commandName
      return [(own, self)] + (subcommands ?? []).flatMap { $0.all(own) }
    }
  }

  let command: Command
}

@Suite("Options that several commands have")
struct OptionWordsTests {
  /// Names that stand for two things, each what the word means where it is said.
  private static let others: Set<String> = [
    // The agent's two ends: what a device offers and what the simulator takes, with the list of it.
    "legacy-suites",
    // A model of the one device, and those of all products.
    "thing-model",
    // A port to listen on, and one whose packets are shown.
    "port",
    // That of a session, and that of a registration.
    "random",
    // Where a firmware is, and where a device registers.
    "url",
    // What publish takes besides.
    "format",
    // How a registration is sent: only where there is an endpoint can its scheme say it.
    "over",
    // The protocol of a device, and what carries MQTT.
    "transport",
    // What is signed, by each command, and how long a fleet reports.
    "for",
    // The network of a simulator, and the radios of a fleet.
    "radio",
    // What a device sends, and what the platform sends to it.
    "payload", "topic", "hex",
    // The layer of a device that connects, and of one that is estimated.
    "security",
    // How long a request may wait in all, and a report.
    "max-wait",
    // What the simulator offers of each product, and what is pushed.
    "firmware-version",
    // How many reports are sent, and how many were.
    "reports",
    // ArgumentParser's own, which has no text in one place.
    "help",
  ]

  private func commands() async throws -> [(path: String, command: Tool.Command)] {
    let run = try await nbiot(["--experimental-dump-help"])
    let tool = try JSONDecoder().decode(Tool.self, from: Data(run.output.utf8))
    return tool.command.all()
  }

  @Test func `each is said in the same words in every command`() async throws {
    var words: [String: [String: [String]]] = [:]
    for (path, command) in try await commands() {
      for argument in command.arguments ?? [] {
        guard let name = argument.long, !Self.others.contains(name) else { continue }
        let text = "\(argument.abstract ?? "") <\(argument.valueName ?? "")>"
        words[name, default: [:]][text, default: []].append(path)
      }
    }
    #expect(words.count > 80, "\(words.keys.sorted())")
    for (name, texts) in words where texts.count > 1 { Issue.record("--\(name): \(texts)") }
  }

  @Test func `a name with two meanings has them still`() async throws {
    var texts: [String: Set<String>] = [:]
    for (_, command) in try await commands() {
      for argument in command.arguments ?? [] {
        guard let name = argument.long else { continue }
        texts[name, default: []].insert(argument.abstract ?? "")
      }
    }
    for name in Self.others {
      #expect(texts[name, default: []].count > 1, "--\(name)")
    }
  }

  @Test(arguments: [
    (
      ["pull", "--mtu", "500"], "--mtu belongs to DTLS: give --security dtls, too, or leave it out"
    ),
    (
      ["ota", "check", "--firmware", "1", "--psk", "--mtu", "500"],
      "--psk, --mtu belong to DTLS: give"
    ),
    (
      ["simulate", "--device", "x,yyyy,z", "--idle-close", "5"],
      "--idle-close belongs to DTLS: give --security dtls, too"
    ),
    (
      ["simulate", "--device", "x,yyyy,z", "--mqtt", "1883", "--certificates", "c"],
      "--certificates belongs to DTLS and TLS: give --security dtls, --mqtts, --wss or --https, too"
    ),
    (
      [
        "simulate", "--device", "x,yyyy,z", "--security", "dtls", "--certificates", "c",
        "--seq-offset",
        "5",
      ],
      "--seq-offset belongs to the symmetric mode: give --security symmetric, too"
    ),
    (
      ["register", "--secret-file", "new", "--ca-file", "x", "--timing", "nbIoT"],
      "--ca-file, --timing belong to CoAP: give --over coap, too, or leave them out"
    ),
    (
      ["register", "--secret-file", "new", "--over", "coap", "--url", "https://x"],
      "--url belongs to HTTPS: give --over https, too"
    ),
    (
      ["sign", "register", "--client-id", "x", "--unregistered"],
      "--client-id, --unregistered belong to MQTT: give --over mqtt, too, or leave them out"
    ),
    (
      ["inspect", "40017d34", "--port", "5682"],
      "--port belongs to a capture: give --capture FILE, too"
    ),
    (["publish", "--topic", "/a", "--region", "CN"], "--region has lower-case letters"),
    (["register", "--secret-file", "new", "--region", "CN"], "--region has lower-case letters"),
    (["sign", "mqtt", "--region", "CN"], "--region has lower-case letters"),
  ])
  func `a contradiction is one usage error, in the same words`(
    arguments: [String],
    words: String
  ) async throws {
    let isDevice = !["simulate", "inspect"].contains(arguments[0])
    let names = isDevice ? ["--product-key", "a1B2c3D4e5F", "--device-name", "device1"] : []
    let run = try await nbiot(
      arguments + names,
      environment: ["NBIOT_DEVICE_SECRET": "s", "NBIOT_PRODUCT_SECRET": "s"]
    )
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains("Error: \(words)"), "\(run.errors)")
    #expect(run.errors.contains("Usage: nbiot \(arguments[0])"), "\(run.errors)")
  }
}
