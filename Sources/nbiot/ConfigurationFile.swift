internal import Agent
internal import Foundation

/// The values of a configuration file of `nbiot-agent` that commands of `nbiot` also use.
///
/// The agent's own reader parses it; an error ends the program with a sentence that names file,
/// line and key. Keys for the agent only are ignored.
struct ConfigurationFile: Sendable {
  private let path: String
  private var texts: [ConfigurationKey: Setting<String>] = [:]

  /// Reads the file named by an option's value.
  static func read(_ text: String) -> ConfigurationFile {
    ConfigurationFile(path: InputText.trimmed(text))
  }

  private init(path: String) {
    self.path = path
    do {
      close(try PrivateFile.open(path, "configuration file").descriptor)
    } catch let complaint as Complaint {
      Self.refuse(complaint.message)
    } catch {
      Self.refuse("\(error)")
    }
    unsafe AgentLog.reader = { Self.show($0, of: path) }
    defer { unsafe AgentLog.reader = nil }
    let texts = ["nbiot", "--config", path]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
    unsafe words.append(nil)
    defer { unsafe words.forEach { unsafe free($0) } }
    unsafe words.withUnsafeMutableBufferPointer { words in
      // SAFETY: three words and a null pointer, which outlive everything made from them here.
      var arguments = unsafe Arguments(words.baseAddress)
      guard arguments.read(3) else {
        Self.refuse("--config takes the path of a file, 1 to 255 bytes")
      }
      var configuration = Configuration(arguments)
      configuration.read()
      Self.check(configuration)
      for key in Self.keys where configuration.has(key) {
        self.texts[key] = Self.setting(key, configuration, path)
      }
    }
  }

  /// Prints a line of the agent's reader in this program's form.
  private static func show(_ line: String, of path: String) {
    let writable = "warning writable-by-others: "
    guard line.hasPrefix("error ") else {
      guard line.hasPrefix(writable) else { return Console.complain("nbiot: \(line)") }
      return Console.complain("warning: others can change \(path); run: chmod go-w \(path)")
    }
    let problem = String(line.dropFirst("error ".count))
    let mark = ": unknown key "
    guard let place = problem.range(of: mark) else { refuse(problem) }
    let key = String(problem[place.upperBound...])
    let meant = UnknownNames.nearest(to: key, Set(ConfigurationKey.allNames))
    refuse(
      problem
        + (meant.map { ": did you mean \($0)?" }
          ?? ": the keys are those of nbiot-agent.conf, "
          + ConfigurationKey.allNames.joined(separator: ", "))
    )
  }

  private static func refuse(_ problem: String) -> Never {
    Console.complain("nbiot: \(problem)")
    Foundation.exit(ExitStatus.usage.rawValue)
  }

  /// Ends the program if a value is not valid for its key.
  private static func check(_ configuration: borrowing Configuration) {
    for key in choices { _ = configuration.choice(key) }
    for key in paths where configuration.has(key) { _ = configuration.path(key) }
    var endpoint = ServerAddress()
    endpoint.read(configuration)
  }

  private static func setting(
    _ key: ConfigurationKey,
    _ configuration: borrowing Configuration,
    _ path: String
  ) -> Setting<String> {
    let (value, name) = (configuration.bytes(key), key.name)
    let origin =
      "\(path):\(configuration.line(of: key)): "
      + String(decoding: name.indices.map { name[$0] }, as: UTF8.self)
    guard let text = String(validating: value.indices.map { value[$0] }, as: UTF8.self) else {
      refuse("\(origin) is not UTF-8: check the file's encoding")
    }
    return Setting(value: text, origin: origin)
  }

  private static let choices: [ConfigurationKey] = [
    .security, .allowCommonName, .dtlsKey, .signMethod, .accept, .timing, .tokenOption, .format,
  ]

  private static let paths: [ConfigurationKey] = [.deviceSecretFile, .caFile]

  private static let keys: [ConfigurationKey] =
    choices + paths + [.productKey, .deviceName, .endpoint, .serverName, .clientID, .topic]
}

extension ConfigurationFile {
  var productKey: Setting<String>? { texts[.productKey] }
  var deviceName: Setting<String>? { texts[.deviceName] }
  var deviceSecretFile: Setting<String>? { texts[.deviceSecretFile] }
  var clientID: Setting<String>? { texts[.clientID] }
  var endpoint: Setting<String>? { texts[.endpoint] }
  var caFile: Setting<String>? { texts[.caFile] }
  var serverName: String? { texts[.serverName]?.value }
  var topic: Setting<String>? { texts[.topic] }

  var security: SecurityArgument? { choice(.security) }
  var signMethod: SignMethodArgument? { choice(.signMethod) }
  var accept: AcceptArgument? { choice(.accept) }
  var timing: TimingArgument? { choice(.timing) }
  var tokenOption: TokenOptionArgument? { choice(.tokenOption) }
  var format: PayloadFormat? { choice(.format) }
  var allowsCommonName: Bool { texts[.allowCommonName]?.value == "yes" }
  /// Whether a key derived from the device secret replaces certificates.
  var usesPreSharedKey: Bool { texts[.dtlsKey]?.value == "psk" }

  /// The value of a key with a fixed set of words, which the reader has already checked.
  private func choice<Value: RawRepresentable>(_ key: ConfigurationKey) -> Value?
  where Value.RawValue == String {
    texts[key].flatMap { Value(rawValue: $0.value) }
  }
}
