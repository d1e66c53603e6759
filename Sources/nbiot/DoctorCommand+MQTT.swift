internal import CoAPLink
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
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
    let client = try device.makeClient(secret: secret) { configuration in
      if case .mqtt(let made) = configuration.transport { settings = made }
      host = configuration.host
      port = configuration.port ?? settings.transport.port
    }
    do {
      if settings.transport.isSecure { try checkAuthorities(settings.authorities, &checks) }
      let (_, addresses) = try checkName(host, &checks)
      try checkSign(identity, &checks)
      try checkServers(addresses, ServerLook(host: host, port: port, settings: settings), &checks)
      try await checkConnection(client, settings, &checks)
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
    _ checks: inout DoctorChecks
  ) throws {
    var failures: [ServerLook.Failure] = []
    for address in addresses {
      let name = address == look.host ? "" : address + ": "
      do throws(ServerLook.Failure) {
        try look.go(to: address) { checks.pass($0, name + $1) }
      } catch {
        failures.append(error.at(name))
      }
    }
    let isGood = failures.count < addresses.count
    for failure in failures {
      if isGood {
        checks.doubt(failure.check, failure.cause)
      } else {
        _ = checks.fail(failure.check, failure.cause, failure.status)
      }
    }
    if !isGood { throw (failures.first?.status ?? .unreachable).error }
  }

  private func checkConnection(
    _ client: DeviceClient,
    _ settings: MQTTClientSettings,
    _ checks: inout DoctorChecks
  ) async throws {
    let start = MonotonicClock.now()
    do {
      try await client.connect()
    } catch let error as DeviceClientError {
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
    let counters = client.counters
    let passed = (MonotonicClock.now() - start).count
    checks.pass(
      "connect",
      "CONNACK 0 after \(passed) ms, \(counters.bytesUp) B up, \(counters.bytesDown) B down; keep-alive "
        + "\(settings.keepAlive.seconds) s, clean session \(settings.isClean ? 1 : 0)"
    )
  }
}
