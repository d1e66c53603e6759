// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import DeviceDriver
import OpenSSLSupport
import Platform
import ReportLink
import SystemClocks
import UDPTransport

/// One report over DTLS with a pre-shared key.
func run() throws {
  let secret = Array("0123456789abcdef".utf8)
  let identity = try DeviceIdentity(
    productKey: Array("a1B2c3D4e5F".utf8).span,
    deviceName: Array("device1".utf8).span
  )
  guard let kept = SecretBytes(copying: secret.span) else { fatalError("no memory") }
  var settings = DeviceSettings()
  settings.timing = .standard
  let key = try DTLSSecurity(identity, secret: secret.span)
  var link = CoAPLink(
    identity: identity,
    secret: kept,
    settings: settings,
    security: key,
    randomness: SystemRandom()
  )
  let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: 5684)
  let topic = try Topic(Array("/a1B2c3D4e5F/device1/user/update".utf8).span)
  let report = Array(#"{"value":1}"#.utf8)
  _ = try link.publish(topic: topic, payload: report.span, at: MonotonicClock.now())
  while !link.isIdle {
    try link.drive(over: socket, at: MonotonicClock.now()) { _, passage, _, length in
      if case .sent(.report) = passage { print(length) }
    }
    while let event = link.pollEvent() {
      if case .report(let result) = event { print(result.outcome) }
    }
    socket.wait(until: link.pollTimeout())
  }
}

try run()
