// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import Synchronization
internal import SystemClocks

/// The checks of a device over MQTT.
extension DoctorCommand {
  /// What carries the packets.
  var mqttTransport: MQTTTransport {
    device.mqtt.transport(device.socket, device.authorities, device.endpoint, device.config)
  }

  func runOverMQTT(
    _ secret: [UInt8],
    _ identity: DeviceIdentity,
    _ payload: [UInt8],
    _ checks: inout DoctorChecks
  ) async throws {
    do throws(MQTTSettingsError) {
      try MQTTConnectRequest.check(identity)
    } catch {
      throw checks.fail("credentials", "\(error)", .usage)
    }
    try checkClock(&checks)
    // Its own reader has the file's faults.
    var settings = MQTTClientSettings()
    var host = ""
    var port: UInt16 = 0
    let watch = TokenWatch()
    let client = try device.makeClient(secret: secret) { configuration in
      // A kept token would leave out the authentication.
      configuration.sessionFile = nil
      if case .mqtt(let made) = configuration.transport { settings = made }
      host = configuration.host
      port = configuration.port ?? settings.transport.port
    } mqtt: {
      watch.follow(&$0)
    }
    do {
      if settings.transport.isSecure { try checkAuthorities(settings.authorities, &checks) }
      let look = ServerLook(host: host, port: port, settings: settings)
      if case .https(let token) = settings.authentication {
        try checkTokenServer(token, identity, settings, &checks)
        Console.complain("nbiot: authenticating at \(token.host):\(token.port)")
        try await checkConnection(client, look, watch, &checks)
      } else {
        let (_, addresses) = try checkName(host, &checks)
        try checkSign(identity, &checks)
        try checkServers(addresses, look, &checks)
        let start = MonotonicClock.now()
        let failure = try await Self.connect(client)
        try show(failure, client, settings, from: start, to: MonotonicClock.now(), &checks)
      }
      if report { try await checkReport(client, payload, &checks) }
    } catch {
      await client.close()
      throw error
    }
    await client.close()
  }

  /// Whom the device would believe, and until when.
  func checkAuthorities(_ pem: [UInt8], _ checks: inout DoctorChecks) throws {
    let found = CertificateSummary.all(in: pem.span)
    let detail = found.map { "\($0.subject) until \(ServerLook.day($0.end))" }
      .joined(separator: ", ")
    guard !found.isEmpty else {
      throw checks.fail("authorities", "--ca-file holds no certificate in PEM", .usage)
    }
    let now = Int64(Clock.millisecondsSince1970() / 1_000)
    let ended = found.filter { $0.end < now }
    if ended.count == found.count {
      throw checks.fail(
        "authorities",
        "\(detail): all of them have ended; get the platform's present root, or set the clock",
        .unauthenticated
      )
    }
    // Half a year is what an update of devices takes.
    let ending = found.filter { $0.end < now + 180 * 86_400 }
    if ending.isEmpty { return checks.pass("authorities", detail) }
    let names = ending.map(\.subject).joined(separator: ", ")
    checks.doubt("authorities", "\(detail): give newer ones in place of \(names)")
  }

  /// TCP, TLS and WebSocket at each address; one at which all are well is enough.
  func checkServers(
    _ addresses: [String],
    _ look: ServerLook,
    _ checks: inout DoctorChecks,
    prefix: String = ""
  ) throws {
    var failures: [ServerLook.Failure] = []
    for address in addresses {
      let name = address == look.host ? "" : address + ": "
      do throws(ServerLook.Failure) {
        try look.go(to: address) { checks.pass(prefix + $0, name + $1) }
      } catch {
        failures.append(error.at(name))
      }
    }
    let isGood = failures.count < addresses.count
    for failure in failures {
      if isGood {
        checks.doubt(prefix + failure.check, failure.cause)
      } else {
        _ = checks.fail(prefix + failure.check, failure.cause, failure.status)
      }
    }
    if !isGood { throw (failures.first?.status ?? .unreachable).error }
  }

  /// The server at which the device authenticates, from below.
  private func checkTokenServer(
    _ token: MQTTTokenSettings,
    _ identity: DeviceIdentity,
    _ settings: MQTTClientSettings,
    _ checks: inout DoctorChecks
  ) throws {
    let (_, addresses) = try checkName(token.host, &checks, as: "auth-name")
    try checkSign(identity, &checks)
    let authorities = token.authorities.isEmpty ? settings.authorities : token.authorities
    let look = ServerLook(
      host: token.host,
      port: token.port,
      settings: MQTTClientSettings(.tls, authorities: authorities),
      option: "--auth-endpoint",
      allowsPlain: false
    )
    try checkServers(addresses, look, &checks, prefix: "auth-")
  }

  /// Authenticates over HTTPS and connects; as soon as there is a token, looks at the server that the platform has
  /// named, or at that of `look`, whether it has answered CONNECT or not.
  private func checkConnection(
    _ client: DeviceClient,
    _ look: ServerLook,
    _ watch: TokenWatch,
    _ checks: inout DoctorChecks
  ) async throws {
    let start = MonotonicClock.now()
    let attempt = Task {
      defer { watch.noteEnd() }
      let failure = try await Self.connect(client)
      return (failure: failure, end: MonotonicClock.now())
    }
    while !watch.isAuthenticationOver { try await Task.sleep(for: .milliseconds(20)) }
    let answer = watch.answer
    // Without CONNECT it is over, and has failed.
    if !watch.isConnecting, let failure = try await attempt.value.failure,
      answer == nil || failure.isOfToken
    {
      throw checks.fail(
        "auth",
        failure.explanation,
        failure.status(hasAnswered: client.counters.roundTrips > 0),
        because: failure.diagnostic
      )
    }
    let middle = answer?.end ?? start
    let cost = client.traffic.tokens
    let place = answer?.address.map { ", and the address \($0.host):\($0.port) for MQTT" } ?? ""
    checks.pass(
      "auth",
      "a token after \((middle - start).count) ms, \(cost.bytesUp) B up, \(cost.bytesDown) B down\(place)"
    )
    let server = ServerLook(
      host: answer?.address?.host ?? look.host,
      port: answer?.address?.port ?? look.port,
      settings: look.settings
    )
    Console.complain("nbiot: connecting to \(server.host):\(server.port)")
    let (_, addresses) = try checkName(server.host, &checks)
    try checkServers(addresses, server, &checks)
    let (failure, end) = try await attempt.value
    try show(failure, client, look.settings, from: middle, to: end, &checks)
  }

  /// Why there is no connection, or `nil`.
  private static func connect(_ client: DeviceClient) async throws -> DeviceClientError? {
    do {
      try await client.connect()
      return nil
    } catch let error as DeviceClientError {
      return error
    }
  }

  /// Shows how CONNECT has ended.
  private func show(
    _ failure: DeviceClientError?,
    _ client: DeviceClient,
    _ settings: MQTTClientSettings,
    from start: Instant,
    to end: Instant,
    _ checks: inout DoctorChecks
  ) throws {
    if let error = failure {
      let (status, connack): (ExitStatus, UInt8?) =
        switch error {
        case .connection(.refused(let code)): (.unauthenticated, code.rawValue)
        case .connection(.connection(.timedOut)), .connection(.connection(.unreachable)):
          (.unreachable, nil)
        default: (error.status(hasAnswered: true), nil)
        }
      let silence = "no CONNACK came: what listens there may be no MQTT broker; "
      throw checks.fail(
        "connect",
        (status == .unreachable ? silence : "") + error.explanation,
        status,
        connack: connack
      )
    }
    let cost = client.traffic.authentication
    let passed = (end - start).count
    checks.pass(
      "connect",
      "CONNACK 0 after \(passed) ms, \(cost.bytesUp) B up, \(cost.bytesDown) B down; keep-alive "
        + "\(settings.keepAlive.seconds) s, clean session \(settings.isClean ? 1 : 0)"
    )
  }
}

extension DeviceClientError {
  /// Whether the authentication over HTTPS before a connection has failed.
  fileprivate var isOfToken: Bool {
    if case .connection(.connection(.authentication)) = self { true } else { false }
  }
}

/// What a client's packets tell of its authentication over HTTPS.
private final class TokenWatch: Sendable {
  struct Answer {
    /// When it came.
    let end: Instant
    /// Where the platform wants the device to connect, if it says so.
    var address: (host: String, port: UInt16)?
  }

  private struct Told {
    var answer: Answer?
    var isConnecting = false
    var isOver = false
  }

  private let told = Mutex(Told())

  /// The answer to the first request; `nil` if there was none.
  var answer: Answer? { told.withLock { $0.answer } }

  /// Whether the authentication has brought a token, so that CONNECT is on its way.
  var isConnecting: Bool { told.withLock { $0.isConnecting } }

  /// Whether it has brought one, or none.
  var isAuthenticationOver: Bool { told.withLock { $0.isConnecting || $0.isOver } }

  /// Takes in that the client has connected, or has not.
  func noteEnd() { told.withLock { $0.isOver = true } }

  /// Takes in the packets of a client that authenticates so, and lets them go on to who is told of them already.
  func follow(_ settings: inout MQTTClientSettings) {
    guard case .https = settings.authentication else { return }
    let next = settings.onPacket
    settings.onPacket = { direction, text in
      self.take(direction, text)
      next?(direction, text)
    }
  }

  /// What comes first is the answer; an address follows it before CONNECT is sent.
  private func take(_ direction: MessageDirection, _ text: String) {
    told.withLock { told in
      guard direction == .received else {
        if text.hasPrefix("CONNECT ") { told.isConnecting = true }
        return
      }
      if told.answer == nil { told.answer = Answer(end: MonotonicClock.now()) }
      guard let match = text.wholeMatch(of: /the address (.+):([0-9]+) for MQTT/),
        let port = UInt16(match.2)
      else { return }
      told.answer?.address = (String(match.1), port)
    }
  }
}
