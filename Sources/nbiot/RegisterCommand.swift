// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceClient
internal import HTTPSTransfer
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
internal import PlatformMQTT

/// Dynamic registration: obtains a device secret for a device that has its product's secret.
struct RegisterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register",
    abstract: "Gets a device secret with the product secret: dynamic registration.",
    usage: """
      nbiot register --product-key KEY --device-name NAME
        --product-secret-file FILE --secret-file FILE [options]
      """,
    discussion: """
      Example:
        nbiot register --product-key a1B2c3D4e5F --device-name device1 \\
          --product-secret-file product.txt --secret-file secret.txt

      Example over CoAP with DTLS, as the platform's C SDK v4 does (unverified: the guide knows HTTPS only):
        nbiot register --over coap --ca-file root.pem \\
          --product-key a1B2c3D4e5F --device-name device1 \\
          --product-secret-file product.txt --secret-file new-secret.txt

      Example over MQTT with TLS, as the platform's second document has it:
        nbiot register --over mqtt --ca-file root.pem \\
          --product-key a1B2c3D4e5F --device-name device1 \\
          --product-secret-file product.txt --secret-file mqtt-secret.txt

      The device's name must be in the console, and dynamic registration on for the product (device \
      guide 6.2). Until the device connects for the first time, each registration gives another secret; after \
      that the secret stays, and a new one means deleting the device and creating it again. With --over mqtt \
      --unregistered (unverified: regnwl) its name need not be there: the file then holds a device token, the \
      password of an MQTT client that connects with the client id and user name that are printed. No command of \
      nbiot connects that way.

      The device secret goes only to the file, which only you can read, and is never printed. The product \
      secret comes from a file or from the environment variable NBIOT_PRODUCT_SECRET.

      An option takes precedence over the environment (NBIOT_PRODUCT_KEY, NBIOT_DEVICE_NAME and, with --over coap or \
      mqtt, NBIOT_ENDPOINT), and the environment over --config FILE, the configuration of an agent. Its \
      device-secret-file is where the secret goes. Also used are, with --over coap, ca-file, server-name, \
      allow-common-name, timing and an endpoint of DTLS; with --over mqtt ca-file, client-id, websocket, \
      websocket-path and endpoint of a configuration of nbiot-agent-mqtt.

      Exit status: 0 the secret is in the file, 1 it is not, 2 usage, 3 the platform refused or could \
      not prove itself, 4 it never answered.
      """
  )

  @OptionGroup var names: NameOptions

  @OptionGroup var secret: ProductSecretOption

  @Option(
    name: .customLong("secret-file"),
    help: ArgumentHelp("Where the device secret goes, with mode 600.", valueName: "file"),
    completion: .file()
  )
  var givenSecretFile: String?

  @Flag(help: "Replace the secret file if it is there already.")
  var force = false

  @Option(
    name: .customLong("over"),
    help: "How the registration is sent (default: as the scheme of --endpoint says, else https)."
  )
  var givenOver: RegistrationWayArgument?

  @OptionGroup var method: SignMethodOption

  @OptionGroup var region: RegionOption

  @OptionGroup var deviceNames: DeviceNamesOption

  @OptionGroup var output: OutputOption

  @OptionGroup var trace: TraceOptions

  @OptionGroup(title: "With --over https")
  var https: HTTPSRegistrationOptions

  @OptionGroup(title: "With --over coap; --endpoint and --ca-file with --over mqtt, too")
  var coap: CoAPRegistrationOptions

  @OptionGroup(title: "With --over mqtt")
  var socket: WebSocketOptions

  @OptionGroup(title: "With --over mqtt")
  var connection: ConnectionOptions

  var config: ConfigurationFile? { names.config }

  /// How the registration is sent.
  var over: RegistrationWayArgument {
    if let givenOver { return givenOver }
    return switch coap.place.given?.transport {
    case .coap: .coap
    case .mqtt: .mqtt
    case .https, nil: .https
    }
  }

  var signMethod: SignMethodArgument { method.given ?? .hmacsha256 }

  /// Where the secret goes; `validate` has made sure that it is known.
  var secretFile: String { givenSecretFile ?? config?.deviceSecretFile?.value ?? "" }

  /// The platform's address for registrations over CoAP.
  private func endpoint() throws -> EndpointArgument? {
    guard over == .coap else { return nil }
    let given = try coap.place.argument(.coap)
    if given == nil, let configured = config?.endpoint(.coap) {
      let endpoint = try EndpointArgument(configured)
      guard endpoint.security ?? config?.security == .dtls else {
        throw ValidationError(
          "\(configured.origin) is not for DTLS, over which a device registers: give --endpoint"
        )
      }
      return endpoint
    }
    if let given, given.security == .symmetric {
      throw ValidationError("a device registers over DTLS: \(given.origin) takes no coap://")
    }
    return given
  }

  func validate() throws {
    guard !secretFile.isEmpty else {
      throw ValidationError(
        "give --secret-file FILE, where the device secret goes, or a configuration file with device-secret-file"
      )
    }
    _ = try endpoint()
    if over != .https {
      try Contradiction.check(https.given, belongTo: "HTTPS", give: "--over https")
    }
    if over != .coap {
      let others = over == .https ? coap.given : coap.onlyForCoAP
      try Contradiction.check(others, belongTo: "CoAP", give: "--over coap")
    }
    if over != .mqtt {
      try Contradiction.check(givenForMQTT, belongTo: "MQTT", give: "--over mqtt")
    } else if let endpoint = try mqttEndpoint(), endpoint.security != nil {
      throw ValidationError("\(endpoint.origin) is for CoAP by its scheme: give HOST:PORT for MQTT")
    } else if let endpoint = try mqttEndpoint(), endpoint.mqtt?.isSecure == false {
      throw ValidationError(
        "a device registers over TLS: \(endpoint.origin) takes mqtts:// or wss://"
      )
    }
    if let file = secret.file,
      PrivateFile.target(of: file) == PrivateFile.target(of: secretFile)
    {
      throw ValidationError("--secret-file is the product secret's own file: give another name")
    }
  }

  func run() async throws {
    var clientID: String?
    switch over {
    case .https: try registerOverHTTPS()
    case .coap: try await registerOverCoAP()
    case .mqtt: clientID = try await registerOverMQTT()
    }
    var lines = ResultLines()
    lines.add("registered", "deviceName", names.deviceName)
    lines.add("product", "productKey", names.productKey)
    if let clientID {
      lines.add("client id", "clientID", clientID)
      lines.add("user name", "userName", "\(names.deviceName)&\(names.productKey)")
      lines.add("token in", "tokenFile", secretFile)
    } else {
      lines.add("secret in", "secretFile", secretFile)
    }
    lines.print(output.form)
  }

  private func registerOverCoAP() async throws {
    try PrivateFile.checkPlace(secretFile, "secret", replaces: force)
    let endpoint = try endpoint()
    _ = try names.identity(clientID: nil, deviceNames: deviceNames.rule)
    var configuration = DeviceClientConfiguration(
      productKey: names.productKey,
      deviceName: names.deviceName,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region.name
    )
    configuration.settings.timing = coap.timing.argument(config).parameters
    configuration.deviceNames = deviceNames.rule
    configuration.security = .certificate(
      try coap.trust.apply(to: &configuration, coap.authorities, config)
    )
    var productSecret = try secret.load()
    defer { Secret.erase(&productSecret) }
    _ = trace.apply(to: &configuration, secret: productSecret)
    let client: DeviceClient
    do throws(DeviceClientError) {
      client = try DeviceClient(configuration, secret: productSecret)
    } catch {
      throw Complaint(
        error.explanation(CoAPRegistrationOptions.names),
        error.status(hasAnswered: false)
      )
    }
    do {
      var secret = try await client.register(signMethod: signMethod.method)
      defer { Secret.erase(&secret) }
      await client.close()
      try keep(secret)
    } catch let error as DeviceClientError {
      await client.close()
      let hasAnswered = client.counters.roundTrips > 0
      throw Complaint(
        error.explanation(CoAPRegistrationOptions.names),
        error.status(hasAnswered: hasAnswered)
      )
    }
  }

  private func registerOverHTTPS() throws {
    let identity = try names.identity(clientID: nil, deviceNames: deviceNames.rule)
    let url = https.url ?? PlatformAddress.registrationURL(region: region.name)
    try TransferOptions.check(url: url)
    try PrivateFile.checkPlace(secretFile, "secret", replaces: force)
    var source = SystemRandom()
    let request = RegistrationRequest(identity, drawing: &source, signMethod: signMethod.method)
    let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(into: &writer)
    }
    var productSecret = try secret.load()
    defer { Secret.erase(&productSecret) }
    let signature = try Signature(content, signMethod.method, productSecret)
    var body = try answer(request, signature, url)
    defer { Secret.erase(&body) }
    var secret = try Self.secret(in: body, identity, productSecret)
    defer { Secret.erase(&secret) }
    try keep(secret)
  }

  /// The body of the platform's answer, which contains the secret.
  private func answer(
    _ request: RegistrationRequest,
    _ signature: Signature,
    _ url: String
  ) throws -> [UInt8] {
    let form = Array(
      try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeForm(signature: signature.bytes.span, into: &writer)
      }.utf8
    )
    let interruption = Interruption()
    let signals = InterruptSignal(interruption)
    let settings = try https.transfer.settings(interruption)
    let answer: HTTPSAnswer
    do throws(HTTPSError) {
      var connection = try HTTPSConnection(settings)
      trace.show("POST \(url)", form)
      answer = try connection.post(form: form.span, to: url, limit: 16_384)
      trace.show("status \(answer.status)", answer.body)
    } catch {
      throw Complaint(error.explanation, error.status)
    }
    withExtendedLifetime(signals) {}
    if answer.status == 429 || answer.status == 503 {
      let wait = answer.retryAfter.map { "after \($0) s, as it asks for" } ?? "later"
      throw Complaint("the server is busy (\(answer.status)): run it again \(wait)", .undelivered)
    }
    guard answer.status == 200 else {
      throw Complaint(
        "the server answered with status \(answer.status) and not with a secret: check the address, or "
          + "try again later",
        answer.status < 500 ? .unauthenticated : .undelivered
      )
    }
    return answer.body
  }

  /// Writes the secret into the file.
  func keep(_ secret: [UInt8]) throws {
    // It must fit on one line of a file, as it will be read.
    guard secret.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Complaint("the platform gave a secret with characters that none has", .undelivered)
    }
    var line = secret + [0x0A]
    defer { Secret.erase(&line) }
    do {
      try PrivateFile.write(line, to: secretFile, replaces: force)
    } catch let complaint as Complaint {
      throw Complaint(
        "\(complaint.message). The platform has given a secret that is lost now: run it again",
        .undelivered
      )
    }
  }

  private static func secret(
    in body: [UInt8],
    _ identity: DeviceIdentity,
    _ productSecret: [UInt8]
  ) throws -> [UInt8] {
    var answer: RegistrationAnswer
    do throws(RegistrationAnswerError) {
      answer = try RegistrationAnswer(json: body.span)
    } catch {
      throw Complaint("\(error): check the address", .undelivered)
    }
    defer { answer.withDeviceSecretStorage { wipe(&$0) } }
    guard answer.isSuccess else { throw refusal(answer, productSecret) }
    guard answer.isFor(identity) else {
      throw Complaint("the answer is for another device: try again", .undelivered)
    }
    let secret = answer.deviceSecret.bytes
    return secret.indices.map { secret[$0] }
  }

  private static func refusal(
    _ answer: borrowing RegistrationAnswer,
    _ productSecret: [UInt8]
  ) -> Complaint {
    var text = answer.message
    text.mask(productSecret.span)
    let words = text.bytes.indices.map { text.bytes[$0] }
    let message = words.isEmpty ? "" : ", \"\(String(decoding: words, as: UTF8.self))\""
    return Complaint(
      "the platform refused the registration (code \(answer.code ?? 0)\(message)): check product key, "
        + "device name and product secret, that the device is in the console, and that dynamic "
        + "registration is on for the product",
      .unauthenticated
    )
  }
}

/// What only a registration over HTTPS has.
struct HTTPSRegistrationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where to register (default: the platform's address for the region); https only.",
      valueName: "url"
    )
  )
  var url: String?

  @OptionGroup var transfer: TransferOptions

  /// Each of which it can be told, and whether it was given.
  var given: [(name: String, isGiven: Bool)] { [("--url", url != nil)] + transfer.given }
}

/// What a registration over CoAP has.
struct CoAPRegistrationOptions: ParsableArguments {
  @OptionGroup var place: EndpointOption

  @OptionGroup var authorities: AuthoritiesOption

  @OptionGroup var trust: TrustOptions

  @OptionGroup var timing: TimingOption

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [("--endpoint", place.given != nil)] + authorities.given + trust.given
      + [("--timing", timing.given != nil)]
  }

  /// Those that a registration over MQTT does not have.
  var onlyForCoAP: [(name: String, isGiven: Bool)] {
    given.filter { $0.name != "--endpoint" && $0.name != "--ca-file" }
  }

  /// Their names, which advice can name.
  static let names: Set<String> = [
    "--endpoint", "--ca-file", "--server-name", "--allow-common-name", "--timing",
  ]
}
