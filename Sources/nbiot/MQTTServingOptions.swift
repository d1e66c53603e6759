// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation
internal import PlatformBroker
internal import PlatformConsole
internal import PlatformCore
internal import PlatformSimulator

/// The simulator's MQTT side.
struct MQTTServingOptions: ParsableArguments {
  @Option(help: "The port for MQTT over TCP; 0 takes any free one and prints it.")
  var mqtt: Int?

  @Option(help: "The port for MQTT over TLS 1.2 or later, with --certificates.")
  var mqtts: Int?

  @Option(help: "The port for MQTT over WebSocket.")
  var ws: Int?

  @Option(help: "The port for MQTT over WebSocket over TLS, with --certificates.")
  var wss: Int?

  @Option(
    help: ArgumentHelp(
      """
      The port on 127.0.0.1 for nbiot push, broker and fault; 0 takes any free one and prints it. Everybody on \
      this machine can use it.
      """,
      valueName: "port"
    )
  )
  var control: Int?

  @Option(
    help: ArgumentHelp(
      "The plugin for mosquitto (default: libnbiot-broker.so beside nbiot, else in ../lib/nbiot or ../lib).",
      valueName: "file"
    ),
    completion: .file()
  )
  var brokerPlugin: String?

  /// The transports that are asked for, with their ports.
  var ports: [BrokerTransport: Int] {
    let all: [(BrokerTransport, Int?)] = [
      (.mqtt, mqtt), (.mqtts, mqtts), (.ws, ws), (.wss, wss),
    ]
    return Dictionary(
      uniqueKeysWithValues: all.compactMap { name, port in port.map { (name, $0) } }
    )
  }

  /// Whether one of them has TLS.
  var hasTLS: Bool { mqtts != nil || wss != nil }

  /// Whether there is an MQTT side, or something to control.
  var isGiven: Bool { !ports.isEmpty || control != nil }

  func validate() throws {
    for (name, port) in [
      ("--mqtt", mqtt), ("--mqtts", mqtts), ("--ws", ws), ("--wss", wss), ("--control", control),
    ] {
      guard (0...65_535).contains(port ?? 0) else {
        throw ValidationError("\(name) is 0 to 65535")
      }
    }
    let given = [mqtt, mqtts, ws, wss, control].compactMap { $0 }.filter { $0 != 0 }
    guard Set(given).count == given.count else {
      throw ValidationError("two of --mqtt, --mqtts, --ws, --wss and --control have the same port")
    }
  }

  /// The settings of the MQTT side on `host`.
  func settings(
    host: String,
    _ certificate: CertificateFiles?,
    _ assumptions: BrokerAssumptions
  ) -> BrokerSettings {
    var settings = BrokerSettings()
    settings.host = host
    settings.ports = ports
    settings.assumptions = assumptions
    settings.plugin = brokerPlugin
    settings.controlPort = control
    if hasTLS, let certificate {
      settings.certificate = certificate.certificate
      settings.key = certificate.key
    }
    return settings
  }
}

extension BrokerServer {
  /// Starts the MQTT side.
  static func start(
    _ settings: BrokerSettings,
    beside server: SimulatorServer,
    keys: Set<String>,
    log: OutputArgument,
    _ book: ConsoleBook? = nil
  ) async throws -> BrokerServer {
    do {
      return try await start(settings, beside: server) { record in
        var record = record
        record.note += record.topicRemedies.hint(record.device, keys)
        record.print(as: log)
        book?.note(record)
      }
    } catch let error as BrokerError {
      throw Complaint(error.reason)
    } catch {
      throw Complaint(
        "the control socket cannot listen on 127.0.0.1 port \(settings.controlPort ?? 0): \(error)"
      )
    }
  }

  /// Says where it listens.
  func announce(_ host: String, _ log: OutputArgument) {
    for transport in BrokerTransport.allCases {
      guard let port = ports[transport] else { continue }
      Self.announce(transport.rawValue, host, port, log)
    }
    if let port = controlPort { Self.announce("control", "127.0.0.1", port, log) }
  }

  /// Says where something listens.
  static func announce(
    _ name: String,
    _ host: String,
    _ port: Int,
    _ log: OutputArgument
  ) {
    Console.print(
      log == .json
        ? #"{"listening":"\#(host)","port":\#(port),"transport":"\#(name)"}"#
        : "listening on \(host) port \(port), \(name)"
    )
  }
}
