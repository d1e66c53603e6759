// SPDX-License-Identifier: Apache-2.0
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

    @OptionGroup var secret: ProductSecretOption

    @Option(help: RegistrationWayArgument.help)
    var over = RegistrationWayArgument.https

    @OptionGroup var method: SignMethodOption

    @Option(help: "The random, 1 to 32 letters and digits (default: 24 hexadecimal digits drawn).")
    var random: String?

    @OptionGroup(title: "With --over mqtt")
    var connection: ConnectionOptions

    @OptionGroup var region: RegionOption

    @OptionGroup var deviceNames: DeviceNamesOption

    @OptionGroup var output: OutputOption

    private var signMethod: SignMethodArgument { method.given ?? .hmacsha256 }

    /// Only a connection has one.
    private var clientID: Setting<String>? {
      over == .mqtt ? connection.client.setting(names.config) : nil
    }

    func validate() throws {
      if over != .mqtt {
        try Contradiction.check(connection.given, belongTo: "MQTT", give: "--over mqtt")
      }
      try SignCommand.check(clientID: clientID)
    }

    func run() throws {
      let identity = try names.identity(clientID: clientID, deviceNames: deviceNames.rule)
      let request = try makeRequest(identity)
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(into: &writer)
      }
      let signature = try secret.sign(content, signMethod.method)
      var lines = try ResultLines(signature, signMethod, uppercase: false)
      try add(to: &lines, identity, request, signature)
      lines.print(output.form)
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
        lines.add("address", "url", PlatformAddress.registrationURL(region: region.name))
      case .coap:
        let json = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
          try request.writeJSON(signature: signature.bytes.span, into: &writer)
        }
        lines.add("payload", "payload", json)
        lines.add("path", "path", "\(RegistrationRequest.path)")
      case .mqtt:
        let mqtt = MQTTRegistrationRequest(
          request,
          kind: connection.unregistered ? .unregistered : .preregistered
        )
        let instance = Array((connection.instanceId ?? "").utf8)
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
          region: region.name
        )
      }
    }
  }
}

/// What only a registration over MQTT has.
struct ConnectionOptions: ParsableArguments {
  @OptionGroup var client: ClientIDOption

  @Option(help: "The instance's id, which the console shows.")
  var instanceId: String?

  @Flag(help: "The device's name is not in the console.")
  var unregistered = false

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--client-id", client.given != nil), ("--instance-id", instanceId != nil),
      ("--unregistered", unregistered),
    ]
  }

  func validate() throws {
    if let instanceId, instanceId.contains(where: { $0 == "|" || $0 == "," }) {
      throw ValidationError("--instance-id cannot contain | or ,")
    }
  }
}

/// How a registration can be sent.
enum RegistrationWayArgument: String, ExpressibleByArgument, CaseIterable {
  case https, coap, mqtt

  /// What the help says of `--over`.
  static let help: ArgumentHelp = "How the registration is sent."
}
