// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceDriver
import DurableReports
import DurableWorld
import Foundation
import MQTTChannel
import MQTTLayer
import MQTTLink
import MQTTPeers
import OpenSSLSupport
import Platform
import PlatformMQTT
import ReportLink
import SystemClocks
import Testing
import UDPTransport

private typealias Device = DurableDevice<MQTTLink<MQTTChannel, SystemRandom>>

extension DurableDevice where Link == MQTTLink<MQTTChannel, SystemRandom> {
  /// A durable device over MQTT, with mosquitto as its platform.
  fileprivate convenience init(
    _ broker: Mosquitto,
    in folder: URL,
    staysConnected: Bool = false,
    reportsInFlight: Int = 1
  ) throws {
    let host = Array("127.0.0.1".utf8)
    let authorities = try MQTTCertificates.text("ca.pem")
    let channel = try MQTTChannel(
      ChannelSettings(.tls, host: host.span, port: broker.ports.tls),
      authorities: authorities.span
    )
    var settings = MQTTLinkSettings()
    settings.staysConnected = staysConnected
    settings.reportsInFlight = reportsInFlight
    settings.reconnecting.retry = Milliseconds(20)
    settings.reconnecting.retryLimit = Milliseconds(200)
    settings.reconnecting.closePeriod = Milliseconds(0)
    settings.reconnecting.suspicion = Milliseconds(0)
    let (key, name, secret) = (Array("pk".utf8), Array("device".utf8), Array("secret".utf8))
    let link = try MQTTLink(
      identity: DeviceIdentity(productKey: key.span, deviceName: name.span),
      secret: makeSecret(secret),
      settings: settings,
      layer: channel,
      randomness: SystemRandom()
    )
    try self.init(link, in: folder)
  }

  fileprivate func send(_ topic: String, _ payload: String) -> Bool {
    let (name, bytes) = (Array(topic.utf8), Array(payload.utf8))
    return driver.reports.send(
      topic: name.span,
      payload: bytes.span,
      quality: .atLeastOnce,
      at: MonotonicClock.now()
    )
  }
}

@Suite("A durable device over MQTT, with mosquitto as its platform")
struct DurableMQTTTests {
  /// How often the broker is killed; `make torture` asks for more.
  static let kills = Int(ProcessInfo.processInfo.environment["NBIOT_BROKER_KILLS"] ?? "") ?? 5

  @Test(arguments: [1, 16])
  func `each accepted report is delivered, whatever becomes of the broker`(
    reportsInFlight: Int
  ) throws {
    try withFolder { folder in
      let broker = try Mosquitto()
      let device = try Device(broker, in: folder, reportsInFlight: reportsInFlight)
      var waiting: Set<UInt64> = []
      var topics: [UInt64: Int] = [:]
      // The last one of each topic that was delivered.
      var last: [Int: UInt64] = [:]
      var number = 0
      // So many that some wait whenever the broker is killed, with all in flight acknowledged at once.
      func fill() throws {
        while waiting.count < 160 {
          let id = try device.accept("{\"n\":\(number)}", to: "t\(number % 20)")
          waiting.insert(id)
          topics[id] = number % 20
          number += 1
        }
      }
      try fill()
      func take(_ event: DurableEvent) {
        guard case .delivered(let id) = event, let topic = topics[id] else { return }
        #expect(waiting.remove(id) != nil, "\(id) was delivered before")
        #expect(last[topic, default: 0] < id, "\(id) is out of order")
        last[topic] = id
      }
      for kill in 0..<Self.kills {
        if waiting.count < 130 { try fill() }
        let rest = waiting.count - 6
        let isDone = device.drive {
          take($0)
          return waiting.count <= rest
        }
        #expect(isDone, "after \(kill) kills")
        broker.end()
        // It finds out, and nobody listens meanwhile.
        #expect(
          device.drive {
            take($0)
            return if case .authenticationFailed = $0 { true } else { false }
          }
        )
        try broker.start()
      }
      #expect(
        device.drive {
          take($0)
          return waiting.isEmpty
        }
      )
      let pending = device.driver.reports.pendingReports
      #expect(pending == 0)
      device.driver.close()
      let isClosing = device.driver.reports.isClosing
      #expect(!isClosing)
    }
  }

  @Test func `a device that stays connected is spoken to and answers`() throws {
    try withFolder { folder in
      let broker = try Mosquitto()
      let device = try Device(broker, in: folder, staysConnected: true)
      #expect(device.drive { if case .authenticated = $0 { true } else { false } })
      let id = try device.accept("{}")
      #expect(device.drive { if case .delivered(id) = $0 { true } else { false } })
      #expect(device.send("/pk/device/user/answer", "{}"))
    }
  }
}
