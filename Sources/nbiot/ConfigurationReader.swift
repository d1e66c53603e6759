// SPDX-License-Identifier: Apache-2.0
internal import Agent
internal import FoundationEssentials
internal import GatewayAgent
internal import Glibc
internal import HTTPSAgent
internal import MQTTAgent

/// Reads a configuration file by the rules of the agent whose file it is.
struct ConfigurationReader {
  let path: String

  static func refuse(_ problem: String) -> Never {
    Console.complain("nbiot: \(problem)")
    Glibc.exit(ExitStatus.usage.rawValue)
  }

  /// The values of a file of `nbiot-agent`.
  func readCoAP() -> [String: Setting<String>] {
    let choices: [Agent.ConfigurationKey] = [
      .security, .allowCommonName, .dtlsKey, .signMethod, .accept, .timing, .tokenOption, .format,
    ]
    let paths: [Agent.ConfigurationKey] = [.deviceSecretFile, .caFile]
    let others: [Agent.ConfigurationKey] = [
      .productKey, .deviceName, .endpoint, .serverName, .clientID, .topic,
    ]
    unsafe Agent.AgentLog.reader = {
      show($0, Agent.ConfigurationKey.allNames, "nbiot-agent.conf")
    }
    defer { unsafe Agent.AgentLog.reader = nil }
    return unsafe withWords { words in
      // SAFETY: three words and a null pointer, which outlive everything made from them here.
      var arguments = unsafe Agent.Arguments(words)
      check(arguments.read(3))
      var configuration = Agent.Configuration(arguments)
      configuration.read()
      for key in choices { _ = configuration.choice(key) }
      for key in paths where configuration.has(key) { _ = configuration.path(key) }
      var endpoint = Agent.ServerAddress()
      endpoint.read(configuration)
      var texts: [String: Setting<String>] = [:]
      for key in choices + paths + others where configuration.has(key) {
        add(key.name, configuration.bytes(key), configuration.line(of: key), to: &texts)
      }
      return texts
    }
  }

  /// The values of a file of `nbiot-agent-mqtt`.
  func readMQTT() -> [String: Setting<String>] {
    let choices: [MQTTAgent.ConfigurationKey] = [
      .transport, .webSocket, .tls, .signMethod, .cleanSession, .notices,
    ]
    let numbers: [MQTTAgent.ConfigurationKey] = [.keepAlive, .inFlight, .answerTime]
    let paths: [MQTTAgent.ConfigurationKey] = [
      .deviceSecretFile, .caFile, .thingModel, .stateDirectory,
    ]
    let others: [MQTTAgent.ConfigurationKey] = [
      .productKey, .deviceName, .endpoint, .webSocketPath, .clientID, .topic,
    ]
    unsafe MQTTAgent.AgentLog.reader = {
      show($0, MQTTAgent.ConfigurationKey.allNames, "nbiot-agent-mqtt.conf")
    }
    defer { unsafe MQTTAgent.AgentLog.reader = nil }
    return unsafe withWords { words in
      // SAFETY: as above.
      var arguments = unsafe MQTTAgent.Arguments(words)
      check(arguments.read(3))
      var configuration = MQTTAgent.Configuration(arguments)
      configuration.read()
      for key in choices { _ = configuration.choice(key) }
      for key in numbers { _ = configuration.number(key, default: 1) }
      for key in paths where configuration.has(key) { _ = configuration.path(key) }
      var endpoint = MQTTAgent.ServerAddress()
      endpoint.read(configuration)
      var texts: [String: Setting<String>] = [:]
      for key in choices + numbers + paths + others where configuration.has(key) {
        add(key.name, configuration.bytes(key), configuration.line(of: key), to: &texts)
      }
      return texts
    }
  }

  /// The values of a file of `nbiot-gateway`, but for what is the gateway's own.
  func readGateway() -> [String: Setting<String>] {
    let choices: [GatewayAgent.ConfigurationKey] = [
      .transport, .webSocket, .tls, .signMethod, .cleanSession, .notices, .authentication,
    ]
    let numbers: [GatewayAgent.ConfigurationKey] = [.keepAlive, .inFlight, .answerTime]
    let paths: [GatewayAgent.ConfigurationKey] = [
      .deviceSecretFile, .caFile, .thingModel, .stateDirectory,
    ]
    let others: [GatewayAgent.ConfigurationKey] = [
      .productKey, .deviceName, .endpoint, .webSocketPath, .clientID, .topic,
    ]
    unsafe GatewayAgent.AgentLog.reader = {
      show($0, GatewayAgent.ConfigurationKey.allNames, "nbiot-gateway.conf")
    }
    defer { unsafe GatewayAgent.AgentLog.reader = nil }
    return unsafe withWords { words in
      // SAFETY: as above.
      var arguments = unsafe GatewayAgent.Arguments(words)
      check(arguments.read(3))
      var configuration = GatewayAgent.Configuration(arguments)
      configuration.read()
      for key in choices { _ = configuration.choice(key) }
      for key in numbers { _ = configuration.number(key, default: 1) }
      for key in paths where configuration.has(key) { _ = configuration.path(key) }
      var endpoint = GatewayAgent.ServerAddress()
      endpoint.read(configuration)
      var texts: [String: Setting<String>] = [:]
      for key in choices + numbers + paths + others where configuration.has(key) {
        add(key.name, configuration.bytes(key), configuration.line(of: key), to: &texts)
      }
      return texts
    }
  }

  /// The values of a file of `nbiot-agent-https`.
  func readHTTPS() -> [String: Setting<String>] {
    let choices: [HTTPSAgent.ConfigurationKey] = [.transport, .signMethod, .proxy, .timestamp]
    let numbers: [HTTPSAgent.ConfigurationKey] = [.payloadLimit]
    let paths: [HTTPSAgent.ConfigurationKey] = [.deviceSecretFile, .caFile]
    let others: [HTTPSAgent.ConfigurationKey] = [
      .productKey, .deviceName, .endpoint, .clientID, .topic,
    ]
    unsafe HTTPSAgent.AgentLog.reader = {
      show($0, HTTPSAgent.ConfigurationKey.allNames, "nbiot-agent-https.conf")
    }
    defer { unsafe HTTPSAgent.AgentLog.reader = nil }
    return unsafe withWords { words in
      // SAFETY: as above.
      var arguments = unsafe HTTPSAgent.Arguments(words)
      check(arguments.read(3))
      var configuration = HTTPSAgent.Configuration(arguments)
      configuration.read()
      for key in choices { _ = configuration.choice(key) }
      for key in numbers { _ = configuration.number(key, default: 1) }
      for key in paths where configuration.has(key) { _ = configuration.path(key) }
      var endpoint = HTTPSAgent.ServerAddress()
      endpoint.read(configuration)
      var texts: [String: Setting<String>] = [:]
      for key in choices + paths + others where configuration.has(key) {
        add(key.name, configuration.bytes(key), configuration.line(of: key), to: &texts)
      }
      return texts
    }
  }

  /// Gives the words of a command line with the file to a reader.
  @unsafe
  private func withWords<Result>(
    _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    let texts = ["nbiot", "--config", path]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
    unsafe words.append(nil)
    defer { unsafe words.forEach { unsafe free($0) } }
    return unsafe words.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) }
  }

  private func check(_ isRead: Bool) {
    guard !isRead else { return }
    Self.refuse("--config takes the path of a file, 1 to 255 bytes")
  }

  private func add(
    _ name: Span<UInt8>,
    _ value: Span<UInt8>,
    _ line: Int,
    to texts: inout [String: Setting<String>]
  ) {
    let key = String(decoding: name.indices.map { name[$0] }, as: UTF8.self)
    let origin = "\(path):\(line): \(key)"
    guard let text = String(validating: value.indices.map { value[$0] }, as: UTF8.self) else {
      Self.refuse("\(origin) is not UTF-8: check the file's encoding")
    }
    texts[key] = Setting(value: text, origin: origin)
  }

  /// Prints a line of an agent's reader in this program's form.
  private func show(_ line: String, _ keys: [String], _ example: String) {
    let writable = "warning writable-by-others: "
    guard line.hasPrefix("error ") else {
      guard line.hasPrefix(writable) else { return Console.complain("nbiot: \(line)") }
      return Console.complain("warning: others can change \(path); run: chmod go-w \(path)")
    }
    let problem = String(line.dropFirst("error ".count))
    let mark = ": unknown key "
    guard let place = problem.firstRange(of: mark) else { Self.refuse(problem) }
    let key = String(problem[place.upperBound...])
    let all = Set(keys).union(GatewayAgent.ConfigurationKey.allNames)
      .union(HTTPSAgent.ConfigurationKey.allNames)
    let meant = UnknownNames.nearest(to: key, all)
    Self.refuse(
      problem
        + (meant.map { ": did you mean \($0)?" }
          ?? ": the keys are those of \(example), " + keys.joined(separator: ", "))
    )
  }
}
