// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import GatewaySessions
import OpenSSLSupport
import Platform

/// A gateway of one's own connection to the platform.
func run() throws {
  let gateway = try DeviceIdentity(
    productKey: Array("a1B2c3D4e5F".utf8).span,
    deviceName: Array("gateway".utf8).span
  )
  var settings = SubDeviceSettings()
  settings.interval = Milliseconds(50)
  let sessions = SubDeviceSessions(
    gateway: gateway,
    settings: settings,
    firstRequestID: 1,
    randomness: SystemRandom()
  )
  print(sessions.count, sessions.onlineCount)
}

try run()
