internal import ArgumentParser
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
internal import PlatformMQTT

extension SignCommand {
  /// Dynamic registration in each of its three ways.
  struct Register: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "register",
      abstract: "A dynamic registration, signed with the product secret (device guide 6.2).",
      usage: """
        nbiot sign register --product-key KEY --device-name NAME
          --product-secret-file FILE [options]
        """,
      discussion: """
        Example, what an MQTT client of another make connects with to get a device secret:
          nbiot sign register --over mqtt --product-key a1B2c3D4e5F \\
            --device-name device1 --product-secret-file product.txt \\
            --client-id ailink --instance-id iot-06z00ez08936hvm

        `nbiot register` does it over HTTPS at once. Over CoAP it is what the platform's C SDK v4 sends, \
        which no document tells of.

        \(SignCommand.sources)
        """
    )

    @OptionGroup var names: NameOptions

    @Option(
      help: ArgumentHelp(
        "A file with the product secret in its first line; else NBIOT_PRODUCT_SECRET.",
        valueName: "file"
      )
    )
    var productSecretFile: String?

    @Option(help: "How it is sent: https, coap or mqtt.")
    var over = RegistrationWayArgument.https

    @Option(help: "How it is signed.")
    var signMethod = SignMethodArgument.hmacsha256

    @Option(help: "The random, 1 to 32 letters and digits (default: 24 hexadecimal digits drawn).")
    var random: String?

    @Option(
      name: .customLong("client-id"),
      help: ArgumentHelp(
        "With --over mqtt: the client id (default: PRODUCTKEY&DEVICENAME).",
        valueName: "id"
      ),
      transform: InputText.trimmed
    )
    var givenClientID: String?

    @Option(help: "With --over mqtt: the instance's id, which the console shows.")
    var instanceId: String?

    @Flag(help: "With --over mqtt: the device's name is not in the console.")
    var unregistered = false

    @Option(help: "The platform's region.")
    var region = "cn-shanghai"

    @Option(help: "Which names devices may have: with _ @ . - : (current) or with _ @ . (guide).")
    var deviceNames = DeviceNamesArgument.current

    @Option(help: "How results are printed.")
    var output = OutputArgument.text

    /// Only a connection has one.
    private var clientID: Setting<String>? {
      guard over == .mqtt else { return nil }
      return givenClientID.map { Setting(value: $0, origin: "--client-id") }
        ?? names.config?.clientID
    }

    func validate() throws {
      if over != .mqtt, givenClientID != nil || instanceId != nil || unregistered {
        throw ValidationError(
          "--client-id, --instance-id and --unregistered belong to MQTT: give --over mqtt with them"
        )
      }
      try SignCommand.check(clientID: clientID)
      if let instanceId, instanceId.contains(where: { $0 == "|" || $0 == "," }) {
        throw ValidationError("--instance-id cannot contain | or ,")
      }
      try SignCommand.check(region: region)
    }

    func run() throws {
      let identity = try names.identity(clientID: clientID, deviceNames: deviceNames)
      let request = try makeRequest(identity)
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(into: &writer)
      }
      let signature = try Signature(
        content,
        signMethod.method,
        secretFile: productSecretFile,
        .product
      )
      var lines = try ResultLines(signature, signMethod, uppercase: false)
      try add(to: &lines, identity, request, signature)
      lines.print(output)
    }

    private func makeRequest(_ identity: DeviceIdentity) throws -> RegistrationRequest {
      guard let random else {
        var source = SystemRandom()
        return RegistrationRequest(identity, drawing: &source, signMethod: signMethod.method)
      }
      let bytes = Array(random.utf8)
      do throws(RegistrationRequestError) {
        return try RegistrationRequest(
          identity,
          random: bytes.span,
          signMethod: signMethod.method
        )
      } catch {
        throw Complaint("--random: \(error.description)")
      }
    }

    private func add(
      to lines: inout ResultLines,
      _ identity: DeviceIdentity,
      _ request: RegistrationRequest,
      _ signature: Signature
    ) throws {
      switch over {
      case .https:
        let form = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
          try request.writeForm(signature: signature.bytes.span, into: &writer)
        }
        lines.add("body", "body", form)
        lines.add("address", "url", PlatformAddress.registrationURL(region: region))
      case .coap:
        let json = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
          try request.writeJSON(signature: signature.bytes.span, into: &writer)
        }
        lines.add("payload", "payload", json)
        lines.add("path", "path", "\(RegistrationRequest.path)")
      case .mqtt:
        let mqtt = MQTTRegistrationRequest(
          request,
          kind: unregistered ? .unregistered : .preregistered
        )
        let instance = Array((instanceId ?? "").utf8)
        let clientID = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
          try mqtt.writeClientID(
            identity.clientID.bytes,
            instanceID: instance.span,
            into: &writer
          )
        }
        lines.add("client id", "clientID", clientID)
        try lines.addConnection(
          identity,
          .tls,
          password: signature.digits(uppercase: false),
          region: region
        )
      }
    }
  }
}

/// How a registration can be sent.
enum RegistrationWayArgument: String, ExpressibleByArgument, CaseIterable {
  case https, coap, mqtt
}
