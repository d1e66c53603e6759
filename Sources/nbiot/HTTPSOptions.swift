// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient
internal import HTTPSLayer
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS

extension DeviceOptions {
  /// Refuses options that mean nothing over HTTPS.
  func checkHTTPS(_ endpoint: EndpointArgument?) throws {
    try Contradiction.check(socket.given + mqtt.given, belongTo: "MQTT", give: "--transport mqtt")
    let others =
      [("--security", protection.given != nil)] + givenForCoAP
      + givenForDTLS.filter { $0.name != "--ca-file" }
    try Contradiction.check(others, belongTo: "CoAP", give: "--transport coap")
    if let endpoint, endpoint.security != nil {
      throw ValidationError(
        "\(endpoint.origin) is for CoAP by its scheme: give HOST:PORT for HTTPS"
      )
    }
  }

  /// What signs `/auth` over HTTPS; that of MQTT does not count here.
  var httpsSignMethod: SignMethodArgument {
    method.given ?? (config?.transport != .mqtt ? config?.signMethod : nil) ?? .hmacmd5
  }

  /// The configuration of a client over HTTPS.
  func httpsConfiguration() throws -> DeviceClientConfiguration {
    guard let authorities = authorities.setting(config) else {
      throw Complaint(
        "HTTPS verifies the server: give --ca-file FILE with the platform's root certificate"
      )
    }
    var settings = HTTPSClientSettings(authorities: try authorities.use(InputText.read))
    settings.signMethod = httpsSignMethod.method
    settings.timestamp = time.milliseconds
    let given = time.timestamp
    settings.onEvent = { event in
      if case .wrongClock(let seconds) = event {
        Console.complain("warning: \(Self.wrongClock(seconds, given))")
      }
    }
    if trace.verbose { settings.onRequest = MQTTTrace("message").show }
    var configuration = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      https: settings,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region.name
    )
    configuration.clientID = clientID?.value
    configuration.deviceNames = deviceNames.rule
    try session.apply(to: &configuration)
    return configuration
  }

  /// A clock that is wrong, in words; the time of `--timestamp` is what is compared where one was given.
  static func wrongClock(_ seconds: Int64, _ given: TimestampArgument?) -> String {
    let direction = seconds > 0 ? "behind" : "ahead of"
    let distance = "\(seconds.magnitude) s \(direction) the platform's"
    if given?.isNow == false { return "the time of --timestamp is \(distance) clock: give another" }
    return "this machine's clock is \(distance): set it"
  }

  /// Creates a client over HTTPS.
  func makeHTTPSClient(
    secret: [UInt8],
    adjusting adjust: (inout DeviceClientConfiguration) -> Void
  ) throws -> DeviceClient {
    var configuration = try httpsConfiguration()
    if case .https(let settings) = configuration.transport,
      CertificateSummary.all(in: settings.authorities.span).isEmpty
    {
      let setting = authorities.setting(config)
      throw Complaint(
        "\(setting?.origin ?? "--ca-file"): \(setting?.value ?? "") holds no certificate in PEM: give the platform's "
          + "root certificate"
      )
    }
    adjust(&configuration)
    do throws(DeviceClientError) {
      let client = try DeviceClient(configuration, secret: secret)
      session.tell(of: client)
      return client
    } catch {
      if case .sessionFile(let error) = error { throw session.complaint(about: error) }
      throw Complaint(error.explanation, error.status(hasAnswered: false))
    }
  }
}

extension HTTPSLinkFailure {
  /// What the program ends with where the platform has not accepted the device or its report.
  func status(hasAnswered: Bool) -> ExitStatus {
    switch self {
    case .transfer(let failure):
      switch failure {
      case .unknownAuthority, .expired, .notYetValid, .certificate, .serverName, .handshake,
        .authorities:
        .unauthenticated
      case .unresolved, .unreachable, .timedOut, .broken:
        hasAnswered ? .undelivered : .unreachable
      case .tooLong, .notHTTP, .library: .undelivered
      }
    case .code(let code, let status):
      switch HTTPSReaction(status: status, code: code) {
      case .credentials, .authenticateAgain: .unauthenticated
      case .accepted, .later, .refused, .foreign: .undelivered
      }
    case .status, .answer, .signing, .memory: .undelivered
    }
  }

  /// The platform's code; `nil` where there was none.
  var code: UInt64? {
    if case .code(let code, _) = self { code.rawValue } else { nil }
  }

  /// The HTTP status; `nil` where it was none, or 200 with a code.
  var httpStatus: UInt16? {
    switch self {
    case .code(_, let status), .status(let status): status
    case .transfer, .answer, .signing, .memory: nil
    }
  }
}
