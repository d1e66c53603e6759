import ConstrainedCore
import DeviceDriver
import DeviceStore
import DurableReports
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

private typealias Durable = DescriptorDriver<MQTTLink<MQTTChannel, SystemRandom>>

/// A durable device over MQTT, with mosquitto as its platform.
private final class DurableDevice {
  var driver: Durable

  init(
    _ broker: Mosquitto,
    in folder: URL,
    staysConnected: Bool = false,
    reportsInFlight: Int = 1
  ) throws {
    let (host, path) = (Array("127.0.0.1".utf8), Array(folder.path.utf8))
    let authorities = try MQTTCertificates.text("ca.pem")
    let channel = try MQTTChannel(
      ChannelSettings(.tls, host: host.span, port: broker.ports.tls),
      authorities: authorities.span
    )
    var settings = MQTTLinkSettings()
    settings.staysConnected = staysConnected
    settings.reportsInFlight = reportsInFlight
    settings.reconnecting.retry = Milliseconds(20)
    settings.reconnecting.closePeriod = Milliseconds(0)
    let (key, name, secret) = (Array("pk".utf8), Array("device".utf8), Array("secret".utf8))
    let link = try MQTTLink(
      identity: DeviceIdentity(productKey: key.span, deviceName: name.span),
      secret: makeSecret(secret),
      settings: settings,
      layer: channel,
      randomness: SystemRandom()
    )
    var durable = DurableSettings()
    durable.retry = Milliseconds(20)
    durable.retryLimit = Milliseconds(200)
    let reports = try DurableReports(
      link: link,
      settings: durable,
      directory: StateDirectory(path: path.span),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: MonotonicClock.now(), date: 0)
    )
    driver = DescriptorDriver(reports: reports)
  }

  func accept(_ payload: String, to topic: String = "update") throws -> UInt64 {
    let (name, bytes) = (Array("/pk/device/user/\(topic)".utf8), Array(payload.utf8))
    let topic = try Topic(name.span)
    return try driver.reports.accept(
      topic: topic,
      payload: bytes.span,
      at: MonotonicClock.now(),
      date: 0
    )
  }

  /// Drives it until `isDone` says so of an event; `false` after a minute.
  func drive(until isDone: (DurableEvent) -> Bool) -> Bool {
    let end = MonotonicClock.now() + Milliseconds(60_000)
    while MonotonicClock.now() < end {
      while let event = driver.pollEvent(at: MonotonicClock.now(), date: 0) {
        if isDone(event) { return true }
      }
      driver.wait(until: end)
    }
    return false
  }

  func send(_ topic: String, _ payload: String) -> Bool {
    let (name, bytes) = (Array(topic.utf8), Array(payload.utf8))
    return driver.reports.send(
      topic: name.span,
      payload: bytes.span,
      quality: .atLeastOnce,
      at: MonotonicClock.now()
    )
  }

  var downlink: (String, String) { driver.reports.message }
}

extension DurableReports where Link: DownlinkLink & ~Copyable {
  fileprivate var message: (String, String) { (text(downlinkTopic), text(downlinkPayload)) }
}

@Suite("A durable device over MQTT, with mosquitto as its platform")
struct DurableMQTTTests {
  private func folder() throws -> URL {
    let url = URL.temporaryDirectory.appending(path: "nbiot-mqtt-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  @Test(arguments: [1, 16])
  func `each accepted report is delivered, whatever becomes of the broker`(
    reportsInFlight: Int
  ) throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let broker = try Mosquitto()
    let device = try DurableDevice(broker, in: folder, reportsInFlight: reportsInFlight)
    var waiting: Set<UInt64> = []
    var topics: [UInt64: Int] = [:]
    // The last one of each topic that was delivered.
    var last: [Int: UInt64] = [:]
    // So many that some wait whenever the broker is killed, with all in flight acknowledged at once.
    for number in 0..<160 {
      let id = try device.accept("{\"n\":\(number)}", to: "t\(number % 20)")
      waiting.insert(id)
      topics[id] = number % 20
    }
    func take(_ event: DurableEvent) {
      guard case .delivered(let id) = event, let topic = topics[id] else { return }
      #expect(waiting.remove(id) != nil, "\(id) was delivered before")
      #expect(last[topic, default: 0] < id, "\(id) is out of order")
      last[topic] = id
    }
    for kill in 0..<5 {
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

  @Test func `a device that stays connected is spoken to and answers`() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let broker = try Mosquitto()
    let device = try DurableDevice(broker, in: folder, staysConnected: true)
    #expect(device.drive { if case .authenticated = $0 { true } else { false } })
    let id = try device.accept("{}")
    #expect(device.drive { if case .delivered(id) = $0 { true } else { false } })
    #expect(device.send("/pk/device/user/answer", "{}"))
  }
}
