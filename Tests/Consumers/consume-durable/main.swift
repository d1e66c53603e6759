// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import DeviceDriver
import DeviceStore
import DurableReports
import OpenSSLSupport
import Platform
import PlatformCredentials
import SymmetricSecurity
import SystemClocks
import UDPTransport

/// A report that is on disk until the platform has it.
func run() throws {
  let identity = try DeviceIdentity(
    productKey: Array("a1B2c3D4e5F".utf8).span,
    deviceName: Array("device1".utf8).span
  )
  guard let secret = SecretBytes(copying: Array("0123456789abcdef".utf8).span) else {
    fatalError("no memory")
  }
  let host = Array("127.0.0.1".utf8)
  let fingerprint = try DeviceFingerprint.make(
    identity,
    secret: secret,
    endpoint: host.span,
    mode: 0
  )
  var driver = DeviceDriver(
    reports: try DurableReports(
      identity: identity,
      secret: secret,
      settings: DurableSettings(),
      session: DeviceSettings(),
      security: SymmetricSecurity(),
      randomness: SystemRandom(),
      directory: try StateDirectory(path: Array("state".utf8).span),
      fingerprint: fingerprint,
      now: TimeStamp(
        boot: WallClock.boot(),
        instant: MonotonicClock.now(),
        date: WallClock.now()
      )
    ),
    host: host.span,
    port: 5682
  )
  let id = try driver.reports.accept(
    topic: try Topic(Array("/a1B2c3D4e5F/device1/user/update".utf8).span),
    payload: Array(#"{"value":1}"#.utf8).span,
    at: MonotonicClock.now(),
    date: WallClock.now()
  )
  while driver.reports.pendingReports > 0 {
    let now = MonotonicClock.now()
    try driver.receive(at: now)
    driver.reports.handleTimeout(at: now)
    while let event = driver.reports.pollEvent(at: now, date: WallClock.now()) {
      driver.note(event)
      if case .delivered(id) = event { print(driver.reports.link.result.bytesUp) }
    }
    if driver.wantsLink { try driver.transmit(at: now) }
  }
  driver.close()
}

try run()
