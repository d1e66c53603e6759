internal import AliyunIoT
internal import ArgumentParser
internal import CoAPExchange
internal import DeviceClient
internal import DeviceSession

/// The options of every command that is a device: who it is, and how it talks to the platform.
struct DeviceOptions: ParsableArguments {
  @Option(help: "The product's key.", transform: InputText.trimmed)
  var productKey: String

  @Option(help: "The device's name.", transform: InputText.trimmed)
  var deviceName: String

  @Option(help: "A file with the device secret in its first line.")
  var deviceSecretFile: String?

  @Option(
    help: ArgumentHelp(
      "Where the platform is (default: the platform's own address for product key and region).",
      valueName: "host:port"
    ),
    transform: EndpointArgument.read
  )
  var endpoint: EndpointArgument?

  @Option(help: "The platform's region; the device guide knows this one only.")
  var region = "cn-shanghai"

  @Option(
    name: .customLong("security"),
    help: ArgumentHelp(
      "How the messages are protected: symmetric on port 5682, dtls on port 5684 (default: symmetric, or "
        + "as the scheme of --endpoint says: coap:// or coaps://).",
      valueName: "security"
    )
  )
  var givenSecurity: SecurityArgument?

  /// How the messages are protected.
  var security: SecurityArgument { givenSecurity ?? endpoint?.security ?? .symmetric }

  @OptionGroup var session: SessionOptions

  @OptionGroup var trace: TraceOptions

  @OptionGroup(title: "With --security dtls")
  var dtls: DTLSOptions

  @Option(help: "How /auth is signed.")
  var signMethod = SignMethodArgument.hmacmd5

  @Option(help: "The client id (default: PRODUCTKEY&DEVICENAME).", transform: InputText.trimmed)
  var clientId: String?

  @Option(help: "How patiently a message is sent again.")
  var timing = TimingArgument.standard

  @Flag(help: "Let the first timeout follow the round trips that are measured (CoCoA).")
  var adaptiveTimeout = false

  @Option(help: "Which option carries the token; 61 for platforms of the SDKs 3.0 to 3.2.")
  var tokenOption = TokenOptionArgument.current

  @Option(help: "The format asked for in the answers; none saves 2 bytes.")
  var accept = AcceptArgument.json

  @Option(help: "How /auth asks the platform to answer: piggybacked (0) or separate (1).")
  var ackMode: AckModeArgument?

  @Option(help: "The timestamp of /auth: milliseconds since 1970, or now.")
  var timestamp: TimestampArgument?

  @Option(help: "What /auth is written in; cbor is unverified.")
  var authFormat = FormatArgument.json

  @Option(
    help: """
      Which names devices may have beside letters and digits: _ @ . - : (current), or _ @ . as the device guide \
      has them (guide).
      """
  )
  var deviceNames = DeviceNamesArgument.current

  func validate() throws {
    if let givenSecurity, let scheme = endpoint?.security, scheme != givenSecurity {
      throw ValidationError(
        "--endpoint says \(scheme.rawValue) by its scheme, and --security \(givenSecurity.rawValue): leave one out"
      )
    }
    if security == .symmetric, dtls.isUsed {
      throw ValidationError("these options belong to DTLS: give --security dtls with them")
    }
  }

  /// A client as the options want it, its secret read.
  func makeClient(
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in }
  ) throws -> DeviceClient {
    var secret = try Secret.load(path: deviceSecretFile)
    defer { Secret.erase(&secret) }
    return try makeClient(secret: secret, adjusting: adjust)
  }

  /// A client with a secret of another source.
  func makeClient(
    secret: [UInt8],
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in }
  ) throws -> DeviceClient {
    var configuration = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region
    )
    configuration.clientID = clientId
    configuration.deviceNames = deviceNames.rule
    configuration.authenticationFormat = authFormat == .cbor ? .cbor : .json
    configuration.settings.signMethod = signMethod.method
    configuration.settings.acknowledgementMode = ackMode?.mode
    configuration.settings.timestamp = timestamp?.milliseconds
    configuration.settings.tokenOption = tokenOption.option
    configuration.settings.accept = accept.contentFormat
    configuration.settings.timing = timing.parameters
    configuration.settings.adaptsTimeout = adaptiveTimeout
    if security == .dtls { try dtls.configure(&configuration) }
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
      guard case .transport = error else { throw Complaint(error.description) }
      throw Complaint(error.description, .unreachable)
    }
  }

  /// Runs `body` with a client, whose errors end the program with a sentence and a status.
  func withClient<Result>(
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in },
    _ body: (DeviceClient) async throws -> Result
  ) async throws -> Result {
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
      throw Complaint(failure.description, failure.status(hasAnswered: hasAnswered))
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
    case .authentication(.putOff), .registration(.putOff): .undelivered
    case .authentication(let failure), .registration(let failure):
      failure.isSilence ? silent : .unauthenticated
    case .undelivered(let receipt):
      switch receipt.result.outcome {
      case .timedOut: silent
      case .unauthenticated(.putOff): .undelivered
      case .unauthenticated(let failure): failure.isSilence ? silent : .unauthenticated
      default: .undelivered
      }
    case .request, .thingModel: .usage
    default: .undelivered
    }
  }
}
