// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPExchange
internal import CoAPLink
internal import CoAPMessage
internal import DTLSSecurity
internal import DeviceClient
internal import HTTPSLink
internal import MQTTLayer
internal import MQTTLink
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT
internal import ReportLink

/// The options of every device command: the device's identity, and its connection to the platform.
struct DeviceOptions: ParsableArguments {
  @OptionGroup var names: NameOptions

  @OptionGroup var secret: DeviceSecretOption

  @OptionGroup var place: EndpointOption

  @OptionGroup var protection: SecurityOption

  @OptionGroup var way: TransportOption

  // Each group stands here itself: groups of groups make the program slow to start when it is built for debugging,
  // four times for each level.
  @OptionGroup(title: "Rarely needed")
  var timing: TimingOption

  @OptionGroup(title: "Rarely needed")
  var messages: MessageOptions

  @OptionGroup(title: "Rarely needed")
  var client: ClientIDOption

  @OptionGroup(title: "Rarely needed")
  var method: SignMethodOption

  @OptionGroup(title: "Rarely needed")
  var token: TokenOptionOption

  @OptionGroup(title: "Rarely needed")
  var mode: AckModeOption

  @OptionGroup(title: "Rarely needed")
  var time: TimestampOption

  @OptionGroup(title: "Rarely needed")
  var region: RegionOption

  @OptionGroup(title: "Rarely needed")
  var deviceNames: DeviceNamesOption

  @OptionGroup(title: "The session between two runs")
  var session: SessionOptions

  @OptionGroup(title: "What goes over the wire")
  var trace: TraceOptions

  @OptionGroup(title: "With --transport mqtt")
  var socket: WebSocketOptions

  @OptionGroup(title: "With --transport mqtt")
  var mqtt: MQTTConnectionOptions

  @OptionGroup(title: "With DTLS, and --ca-file with MQTT over TLS and HTTPS")
  var authorities: AuthoritiesOption

  @OptionGroup(title: "With DTLS, and --ca-file with MQTT over TLS and HTTPS")
  var trust: TrustOptions

  @OptionGroup(title: "With DTLS, and --ca-file with MQTT over TLS and HTTPS")
  var dtls: DTLSOptions

  @OptionGroup(title: "With DTLS, and --ca-file with MQTT over TLS and HTTPS")
  var resumption: ResumptionOption

  var config: ConfigurationFile? { names.config }
  var productKey: String { names.productKey }
  var deviceName: String { names.deviceName }
  var clientID: Setting<String>? { client.setting(config) }

  var signMethod: SignMethodArgument {
    method.given ?? config?.signMethod ?? .hmacmd5
  }

  /// The platform's address; `nil` for the default.
  var endpoint: EndpointArgument? {
    // `validate` has thrown where it cannot be read.
    try? place.argument(or: config, transport)
  }

  /// How the messages are protected.
  var security: SecurityArgument {
    if let given = protection.given { return given }
    // An endpoint without a scheme says nothing of it: the file's protection also holds for another address.
    let isConfigured = (try? place.argument(transport)) == nil
    if !isConfigured, let scheme = endpoint?.security { return scheme }
    let configured = config?.endpoint(.coap).flatMap { try? EndpointArgument($0) }
    return config?.security ?? configured?.security ?? .symmetric
  }

  /// Whether there is a secure channel of datagrams.
  var usesDTLS: Bool { transport == .coap && security == .dtls }

  func validate() throws {
    let endpoint = try place.argument(or: config, transport)
    if let given = protection.given, let endpoint, let scheme = endpoint.security, scheme != given {
      throw ValidationError(
        "\(endpoint.origin) says \(scheme.rawValue) by its scheme, and --security \(given.rawValue): leave "
          + "one out"
      )
    }
    try checkTransport(endpoint)
    if transport == .coap, security == .symmetric {
      try Contradiction.check(givenForDTLS, belongTo: "DTLS", give: "--security dtls")
      try checkConfiguredTransport()
    }
    try dtls.check(verifying: authorities.given + trust.given)
  }

  /// Refuses a file that has authorities but says nowhere what is protected with them: it may be another agent's, and
  /// its server would be sent datagrams.
  private func checkConfiguredTransport() throws {
    guard way.given == nil, place.transport == nil, protection.given == nil,
      let authorities = config?.unusedAuthorities
    else { return }
    throw ValidationError(
      "\(authorities.origin) is for a TLS or DTLS server, and nothing says which: add transport = https or mqtt, or "
        + "security = dtls, or give --transport"
    )
  }

  /// What only DTLS has, and whether it was given.
  var givenForDTLS: [(name: String, isGiven: Bool)] {
    authorities.given + trust.given + dtls.given + [("--resumption", resumption.given != nil)]
  }

  /// Configures DTLS from the options and the configuration file.
  private func configureDTLS(_ configuration: inout DeviceClientConfiguration) throws {
    if let way = resumption.given { configuration.dtls.resumption = way.resumption }
    dtls.configure(&configuration)
    let isVerified =
      dtls.certificateFile != nil || (authorities.given + trust.given).contains(where: \.isGiven)
    if let key = try dtls.preSharedKey() {
      configuration.security = key
    } else if config?.usesPreSharedKey == true, !isVerified {
      configuration.security = .preSharedKey()
    } else {
      var trust = try trust.apply(to: &configuration, authorities, config, or: ", or --psk")
      try dtls.addCertificate(to: &trust)
      configuration.security = .certificate(trust)
    }
  }

  /// Creates a client from the options, reading its secret.
  func makeClient(
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in },
    mqtt adjustMQTT: (inout MQTTClientSettings) -> Void = { _ in }
  ) throws -> DeviceClient {
    var secret = try secret.load(config)
    defer { Secret.erase(&secret) }
    return try makeClient(secret: secret, adjusting: adjust, mqtt: adjustMQTT)
  }

  /// Creates a client with a given secret.
  func makeClient(
    secret: [UInt8],
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in },
    mqtt adjustMQTT: (inout MQTTClientSettings) -> Void = { _ in }
  ) throws -> DeviceClient {
    // Said with where the name was given, and before a host is made of it.
    _ = try names.identity(clientID: clientID, deviceNames: deviceNames.rule)
    if transport == .https { return try makeHTTPSClient(secret: secret, adjusting: adjust) }
    if transport == .mqtt {
      try config?.refuseBesideAgent()
      var configuration = try mqttConfiguration(adjusting: adjustMQTT)
      adjust(&configuration)
      do throws(DeviceClientError) {
        return try DeviceClient(configuration, secret: secret)
      } catch {
        throw Complaint(error.explanation, error.status(hasAnswered: false))
      }
    }
    var configuration = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region.name
    )
    let timing = self.timing.argument(config)
    let accept = messages.givenAccept ?? config?.accept ?? .json
    let tokenOption = token.given ?? config?.tokenOption ?? .current
    configuration.clientID = clientID?.value
    configuration.deviceNames = deviceNames.rule
    configuration.authenticationFormat = messages.authFormat == .cbor ? .cbor : .json
    configuration.settings.signMethod = signMethod.method
    configuration.settings.acknowledgementMode = mode.ackMode?.mode
    configuration.settings.timestamp = time.milliseconds
    configuration.settings.tokenOption = tokenOption.option
    configuration.settings.accept = accept.contentFormat
    configuration.settings.timing = timing.parameters
    configuration.settings.adaptsTimeout = messages.adaptiveTimeout
    if security == .dtls { try configureDTLS(&configuration) }
    try session.apply(to: &configuration)
    if Console.isInteractive {
      configuration.onTransmission = Self.retransmissionLine(of: timing.parameters.maxRetransmit)
    }
    let messages = trace.apply(to: &configuration, secret: secret)
    adjust(&configuration)
    do throws(DeviceClientError) {
      let client = try DeviceClient(configuration, secret: secret)
      messages?.goOn(random: client.keptRandom)
      session.tell(of: client)
      return client
    } catch {
      if case .sessionFile(let error) = error { throw session.complaint(about: error) }
      guard case .transport = error else { throw Complaint(error.explanation) }
      throw Complaint(error.explanation, .unreachable)
    }
  }

  /// Runs `body` with a client; the client's errors end the program with a sentence and a status.
  func withClient<Result>(
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in },
    _ body: (DeviceClient) async throws -> Result
  ) async throws -> Result {
    guard transport != .https else {
      throw Complaint(
        "over HTTPS a device only reports, and gets no reply: give --transport mqtt or coap",
        .usage
      )
    }
    let client = try makeClient(adjusting: adjust)
    do {
      let result = try await body(client)
      session.tellFailure(of: client)
      await client.close()
      return result
    } catch {
      let hasAnswered = client.counters.roundTrips > 0
      session.tellFailure(of: client)
      await client.close()
      guard let failure = error as? DeviceClientError else { throw error }
      throw Complaint(failure.explanation, failure.status(hasAnswered: hasAnswered))
    }
  }

  private static func retransmissionLine(
    of limit: Int
  ) -> @Sendable (DeviceTransmission) -> Void {
    { transmission in
      switch transmission {
      case .authentication(let attempt) where attempt > 1:
        Console.complain("no answer yet: /auth sent again, \(attempt - 1) of \(limit)")
      case .report(let attempt) where attempt > 1:
        Console.complain("no answer yet: report sent again, \(attempt - 1) of \(limit)")
      default: break
      }
    }
  }
}

extension DeviceClientError {
  /// What the program ends with; `hasAnswered` when anything came from the endpoint.
  func status(hasAnswered: Bool) -> ExitStatus {
    let silent: ExitStatus = hasAnswered ? .undelivered : .unreachable
    return switch self {
    case .transport, .interrupted: silent
    case .authentication(.putOff, _), .registration(.putOff, _): .undelivered
    case .authentication(let failure, _), .registration(let failure, _):
      failure.isSilence ? silent : .unauthenticated
    case .undelivered(let receipt):
      switch receipt.result.outcome {
      case .timedOut: silent
      case .unauthenticated(.putOff): .undelivered
      case .unauthenticated(let failure): failure.isSilence ? silent : .unauthenticated
      default: .undelivered
      }
    case .connection(let failure), .mqttRegistration(.connecting(let failure)):
      failure.status(hasAnswered: hasAnswered)
    case .resting(let reason, _): reason.status(otherwise: silent)
    case .lost(let reason, _): reason.status(otherwise: .undelivered)
    case .unacknowledged: silent
    // Each further report would ask for a token again, and get the same answer, unless that is a temporary one.
    case .httpsAuthentication(.answer, _, _): .unauthenticated
    case .httpsAuthentication(.status(let status), _, _):
      HTTPSReaction(status: status, code: nil) == .later ? .undelivered : .unauthenticated
    case .httpsAuthentication(.code(let code, let status), _, _):
      HTTPSReaction(status: status, code: code) == .later ? .undelivered : .unauthenticated
    case .httpsAuthentication(let failure, _, _), .httpsReport(let failure, _, _):
      failure.status(hasAnswered: hasAnswered)
    case .request, .thingModel, .mqttSettings, .channel, .subscription, .payloadTooLong,
      .notOverMQTT, .needsMQTT, .subDeviceOffline, .outbox, .endpointMismatch, .httpsSettings,
      .httpsChannel, .notOverHTTPS, .httpsPayloadTooLong:
      .usage
    default: .undelivered
    }
  }
}

extension MQTTLinkFailure {
  /// What the program ends with where no connection came about.
  func status(hasAnswered: Bool) -> ExitStatus {
    switch self {
    case .refused: .unauthenticated
    case .signing: .undelivered
    case .connection(let failure):
      switch failure {
      case .refused, .unknownAuthority, .expired, .notYetValid, .invalidAuthority, .weakSignature,
        .weakKey, .wrongPurpose, .certificate, .serverName, .oldVersion, .handshake:
        .unauthenticated
      case .unreachable, .timedOut: hasAnswered ? .undelivered : .unreachable
      case .malformed, .oversized, .library: .undelivered
      case .authentication(.transfer(let failure)):
        HTTPSLinkFailure.transfer(failure).status(hasAnswered: hasAnswered)
      // Each further report would ask for a token again.
      case .authentication(.answer): .unauthenticated
      case .authentication(.status(let status)):
        HTTPSReaction(status: status, code: nil) == .later ? .undelivered : .unauthenticated
      case .authentication(let failure): failure.isRefusal ? .unauthenticated : .undelivered
      }
    }
  }
}

extension RestReason {
  /// What the program ends with where the connection has ended for that reason, or is not made because of it.
  func status(otherwise other: ExitStatus) -> ExitStatus {
    switch self {
    case .kicked, .suspectedTwin: .kicked
    case .refused, .unauthenticated: .unauthenticated
    case .none, .failed, .lost, .malformed, .oversized, .closed: other
    }
  }
}
