// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import OpenSSLSupport
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT
internal import SecurityLayer
internal import SystemClocks
internal import UDPTransport

/// Diagnoses a device that cannot reach the platform.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract:
      "Checks credentials, clock, network, sign, the platform's answer and one report, and says what is wrong.",
    usage: """
      nbiot doctor --product-key KEY --device-name NAME
        --device-secret-file FILE [options]
      """,
    discussion: """
      Example:
        nbiot doctor --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt
        nbiot doctor --config agent.conf --no-report

      Example over MQTT, to `nbiot simulate --mqtts 8883 --certificates certificates`:
        nbiot doctor --transport mqtt --endpoint 127.0.0.1:8883 \\
          --ca-file certificates/ca.pem --config agent.conf --no-report

      Checks in this order, the later ones only when the earlier ones passed: the form of the \
      credentials; this machine's clock; that the host's name resolves; the sign, with a value that the \
      device guide prints; /auth, and over DTLS the handshake, at each address of the host; one report. \
      Each failure says what it most likely is. The report is {"doctor":1} to /PRODUCTKEY/DEVICENAME/user/update: give another with \
      --topic and --payload, or --no-report for none.

      Over MQTT the checks are: credentials; clock; the authorities of --ca-file, with the day on which each ends; \
      the host's name; the sign; at each address TCP, TLS with version, chain and name, and with --websocket the \
      WebSocket; CONNECT, and where it is refused the number of CONNACK in both readings with what to check; one report. \
      With --authentication https the checks auth-name, auth-tcp, auth-tls and auth come before those of the MQTT server.

      Over HTTPS: credentials; clock; authorities; name; sign; TCP and TLS; /auth, with a clock that is more than 15 \
      minutes off the platform's; one report.

      \(Explanation.sources)

      Exit status: 0 all is well, 1 the report did not get through, 2 credentials or clock, 3 \
      authentication, DTLS or TLS handshake refused, 4 the host is unknown or never answered.
      """
  )

  @OptionGroup var device: DeviceOptions

  @OptionGroup var topic: TopicOption

  @OptionGroup var payload: PayloadOption

  @Flag(inversion: .prefixedNo, help: "Whether to send a report.")
  var report = true

  @OptionGroup var output: OutputOption

  var topicSetting: Setting<String>? { topic.setting(device.config) }

  func validate() throws { try topicSetting.map(TopicOption.check) }

  func run() async throws {
    var checks = DoctorChecks(output: output.form)
    let form = PayloadForm(format: .json, isHexadecimal: false)
    let payload = report ? try form.payload(of: payload.given ?? #"{"doctor":1}"#) : []
    if device.session.sessionFile != nil {
      Console.complain("nbiot: doctor authenticates anew, and leaves the session file as it is")
    }
    var secret = try device.secret.load(device.config)
    defer { Secret.erase(&secret) }
    let identity = try checkCredentials(secret, &checks)
    switch device.transport {
    case .coap: break
    case .mqtt: return try await runOverMQTT(secret, identity, payload, &checks)
    case .https: return try await runOverHTTPS(secret, identity, payload, &checks)
    }
    try checkClock(&checks)
    let (host, addresses) = try checkName(
      device.endpoint?.host
        ?? PlatformAddress.host(productKey: device.productKey, region: device.region.name),
      &checks
    )
    try checkSign(identity, &checks)
    try await checkPlatform(secret, host, addresses, payload, &checks)
  }
}

// MARK: - Without the platform

extension DoctorCommand {
  func checkCredentials(
    _ secret: [UInt8],
    _ checks: inout DoctorChecks
  ) throws -> DeviceIdentity {
    let (productKey, deviceName) = (Array(device.productKey.utf8), Array(device.deviceName.utf8))
    let client = Array((device.clientID?.value ?? device.productKey + "&" + device.deviceName).utf8)
    let identity: DeviceIdentity
    do throws(IdentityError) {
      identity = try DeviceIdentity(
        productKey: productKey.span,
        deviceName: deviceName.span,
        clientID: client.span,
        deviceNames: device.deviceNames.rule
      )
    } catch {
      throw checks.fail(
        "credentials",
        device.names.explain(error, clientID: device.clientID),
        .usage
      )
    }
    // The platform's own have 11 and 32 characters; other lengths are not necessarily wrong.
    var doubts: [String] = []
    if productKey.count != 11 {
      doubts.append("the product key has \(productKey.count) characters, the platform's have 11")
    }
    if secret.count != 32 {
      doubts.append("the device secret has \(secret.count) characters, the platform's have 32")
    }
    let isPlain = secret.allSatisfy {
      switch $0 {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: false
      }
    }
    if !isPlain { doubts.append("the device secret has characters other than letters and digits") }
    if doubts.isEmpty {
      checks.pass("credentials", "their form is right")
    } else {
      checks.doubt(
        "credentials",
        doubts.joined(separator: "; ") + ": copy them from the console again"
      )
    }
    return identity
  }

  func checkClock(_ checks: inout DoctorChecks) throws {
    let now = Clock.now()
    let shown = now.formatted(.iso8601)
    // The clock cannot be right before this software was made.
    let earliest = Date(timeIntervalSince1970: 1_767_225_600)
    guard now < earliest else { return checks.pass("clock", shown) }
    let wrong = "it says \(shown): set it, by NTP or the modem's network time"
    let usesCertificates =
      switch device.transport {
      case .coap: device.security == .dtls
      case .mqtt: mqttTransport.isSecure
      case .https: true
      }
    guard usesCertificates || device.time.timestamp != nil else {
      let mode = device.transport == .mqtt ? "without TLS a device" : "the symmetric mode"
      return checks.doubt("clock", wrong + "; \(mode) does without")
    }
    throw checks.fail("clock", wrong + ", for certificates are valid for a time", .usage)
  }

  /// The host name, and its addresses in the order in which a device tries them.
  func checkName(
    _ host: String,
    _ checks: inout DoctorChecks,
    as check: String = "name"
  ) throws -> (String, [String]) {
    let start = MonotonicClock.now()
    do throws(TransportError) {
      let addresses = try ServerLink.addresses(ofHost: host)
      let passed = (MonotonicClock.now() - start).count
      checks.pass(
        check,
        "\(host) resolved in \(passed) ms: \(addresses.joined(separator: ", "))"
      )
      return (host, addresses)
    } catch {
      throw checks.fail(check, "\(host): \(error.description)", .unreachable)
    }
  }

  /// The guide's example in section 3.2, and the signed text of this device for comparison.
  func checkSign(_ identity: DeviceIdentity, _ checks: inout DoctorChecks) throws {
    let key = Array("secret".utf8)
    let content = Array("clientId12345deviceNamedeviceproductKeypktimestamp789".utf8)
    let expected = "fafd82a3d602b37fb0fa8b7892f24a477f851a14"
    let signature: FixedBytes<32>
    do throws(OpenSSLError) {
      signature = try Hash.sha1.hmac(key: key.span, content: content.span)
    } catch {
      throw checks.fail("sign", "OpenSSL cannot sign (error \(error.code))", .undelivered)
    }
    let digits = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try writer.append(hexadecimal: signature.bytes)
    }
    guard digits == expected else {
      throw checks.fail(
        "sign",
        "OpenSSL makes \(digits) where the guide has \(expected)",
        .undelivered
      )
    }
    let own = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      if device.transport == .mqtt, device.mqtt.authentication == .sign {
        let request = MQTTConnectRequest(
          signMethod: device.signMethod.method,
          transport: mqttTransport,
          timestamp: device.time.milliseconds
        )
        return try request.writeSigningContent(identity, into: &writer)
      }
      if device.transport != .coap {
        let isMQTT = device.transport == .mqtt
        let request = HTTPSAuthenticationRequest(
          signMethod: (isMQTT ? device.signMethod : device.httpsSignMethod).method,
          timestamp: device.time.milliseconds
        )
        return try request.writeSigningContent(identity, into: &writer)
      }
      let request = AuthenticationRequest(
        signMethod: device.signMethod.method,
        acknowledgementMode: device.mode.ackMode?.mode,
        timestamp: device.time.milliseconds
      )
      try request.writeSigningContent(identity, into: &writer)
    }
    let hasSequence = device.transport == .coap && device.security == .symmetric
    let sequence = hasSequence ? ", and seq in between" : ""
    checks.pass("sign", "the guide's example is right; this device signs \(own)\(sequence)")
  }
}

// MARK: - With the platform

extension DoctorCommand {
  /// Authenticates at each address, and sends a report over the last one that issued a token.
  private func checkPlatform(
    _ secret: [UInt8],
    _ host: String,
    _ addresses: [String],
    _ payload: [UInt8],
    _ checks: inout DoctorChecks
  ) async throws {
    var good: DeviceClient?
    var failures: [Failure] = []
    for address in addresses {
      let client = try device.makeClient(secret: secret) { configuration in
        configuration.host = address
        // The check is about authentication, and a session belongs to one address.
        configuration.sessionFile = nil
        // The certificate is for the host name.
        if case .certificate(var trust) = configuration.security {
          trust.serverName = trust.serverName ?? host
          configuration.security = .certificate(trust)
        }
      }
      let name = address == host ? "" : address + ": "
      do throws(Failure) {
        checks.pass("auth", name + (try await authenticate(client)))
        await good?.close()
        good = client
      } catch {
        failures.append(
          Failure(cause: name + error.cause, diagnostic: error.diagnostic, status: error.status)
        )
        await client.close()
      }
    }
    guard let client = good else {
      // All failures are shown; the first determines the exit status.
      for failure in failures.dropLast() {
        _ = checks.fail("auth", failure.cause, failure.status, because: failure.diagnostic)
      }
      throw checks.fail(
        "auth",
        failures.last?.cause ?? "\(host) has no address",
        failures.first?.status ?? .unreachable,
        because: failures.last?.diagnostic ?? ""
      )
    }
    for failure in failures { checks.doubt("auth", failure.cause) }
    do {
      if report { try await checkReport(client, payload, &checks) }
    } catch {
      await client.close()
      throw error
    }
    await client.close()
  }

  private struct Failure: Error {
    let cause: String
    var diagnostic = ""
    let status: ExitStatus
  }

  /// The cost of a token.
  private func authenticate(_ client: DeviceClient) async throws(Failure) -> String {
    let start = MonotonicClock.now()
    do {
      try await client.connect()
    } catch let error as DeviceClientError {
      let hasAnswered = client.counters.datagramsDown > 0
      var cause = error.explanation
      if case .authentication(let failure, _) = error, failure.isSilence {
        cause =
          hasAnswered
          ? "something answers, but not as the platform does: " + cause
          : "nothing came back in \((MonotonicClock.now() - start).count / 1_000) s: UDP is blocked on the "
            + "way (firewall, APN, NAT), the port is wrong, or the link is slower than --timing allows"
      }
      throw Failure(
        cause: cause,
        diagnostic: error.diagnostic,
        status: error.status(hasAnswered: client.counters.roundTrips > 0)
      )
    } catch {
      throw Failure(cause: "\(error)", status: .undelivered)
    }
    let counters = client.counters
    let passed = (MonotonicClock.now() - start).count
    var detail =
      "a token after \(passed) ms, \(counters.bytesUp) B up, \(counters.bytesDown) B down"
    if counters.transmissions > counters.requests {
      detail += ", \(counters.transmissions - counters.requests) retransmissions"
    }
    return detail
  }

  func checkReport(
    _ client: DeviceClient,
    _ payload: [UInt8],
    _ checks: inout DoctorChecks
  ) async throws {
    let topic = topicSetting?.value ?? "/\(device.productKey)/\(device.deviceName)/user/update"
    do {
      let receipt = try await client.publish(payload, to: topic)
      let result = receipt.result
      checks.pass(
        "report",
        "\(topic) took it after \(result.duration.count) ms, \(result.bytesUp) B up, "
          + "\(result.bytesDown) B down"
      )
    } catch let error as DeviceClientError {
      throw checks.fail(
        "report",
        "\(topic): \(error.explanation)",
        .undelivered,
        because: error.diagnostic
      )
    }
  }
}
