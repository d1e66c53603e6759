// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceClient
internal import HTTPSLink
internal import Platform
internal import PlatformMQTT
internal import Synchronization
internal import SystemClocks

/// The checks of a device over HTTPS.
extension DoctorCommand {
  func runOverHTTPS(
    _ secret: [UInt8],
    _ identity: DeviceIdentity,
    _ payload: [UInt8],
    _ checks: inout DoctorChecks
  ) async throws {
    try checkClock(&checks)
    // Before a client is made, which would refuse them.
    if case .https(let given) = try device.httpsConfiguration().transport {
      try checkAuthorities(given.authorities, &checks)
    }
    var settings = HTTPSClientSettings()
    var host = ""
    var port: UInt16 = 443
    let difference = Difference()
    let client = try device.makeClient(secret: secret) { configuration in
      host = configuration.host
      port = configuration.port ?? port
      // The check is about authentication.
      configuration.sessionFile = nil
      guard case .https(var made) = configuration.transport else { return }
      made.onEvent = difference.take
      settings = made
      configuration.replace(made)
    }
    do {
      let (_, addresses) = try checkName(host, &checks)
      try checkSign(identity, &checks)
      let below = MQTTClientSettings(.tls, authorities: settings.authorities)
      let look = ServerLook(host: host, port: port, settings: below, allowsPlain: false)
      try checkServers(addresses, look, &checks)
      try await checkAuthentication(client, difference, &checks)
      if report { try await checkReport(client, payload, &checks) }
    } catch {
      await client.close()
      throw error
    }
    await client.close()
  }

  private func checkAuthentication(
    _ client: DeviceClient,
    _ difference: Difference,
    _ checks: inout DoctorChecks
  ) async throws {
    let start = MonotonicClock.now()
    do {
      try await client.connect()
    } catch let error as DeviceClientError {
      let clock =
        difference.seconds.map { "; \(DeviceOptions.wrongClock($0, device.time.timestamp))" } ?? ""
      throw checks.fail(
        "auth",
        error.explanation + clock,
        error.status(hasAnswered: client.counters.roundTrips > 0),
        because: error.diagnostic
      )
    }
    let passed = (MonotonicClock.now() - start).count
    let counters = client.counters
    checks.pass(
      "auth",
      "a token after \(passed) ms, \(counters.bytesUp) B up, \(counters.bytesDown) B down"
    )
    if let seconds = difference.seconds {
      checks.doubt("clock", DeviceOptions.wrongClock(seconds, device.time.timestamp))
    }
  }
}

/// The difference of the clocks that the client has told of.
private final class Difference: Sendable {
  private let told = Mutex<Int64?>(nil)

  var seconds: Int64? { told.withLock { $0 } }

  @Sendable func take(_ event: HTTPSClientEvent) {
    if case .wrongClock(let seconds) = event { told.withLock { $0 = seconds } }
  }
}
