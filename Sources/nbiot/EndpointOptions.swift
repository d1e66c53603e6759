// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// `--endpoint`.
struct EndpointOption: ParsableArguments {
  @Option(
    name: .customLong("endpoint"),
    help: ArgumentHelp(
      "The platform's address (default: NBIOT_ENDPOINT, else the configuration's, else the real one's).",
      valueName: "host:port"
    ),
    transform: EndpointArgument.read
  )
  var given: EndpointArgument?

  /// The endpoint of the option or the environment.
  func argument() throws -> EndpointArgument? {
    try given ?? Variable.endpoint.setting.map { try EndpointArgument($0) }
  }

  /// The endpoint of the option or the environment, for that transport.
  func argument(_ transport: TransportArgument) throws -> EndpointArgument? {
    let argument = try argument()
    if let argument, let other = argument.transport, other != .coap, other != transport {
      throw ValidationError(
        "\(argument.origin) is for \(other.name) by its scheme: give --transport \(other.rawValue) where a command has it"
      )
    }
    return argument
  }

  /// The transport that the scheme of the option or the environment selects; `nil` without a scheme.
  ///
  /// What cannot be read is refused where the endpoint is asked for.
  var transport: TransportArgument? {
    (try? argument())?.transport
  }

  /// The endpoint of the option, the environment or a configuration for that transport.
  func argument(
    or config: ConfigurationFile?,
    _ transport: TransportArgument
  ) throws -> EndpointArgument? {
    try argument(transport) ?? config?.endpoint(transport).map { try EndpointArgument($0) }
  }
}

/// `--security`.
struct SecurityOption: ParsableArguments {
  @Option(
    name: .customLong("security"),
    help: ArgumentHelp(
      "symmetric (port 5682, the default unless an endpoint's scheme or a configuration says otherwise) or dtls (port "
        + "5684).",
      valueName: "mode"
    )
  )
  var given: SecurityArgument?
}

extension EndpointArgument {
  /// The transport that a URI's scheme selects; `nil` without a scheme.
  var transport: TransportArgument? {
    if mqtt != nil { return .mqtt }
    if isHTTPS { return .https }
    return security == nil ? nil : .coap
  }
}

extension TransportArgument {
  /// The transport's name in a text.
  fileprivate var name: String {
    switch self {
    case .coap: "CoAP"
    case .mqtt: "MQTT"
    case .https: "HTTPS"
    }
  }
}
