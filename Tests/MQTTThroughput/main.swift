// SPDX-License-Identifier: Apache-2.0
// Reports from standard input, one a line, each on disk before it goes to a broker on 127.0.0.1 over MQTT in the
// clear, and until its PUBACK: `mqtt-throughput PORT DIRECTORY IN-FLIGHT`, for Benchmarks/throughput.sh.

internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import Foundation
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import SystemClocks

func run() throws {
  let arguments = CommandLine.arguments
  guard arguments.count == 4, let port = UInt16(arguments[1]), let inFlight = Int(arguments[3])
  else {
    fatalError("usage: mqtt-throughput PORT DIRECTORY IN-FLIGHT")
  }
  let (host, path) = (Array("127.0.0.1".utf8), Array(arguments[2].utf8))
  let channel = try MQTTChannel(
    ChannelSettings(.tcp, host: host.span, port: port),
    authorities: Span()
  )
  var settings = MQTTLinkSettings()
  settings.reportsInFlight = inFlight
  let (key, name, bytes) = (Array("pk".utf8), Array("device".utf8), Array("secret".utf8))
  guard let secret = SecretBytes(copying: bytes.span) else { fatalError("no memory") }
  let link = try MQTTLink(
    identity: DeviceIdentity(productKey: key.span, deviceName: name.span),
    secret: secret,
    settings: settings,
    layer: channel,
    randomness: SystemRandom()
  )
  var durable = DurableSettings()
  durable.outbox.maxBytes = 262_144
  var driver = DescriptorDriver(
    reports: try DurableReports(
      link: link,
      settings: durable,
      directory: StateDirectory(path: path.span),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: MonotonicClock.now(), date: 0)
    )
  )

  var lines: [[UInt8]] = []
  while let line = readLine() { lines.append(Array(line.utf8)) }
  var next = 0
  var delivered = 0
  var isFull = false
  while delivered < lines.count {
    // As many become durable together as the agent takes from one read of its input; like the agent it waits, once
    // there was no room, until there is for several.
    if !driver.reports.hasRoom { isFull = true }
    if driver.reports.hasAmpleRoom { isFull = false }
    var added = 0
    while next < lines.count, added < 64, !isFull, driver.reports.hasRoom {
      let topic = Array("/pk/device/user/t\(next % 16)".utf8)
      let (checked, line) = (try Topic(topic.span), lines[next])
      do throws(OutboxError) {
        _ = try driver.reports.add(
          topic: checked,
          payload: line.span,
          at: MonotonicClock.now(),
          date: 0
        )
      } catch {
        // A commit makes room.
        guard error == .full, added > 0 else { throw error }
        break
      }
      next += 1
      added += 1
    }
    if added > 0 { try driver.reports.commit() }
    var isIdle = added == 0
    while let event = driver.pollEvent(at: MonotonicClock.now(), date: 0) {
      if case .delivered = event { delivered += 1 }
      isIdle = false
    }
    if isIdle { driver.wait() }
  }
  driver.close()
  let writes = driver.reports.outboxWrites
  print("\(delivered) \(writes.syncs)")
}

try run()
