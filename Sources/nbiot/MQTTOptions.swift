// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import DeviceClient
internal import Platform
internal import PlatformMQTT

/// How a device speaks to the platform.
enum TransportArgument: String, ExpressibleByArgument, CaseIterable {
  case coap, mqtt, https
}

/// `yes` or `no`.
enum YesNoArgument: String, ExpressibleByArgument, CaseIterable {
  case yes, no
}

/// `--transport`.
struct TransportOption: ParsableArguments {
  @Option(
    name: .customLong("transport"),
    help: ArgumentHelp(
      "The protocol (default: the endpoint's scheme, else the configuration's, else coap)."
    )
  )
  var given: TransportArgument?
}

/// How a connection over MQTT proves which device it is.
enum AuthenticationArgument: String, ExpressibleByArgument, CaseIterable {
  case sign, https
}

/// `--websocket` and its path.
struct WebSocketOptions: ParsableArguments {
  @Flag(help: "Speak MQTT over a WebSocket, port 443, not over TCP, port 1883.")
  var websocket = false

  @Option(
    name: .customLong("websocket-path"),
    help: ArgumentHelp("The WebSocket's path (default: /mqtt); unverified.", valueName: "path"),
    transform: InputText.trimmed
  )
  var givenPath: String?

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [("--websocket", websocket), ("--websocket-path", givenPath != nil)]
  }

  /// Whether there is a WebSocket.
  func isUsed(_ file: ConfigurationFile?) -> Bool { websocket || file?.usesWebSocket == true }

  /// Its path, and where it was given.
  func path(_ file: ConfigurationFile?) throws -> String {
    let setting =
      givenPath.map { Setting(value: $0, origin: "--websocket-path") } ?? file?.webSocketPath
    guard let setting else { return MQTTClientSettings().webSocketPath }
    let isPath = setting.value.hasPrefix("/") && setting.value.utf8.count <= 64
    guard isPath, setting.value.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw ValidationError("\(setting.origin) is a path from / of at most 64 bytes")
    }
    return setting.value
  }
}

/// `--in-flight`.
struct InFlightOption: ParsableArguments {
  @Option(
    name: .customLong("in-flight"),
    help: ArgumentHelp(
      "How many reports may be under way at once, 1 to 16 (default: 1).",
      valueName: "number"
    )
  )
  var given: Int?

  func validate() throws {
    guard (1...16).contains(given ?? 1) else { throw ValidationError("--in-flight is 1 to 16") }
  }
}

/// How a connection over MQTT is made.
struct MQTTConnectionOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Without TLS: anybody on the way can read and change everything. The platform may refuse it."
    )
  )
  var plain = false

  @Option(
    name: .customLong("keep-alive"),
    help: ArgumentHelp(
      "The longest time without a packet, 30 to 1200 (default: 300).",
      valueName: "seconds"
    )
  )
  var givenKeepAlive: Int?

  @Option(
    name: .customLong("clean-session"),
    help: "Whether the platform forgets subscriptions and messages at the end (default: yes)."
  )
  var givenCleanSession: YesNoArgument?

  @Flag(
    help: "Ask the platform to say why it closes the connection, with ext=3 (unverified)."
  )
  var notices = false

  @Option(
    help: ArgumentHelp(
      "sign: each CONNECT is signed; https: an authentication over HTTPS gives a user name and password for 7 days, "
        + "which a command with --session-file keeps there."
    )
  )
  var authentication = AuthenticationArgument.sign

  @Option(
    name: .customLong("auth-endpoint"),
    help: ArgumentHelp(
      "Where the device authenticates over HTTPS (default: the platform's own address).",
      valueName: "host:port"
    ),
    transform: InputText.trimmed
  )
  var givenAuthEndpoint: String?

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--plain", plain), ("--keep-alive", givenKeepAlive != nil),
      ("--clean-session", givenCleanSession != nil), ("--notices", notices),
      ("--authentication", authentication != .sign), ("--auth-endpoint", givenAuthEndpoint != nil),
    ]
  }

  func validate() throws {
    _ = try keepAlive(nil)
    _ = try authEndpoint
  }

  /// Where the device authenticates over HTTPS, if that is said.
  private var authEndpoint: EndpointArgument? {
    get throws {
      guard let givenAuthEndpoint else { return nil }
      guard authentication == .https else {
        throw ValidationError("--auth-endpoint is for --authentication https: give both or none")
      }
      let setting = Setting(value: givenAuthEndpoint, origin: "--auth-endpoint")
      let endpoint = try EndpointArgument(setting)
      guard endpoint.security == nil, endpoint.mqtt == nil else {
        throw ValidationError("--auth-endpoint is for HTTPS: give HOST:PORT, or https://HOST:PORT")
      }
      return endpoint
    }
  }

  /// How a connection proves which device it is; an endpoint for MQTT that is given stands over the answer's.
  private func authentication(
    _ transport: MQTTTransport,
    _ endpoint: EndpointArgument?,
    _ region: RegionOption
  ) throws -> MQTTClientAuthentication {
    guard authentication == .https else { return .sign }
    guard transport.isSecure else {
      throw ValidationError(
        "--authentication https needs TLS: the token would be sent in the clear; leave out --plain"
      )
    }
    let server = try authEndpoint
    var token = MQTTTokenSettings(
      host: server?.host,
      port: server?.port ?? 443,
      region: region.name
    )
    token.takesAddress = endpoint == nil
    return .https(token)
  }

  private func keepAlive(_ file: ConfigurationFile?) throws -> MQTTKeepAlive {
    guard let seconds = givenKeepAlive ?? file?.keepAlive else { return .standard }
    do throws(MQTTSettingsError) {
      return try MQTTKeepAlive(seconds: seconds)
    } catch {
      throw ValidationError("--keep-alive: \(error)")
    }
  }

  /// Whether there is no TLS; authorities that are given ask for it, whatever a configuration says.
  func isPlain(_ authorities: AuthoritiesOption, _ file: ConfigurationFile?) -> Bool {
    plain || file?.usesTLS == false && authorities.file == nil
  }

  /// What carries the packets: an endpoint's scheme says it, or the options do.
  func transport(
    _ socket: WebSocketOptions,
    _ authorities: AuthoritiesOption,
    _ endpoint: EndpointArgument?,
    _ file: ConfigurationFile?
  ) -> MQTTTransport {
    if let transport = endpoint?.mqtt { return transport }
    return switch (socket.isUsed(file), isPlain(authorities, file)) {
    case (false, false): .tls
    case (false, true): .tcp
    case (true, false): .secureWebSocket
    case (true, true): .webSocket
    }
  }

  /// The settings of these options, with what vouches for the platform.
  func settings(
    _ socket: WebSocketOptions,
    _ authorities: AuthoritiesOption,
    _ endpoint: EndpointArgument?,
    _ signMethod: SignMethod,
    _ region: RegionOption,
    _ file: ConfigurationFile?
  ) throws -> MQTTClientSettings {
    var settings = MQTTClientSettings(transport(socket, authorities, endpoint, file))
    settings.webSocketPath = try socket.path(file)
    settings.keepAlive = try keepAlive(file)
    settings.isClean = givenCleanSession.map { $0 == .yes } ?? file?.isCleanSession ?? true
    settings.signMethod = signMethod
    settings.wantsNotices = notices || file?.wantsNotices == true
    settings.authentication = try authentication(settings.transport, endpoint, region)
    guard settings.transport.isSecure else {
      let reason = plain ? "--plain" : endpoint?.mqtt != nil ? endpoint?.origin : nil
      Console.complain(
        "warning: \(reason ?? "tls = no") sends everything in the clear, and whoever is on the way can "
          + "change it; the platform may refuse it"
      )
      return settings
    }
    guard let authorities = authorities.setting(file) else {
      throw Complaint(
        "TLS verifies the server: give --ca-file FILE with the platform's root certificate"
      )
    }
    settings.authorities = try authorities.use(InputText.read)
    return settings
  }
}

extension DeviceOptions {
  /// Those that mean nothing over MQTT and HTTPS, and whether they were given.
  var givenForCoAP: [(name: String, isGiven: Bool)] {
    [
      ("--timing", timing.given != nil), ("--adaptive-timeout", messages.adaptiveTimeout),
      ("--accept", messages.givenAccept != nil), ("--token-option", token.given != nil),
      ("--ack-mode", mode.ackMode != nil), ("--auth-format", messages.authFormat != .json),
    ]
  }
}

extension MQTTConnectionOptions {
  /// Refuses what contradicts the connection.
  func check(
    _ endpoint: EndpointArgument?,
    _ socket: WebSocketOptions,
    _ authorities: AuthoritiesOption
  ) throws {
    if plain, authorities.file != nil {
      throw ValidationError("--plain verifies no server: give --ca-file or --plain, not both")
    }
    if let endpoint, endpoint.security != nil {
      throw ValidationError("\(endpoint.origin) is for CoAP by its scheme: give HOST:PORT for MQTT")
    }
    guard let endpoint, let transport = endpoint.mqtt else { return }
    let isOther =
      plain && transport.isSecure || socket.websocket && !transport.isWebSocket
      || authorities.file != nil && !transport.isSecure
    if isOther {
      throw ValidationError(
        "\(endpoint.origin) says by its scheme how the platform is reached: leave out --plain, --websocket and "
          + "--ca-file where they say otherwise"
      )
    }
  }
}

/// The options of a device that speaks MQTT alone.
struct MQTTDeviceOptions: ParsableArguments {
  @OptionGroup var names: NameOptions

  @OptionGroup var secret: DeviceSecretOption

  @Option(
    name: .customLong("transport"),
    help: "mqtt and no other: over CoAP and HTTPS the platform sends nothing by itself."
  )
  var givenTransport: TransportArgument?

  @OptionGroup var place: EndpointOption

  @OptionGroup var authorities: AuthoritiesOption

  @OptionGroup var socket: WebSocketOptions

  @OptionGroup var connection: MQTTConnectionOptions

  @OptionGroup(title: "Rarely needed")
  var client: ClientIDOption

  @OptionGroup(title: "Rarely needed")
  var method: SignMethodOption

  @OptionGroup(title: "Rarely needed")
  var time: TimestampOption

  @OptionGroup(title: "Rarely needed")
  var region: RegionOption

  @OptionGroup(title: "Rarely needed")
  var deviceNames: DeviceNamesOption

  @OptionGroup(title: "What goes over the wire")
  var trace: TraceOptions

  /// The platform's address; that of a configuration for CoAP is none.
  private var endpoint: EndpointArgument? {
    get throws { try place.argument(or: names.config, .mqtt) }
  }

  func validate() throws {
    try checkTransport()
    try connection.check(try endpoint, socket, authorities)
  }

  /// Refuses another transport than MQTT.
  ///
  /// An endpoint that is given is one of MQTT, whatever a configuration speaks.
  private func checkTransport() throws {
    let isGiven = try place.argument() != nil
    let isOfHTTPS = !isGiven && givenTransport == nil && names.config?.transport == .https
    let isAtHTTPS = place.transport == .https
    switch isAtHTTPS || isOfHTTPS ? .https : givenTransport ?? .mqtt {
    case .mqtt: break
    case .coap:
      throw ValidationError(
        "over CoAP nothing can be listened to, for the platform sends nothing by itself: nbiot pull asks for what "
          + "waits there; give --transport mqtt"
      )
    case .https:
      throw ValidationError(
        "over HTTPS nothing can be listened to, for a device only reports: give "
          + (isAtHTTPS ? "an endpoint of MQTT" : "--transport mqtt")
          + (isOfHTTPS ? ", and --endpoint if the platform is not at its own address" : "")
      )
    }
  }

  /// Creates a client, reading its secret.
  func makeClient(
    _ adjustMQTT: (inout MQTTClientSettings) -> Void,
    adjusting adjust: (inout DeviceClientConfiguration) -> Void
  ) throws -> DeviceClient {
    try make(adjustMQTT, adjust) { configuration, secret throws(DeviceClientError) in
      try DeviceClient(configuration, secret: secret)
    }
  }

  /// Creates a gateway, reading its secret.
  func makeGateway(
    _ gateway: GatewayClientSettings,
    _ adjustMQTT: (inout MQTTClientSettings) -> Void
  ) throws -> Gateway {
    try make(adjustMQTT, { _ in }) { configuration, secret throws(DeviceClientError) in
      try Gateway(configuration, secret: secret, settings: gateway)
    }
  }

  private func make<Made>(
    _ adjustMQTT: (inout MQTTClientSettings) -> Void,
    _ adjust: (inout DeviceClientConfiguration) -> Void,
    _ make: (DeviceClientConfiguration, [UInt8]) throws(DeviceClientError) -> Made
  ) throws -> Made {
    try names.config?.refuseBesideAgent()
    var secret = try secret.load(names.config)
    defer { Secret.erase(&secret) }
    let clientID = client.setting(names.config)
    _ = try names.identity(clientID: clientID, deviceNames: deviceNames.rule)
    let signMethod = method.given ?? names.config?.signMethod ?? .hmacmd5
    var settings = try connection.settings(
      socket,
      authorities,
      try endpoint,
      signMethod.method,
      region,
      names.config
    )
    settings.timestamp = time.milliseconds
    if trace.verbose { settings.onPacket = MQTTTrace().show }
    adjustMQTT(&settings)
    var configuration = DeviceClientConfiguration(
      productKey: names.productKey,
      deviceName: names.deviceName,
      mqtt: settings,
      host: try endpoint?.host,
      port: try endpoint?.port,
      region: region.name
    )
    configuration.clientID = clientID?.value
    configuration.deviceNames = deviceNames.rule
    adjust(&configuration)
    do throws(DeviceClientError) {
      return try make(configuration, secret)
    } catch {
      throw Complaint(error.explanation, error.status(hasAnswered: false))
    }
  }
}

extension DeviceOptions {
  /// How the platform is spoken to.
  var transport: TransportArgument {
    way.given ?? place.transport ?? config?.transport ?? .coap
  }

  /// Refuses options that mean nothing over the transport.
  func checkTransport(_ endpoint: EndpointArgument?) throws {
    switch transport {
    case .coap:
      let given = socket.given + mqtt.given
      return try Contradiction.check(given, belongTo: "MQTT", give: "--transport mqtt")
    case .https: return try checkHTTPS(endpoint)
    case .mqtt: break
    }
    let keeps = [("--session-file", session.sessionFile != nil && mqtt.authentication == .sign)]
    try Contradiction.check(
      keeps,
      belongTo: "CoAP, HTTPS and --authentication https",
      give: "--authentication https"
    )
    let others =
      [("--security", protection.given != nil)] + givenForCoAP
      + givenForDTLS.filter { $0.name != "--ca-file" }
    try Contradiction.check(others, belongTo: "CoAP", give: "--transport coap")
    try mqtt.check(endpoint, socket, authorities)
  }

  /// The configuration of a client over MQTT.
  func mqttConfiguration(
    adjusting adjust: (inout MQTTClientSettings) -> Void
  ) throws -> DeviceClientConfiguration {
    var settings = try mqtt.settings(
      socket,
      authorities,
      endpoint,
      signMethod.method,
      region,
      config
    )
    settings.timestamp = time.milliseconds
    if trace.verbose { settings.onPacket = MQTTTrace().show }
    adjust(&settings)
    var configuration = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      mqtt: settings,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region.name
    )
    configuration.clientID = clientID?.value
    configuration.deviceNames = deviceNames.rule
    try session.apply(to: &configuration)
    return configuration
  }
}
