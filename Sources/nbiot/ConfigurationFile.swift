internal import Agent
internal import ArgumentParser
internal import Foundation

/// What a configuration file of `nbiot-agent` says that a command here can use, too.
///
/// The agent's own reader reads it: with what is wrong it ends the program as the agent does, by a line that
/// names file, line and key. Keys that concern the agent alone are passed over.
struct ConfigurationFile: Sendable {
  private let path: String
  private var texts: [ConfigurationKey: Setting<String>] = [:]

  /// Reads the file that an option's value names.
  static func read(_ text: String) throws -> ConfigurationFile {
    try ConfigurationFile(path: InputText.trimmed(text))
  }

  private init(path: String) throws {
    self.path = path
    let texts = ["nbiot", "--config", path]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
    unsafe words.append(nil)
    defer { unsafe words.forEach { unsafe free($0) } }
    try unsafe words.withUnsafeMutableBufferPointer { words in
      // SAFETY: three words and a null pointer, which outlive all that is made of them here.
      var arguments = unsafe Arguments(words.baseAddress)
      guard arguments.read(3) else {
        throw ValidationError("--config takes the path of a file, 1 to 255 bytes")
      }
      var configuration = Configuration(arguments)
      configuration.read()
      Self.check(configuration)
      for key in Self.keys where configuration.has(key) {
        self.texts[key] = try Self.setting(key, configuration, path)
      }
    }
  }

  /// Ends the program where a value is none that its key takes.
  private static func check(_ configuration: borrowing Configuration) {
    for key in choices { _ = configuration.choice(key) }
    for key in paths where configuration.has(key) { _ = configuration.path(key) }
    var endpoint = Endpoint()
    endpoint.read(configuration)
  }

  private static func setting(
    _ key: ConfigurationKey,
    _ configuration: borrowing Configuration,
    _ path: String
  ) throws -> Setting<String> {
    let (value, name) = (configuration.bytes(key), key.name)
    let origin =
      "\(path):\(configuration.line(of: key)): "
      + String(decoding: name.indices.map { name[$0] }, as: UTF8.self)
    guard let text = String(validating: value.indices.map { value[$0] }, as: UTF8.self) else {
      throw ValidationError("\(origin) is not UTF-8: check the file's encoding")
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
  /// Whether a key made of the device secret takes the place of certificates.
  var usesPreSharedKey: Bool { texts[.dtlsKey]?.value == "psk" }

  /// A value out of the words that the reader has let through.
  private func choice<Value: RawRepresentable>(_ key: ConfigurationKey) -> Value?
  where Value.RawValue == String {
    texts[key].flatMap { Value(rawValue: $0.value) }
  }
}
