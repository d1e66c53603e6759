// SPDX-License-Identifier: Apache-2.0
internal import Agent
internal import FoundationEssentials
internal import GatewayAgent
internal import Glibc
internal import HTTPSAgent
internal import MQTTAgent
internal import PlatformMQTT

/// The values of a configuration file of `nbiot-agent`, `nbiot-agent-mqtt`, `nbiot-agent-https` or `nbiot-gateway` that
/// commands of `nbiot` also use.
///
/// That agent's own reader parses it; an error ends the program with a sentence that names file,
/// line and key. Keys for the agents only are ignored.
struct ConfigurationFile: Sendable {
  /// What the agent speaks whose file it is: MQTT or HTTPS if the file says so, its endpoint's scheme does, or it has a
  /// key that only that agent has.
  let transport: TransportArgument
  /// Whether each of its keys is one of both agents: then its endpoint is that of the transport that a command has.
  private let isOfEither: Bool
  /// Whether its keys are the agent's over CoAP and also another's, and nothing in it says which agent's it is.
  private let mayBeOfAnother: Bool
  private let texts: [String: Setting<String>]

  /// Reads the file named by an option's value.
  static func read(_ text: String) -> ConfigurationFile {
    ConfigurationFile(path: InputText.trimmed(text))
  }

  private init(path: String) {
    let descriptor: Int32
    do {
      descriptor = try PrivateFile.open(path, "configuration file").descriptor
    } catch let complaint as Complaint {
      ConfigurationReader.refuse(complaint.message)
    } catch {
      ConfigurationReader.refuse("\(error)")
    }
    defer { close(descriptor) }
    let keys = Self.keys(descriptor)
    let isOfGateway = !keys.isDisjoint(with: Self.onlyGateway)
    let isOfMQTT =
      isOfGateway || keys.contains("transport = mqtt") || keys.contains("endpoint over mqtt")
      || !keys.isDisjoint(with: Self.onlyMQTT)
    let isOfHTTPS =
      keys.contains("transport = https") || keys.contains("endpoint over https")
      || !isOfMQTT && !keys.isDisjoint(with: Self.onlyHTTPS)
    transport = isOfHTTPS ? .https : isOfMQTT ? .mqtt : .coap
    isOfEither = transport == .coap && keys.isSubset(of: Self.common)
    mayBeOfAnother = isOfEither || transport == .coap && keys.isSubset(of: Self.commonWithHTTPS)
    let reader = ConfigurationReader(path: path)
    texts =
      switch transport {
      case .mqtt: isOfGateway ? reader.readGateway() : reader.readMQTT()
      case .https: reader.readHTTPS()
      case .coap: reader.readCoAP()
      }
  }

  /// The keys of a file, `transport` with its value, and whether its endpoint has a scheme of MQTT or HTTPS.
  private static func keys(_ descriptor: Int32) -> Set<String> {
    var buffer = [UInt8](repeating: 0, count: 32_768)
    let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
    let lines = buffer[..<max(0, count)].split(separator: UInt8(ascii: "\n"))
    var keys: Set<String> = []
    for line in lines {
      let words = line.split(separator: UInt8(ascii: "="), maxSplits: 1).map {
        InputText.trimmed(String(decoding: $0, as: UTF8.self))
      }
      guard words.count == 2, !words[0].hasPrefix("#") else { continue }
      keys.insert(words[0] == "transport" ? "transport = \(words[1])" : words[0])
      if words[0] == "endpoint", MQTTScheme(Array(words[1].utf8).span) != nil {
        keys.insert("endpoint over mqtt")
      }
      if words[0] == "endpoint", words[1].hasPrefix("https://") {
        keys.insert("endpoint over https")
      }
    }
    return keys
  }

  private static let common = Set(MQTTAgent.ConfigurationKey.allNames)
    .intersection(Agent.ConfigurationKey.allNames)

  private static let commonWithHTTPS = Set(HTTPSAgent.ConfigurationKey.allNames)
    .intersection(Agent.ConfigurationKey.allNames)

  private static let onlyMQTT =
    Set(MQTTAgent.ConfigurationKey.allNames).subtracting(Agent.ConfigurationKey.allNames)

  private static let onlyHTTPS =
    Set(HTTPSAgent.ConfigurationKey.allNames).subtracting(Agent.ConfigurationKey.allNames)
    .subtracting(GatewayAgent.ConfigurationKey.allNames)

  /// Sub-devices, a token over HTTPS, configurations: what `nbiot` passes over.
  private static let onlyGateway =
    Set(GatewayAgent.ConfigurationKey.allNames).subtracting(Agent.ConfigurationKey.allNames)
    .subtracting(MQTTAgent.ConfigurationKey.allNames)
    .subtracting(HTTPSAgent.ConfigurationKey.allNames)
}

extension ConfigurationFile {
  var productKey: Setting<String>? { texts["product-key"] }
  var deviceName: Setting<String>? { texts["device-name"] }
  var deviceSecretFile: Setting<String>? { texts["device-secret-file"] }
  var clientID: Setting<String>? { texts["client-id"] }
  var caFile: Setting<String>? { texts["ca-file"] }
  /// The authorities of a file that may be another agent's than that over CoAP, which does not use them without DTLS.
  ///
  /// An endpoint with a scheme says whose it is.
  var unusedAuthorities: Setting<String>? {
    mayBeOfAnother && texts["endpoint"]?.value.contains("://") != true ? caFile : nil
  }
  var serverName: String? { texts["server-name"]?.value }
  var topic: Setting<String>? { texts["topic"] }

  /// The platform's address; `nil` if there is none, or it is another transport's.
  func endpoint(_ transport: TransportArgument) -> Setting<String>? {
    transport == self.transport || isOfEither && transport != .coap ? texts["endpoint"] : nil
  }

  /// The sign method; an agent over MQTT signs with HMAC-SHA256 unless it is told otherwise, one over HTTPS with
  /// HMAC-SHA1.
  var signMethod: SignMethodArgument? {
    let usual: SignMethodArgument? =
      switch transport {
      case .mqtt: .hmacsha256
      case .https: .hmacsha1
      case .coap: nil
      }
    return choice("sign-method") ?? usual
  }

  var security: SecurityArgument? { choice("security") }
  var accept: AcceptArgument? { choice("accept") }
  var timing: TimingArgument? { choice("timing") }
  var tokenOption: TokenOptionArgument? { choice("token-option") }
  var format: PayloadFormat? { choice("format") }
  var allowsCommonName: Bool { isYes("allow-common-name") == true }
  /// Whether a key derived from the device secret replaces certificates.
  var usesPreSharedKey: Bool { texts["dtls-key"]?.value == "psk" }

  var usesWebSocket: Bool? { isYes("websocket") }
  var webSocketPath: Setting<String>? { texts["websocket-path"] }
  var usesTLS: Bool? { isYes("tls") }
  var isCleanSession: Bool? { isYes("clean-session") }
  var wantsNotices: Bool? { isYes("notices") }
  /// In seconds.
  var keepAlive: Int? { number("keep-alive") }
  var inFlight: Int? { number("in-flight") }
  /// In seconds.
  var answerTime: Int? { number("answer-time") }
  var thingModel: Setting<String>? { texts["thing-model"] }

  /// Refuses a second connection of the device over MQTT while its agent runs: the platform ends the older one, and the
  /// agent, thrown out by what looks like another device, stays away for half an hour and more.
  func refuseBesideAgent() throws {
    guard let directory = texts["state-directory"] else { return }
    let descriptor = unsafe open(directory.value, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // As long as an agent runs it has the lock alone; this one ends with the descriptor.
    guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    throw Complaint(
      "the agent of \(directory.origin) = \(directory.value) runs, and a second connection of its device would end its "
        + "own for half an hour or more: stop it first",
      .kicked
    )
  }

  /// The value of a key with a fixed set of words, which the reader has already checked.
  private func choice<Value: RawRepresentable>(_ key: String) -> Value?
  where Value.RawValue == String {
    texts[key].flatMap { Value(rawValue: $0.value) }
  }

  private func isYes(_ key: String) -> Bool? { texts[key].map { $0.value == "yes" } }

  private func number(_ key: String) -> Int? { texts[key].flatMap { Int($0.value) } }
}
