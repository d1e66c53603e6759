// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT

extension SignCommand {
  /// `/auth` of CoAP (device guide 3.6).
  struct CoAP: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coap",
      abstract: "The request /auth over CoAP (device guide 3.6).",
      usage: """
        nbiot sign coap --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example:
          nbiot sign coap --product-key a1B2c3D4e5F --device-name device1 \\
            --device-secret-file secret.txt --seq 10
          nbiot sign coap --config agent.conf --seq 10

        \(SignCommand.sources)
        """
    )

    @OptionGroup var device: DeviceSigningOptions

    @Option(help: "The field seq, which the symmetric mode has and DTLS has not.")
    var seq: UInt32?

    @OptionGroup var mode: AckModeOption

    private var signMethod: SignMethodArgument {
      device.method.given ?? device.config?.signMethod ?? .hmacmd5
    }

    func run() throws {
      let identity = try device.identity()
      let request = AuthenticationRequest(
        signMethod: signMethod.method,
        acknowledgementMode: mode.ackMode?.mode,
        timestamp: device.time.milliseconds,
        sequence: seq
      )
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
      let signature = try device.sign(content, signMethod.method)
      var lines = try ResultLines(signature, signMethod, uppercase: true)
      let payload = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writePayload(identity, signature: signature.bytes.span, into: &writer)
      }
      lines.add("payload", "payload", payload)
      lines.print(device.output.form)
    }
  }

  /// An MQTT connection (device guide 3.2 and 3.3).
  struct MQTT: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "mqtt",
      abstract: "Client id, user name, password and host of MQTT (device guide 3.2, 3.3).",
      usage: """
        nbiot sign mqtt --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example, which gives the password that the guide prints:
          NBIOT_DEVICE_SECRET=secret nbiot sign mqtt --product-key pk \\
            --device-name device --client-id 12345 --timestamp 789 \\
            --sign-method hmacsha1 --transport tcp

        The password is the signature: whoever has it may connect as the device.

        \(SignCommand.sources)
        """
    )

    @OptionGroup var device: DeviceSigningOptions

    @Option(help: "How the platform is reached: tls and tcp on port 1883, wss and ws on 443.")
    var transport = MQTTTransportArgument.tls

    @OptionGroup var region: RegionOption

    @Flag(help: "Print the signature in lower case; the platform does not distinguish.")
    var lowerCase = false

    private var signMethod: SignMethodArgument { device.method.given ?? .hmacmd5 }

    func validate() throws { try SignCommand.check(clientID: device.clientID) }

    func run() throws {
      let identity = try device.identity()
      let request = MQTTConnectRequest(
        signMethod: signMethod.method,
        transport: transport.transport,
        timestamp: device.time.milliseconds
      )
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
      let signature = try device.sign(content, signMethod.method)
      var lines = try ResultLines(signature, signMethod, uppercase: !lowerCase)
      let clientID = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeClientID(identity, into: &writer)
      }
      lines.add("client id", "clientID", clientID)
      try lines.addConnection(
        identity,
        transport.transport,
        password: signature.digits(uppercase: !lowerCase),
        region: region.name
      )
      lines.print(device.output.form)
    }
  }

  /// `/auth` of HTTPS (device guide 3.8), and the one before MQTT (device guide 3.2).
  struct HTTP: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "http",
      abstract: "The authentication over HTTPS (device guide 3.8, 3.2).",
      usage: """
        nbiot sign http --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example, for reports over HTTPS:
          nbiot sign http --product-key a1B2c3D4e5F --device-name device1 \\
            --device-secret-file secret.txt --timestamp now \\
            --sign-method hmacsha1

        For reports the platform takes a timestamp of the last 15 minutes only, and the guide lists hmacmd5 and \
        hmacsha1 alone.

        \(SignCommand.sources)
        """
    )

    @OptionGroup var device: DeviceSigningOptions

    @Option(name: .customLong("for"), help: "What for: reports over HTTPS, or an MQTT connection.")
    var purpose = HTTPPurposeArgument.reports

    @OptionGroup var region: RegionOption

    private var signMethod: SignMethodArgument { device.method.given ?? .hmacmd5 }

    func run() throws {
      let identity = try device.identity()
      let request = HTTPSAuthenticationRequest(
        signMethod: signMethod.method,
        timestamp: device.time.milliseconds
      )
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
      let signature = try device.sign(content, signMethod.method)
      var lines = try ResultLines(signature, signMethod, uppercase: purpose == .reports)
      let purpose = purpose
      let body = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        switch purpose {
        case .reports:
          try request.writeJSON(identity, signature: signature.bytes.span, into: &writer)
        case .mqtt:
          try request.writeForm(identity, signature: signature.bytes.span, into: &writer)
        }
      }
      lines.add("body", "body", body)
      let url =
        switch purpose {
        case .reports: PlatformAddress.httpsAuthenticationURL(region: region.name)
        case .mqtt: PlatformAddress.mqttAuthenticationURL(region: region.name)
        }
      lines.add("address", "url", url)
      lines.print(device.output.form)
    }
  }

  /// An element of `thing.topo.add` (device guide 6.3).
  struct Topology: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "topology",
      abstract: "A sub-device's entry in thing.topo.add, or its login (device guide 6.3, 6.4).",
      usage: """
        nbiot sign topology --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example, with the names and the secret of the sub-device:
          nbiot sign topology --product-key a1B2c3D4e5F --device-name sensor1 \\
            --device-secret-file sensor1.txt

        \(SignCommand.sources)
        """
    )

    @OptionGroup var device: DeviceSigningOptions

    @Option(name: .customLong("for"), help: "What for: its place in the topology, or its login.")
    var purpose = SubDevicePurposeArgument.topology

    @Flag(help: "Send and sign no client id; in the topology the guide leaves it to the gateway.")
    var withoutClientId = false

    private var signMethod: SignMethodArgument { device.method.given ?? .hmacsha1 }

    func validate() throws {
      if purpose == .login, withoutClientId {
        throw ValidationError("a login has a client id: leave --without-client-id out")
      }
    }

    func run() throws {
      let identity = try device.identity()
      let request = SubDeviceRequest(
        signMethod: signMethod.method,
        timestamp: device.time.milliseconds ?? Clock.millisecondsSince1970(),
        includesClientID: !withoutClientId
      )
      let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
      let signature = try device.sign(content, signMethod.method)
      var lines = try ResultLines(signature, signMethod, uppercase: false)
      let entry = try entry(request, identity, signature)
      lines.add(purpose == .topology ? "entry" : "params", "entry", json: entry)
      lines.print(device.output.form)
    }

    /// The content of `params`, as JSON.
    private func entry(
      _ request: SubDeviceRequest,
      _ identity: DeviceIdentity,
      _ signature: Signature
    ) throws -> [UInt8] {
      var buffer = [UInt8](repeating: 0, count: 1_024)
      var json = JSONWriter(buffer.mutableSpan)
      do throws(CapacityError) {
        switch purpose {
        case .topology:
          try request.writeTopologyEntry(identity, signature: signature.bytes.span, into: &json)
        case .login:
          try request.writeLogin(identity, signature: signature.bytes.span, into: &json)
        }
      } catch {
        preconditionFailure("names and signature have at most 300 bytes")
      }
      let count = json.count
      return Array(buffer[..<count])
    }
  }

  /// A client id ends at the first `|` on the wire.
  static func check(clientID: Setting<String>?) throws {
    if let clientID, clientID.value.contains("|") {
      throw ValidationError("\(clientID.origin) cannot contain |, which ends it in MQTT")
    }
  }

}

extension ResultLines {
  /// The lines printed with every signature.
  init(_ signature: Signature, _ method: SignMethodArgument, uppercase: Bool) throws {
    self.init()
    add("content", "content", signature.content)
    add("method", "signMethod", method.rawValue)
    add("sign", "sign", try signature.digits(uppercase: uppercase))
  }

  /// User name, password and host of an MQTT connection.
  mutating func addConnection(
    _ identity: DeviceIdentity,
    _ transport: MQTTTransport,
    password: String,
    region: String
  ) throws {
    let user = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try MQTTConnectRequest.writeUserName(identity, into: &writer)
    }
    let region = Array(region.utf8)
    let host = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try MQTTConnectRequest.writeHost(identity, region: region.span, into: &writer)
    }
    add("user name", "userName", user)
    add("password", "password", password)
    let scheme = transport.scheme.map { "\($0)://" } ?? ""
    add("host", "host", "\(scheme)\(host):\(transport.port)")
  }
}
