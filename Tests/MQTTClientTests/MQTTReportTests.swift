// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import DeviceClient
import Foundation
import MQTTLayer
import MQTTLink
import MQTTPeers
import Platform
import PlatformMQTT
import Synchronization
import TestSupport
import Testing

@Suite("The async client over MQTT: reports", .timeLimit(.minutes(15)))
struct MQTTReportTests {
  static let topic = "/a1B2c3D4e5F/device1/user/update"

  private func client(
    _ broker: Mosquitto,
    _ transport: MQTTTransport = .tls,
    authority: String = "ca.pem",
    _ change: (inout MQTTClientSettings) -> Void = { _ in }
  ) throws -> DeviceClient {
    var settings = MQTTClientSettings(transport)
    if transport.isSecure { settings.authorities = try MQTTCertificates.text(authority) }
    change(&settings)
    let port =
      switch transport {
      case .tcp: broker.ports.tcp
      case .tls: broker.ports.tls
      case .webSocket: broker.ports.webSocket
      case .secureWebSocket: broker.ports.secureWebSocket
      }
    return try DeviceClient(
      DeviceClientConfiguration(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        mqtt: settings,
        host: "127.0.0.1",
        port: port
      ),
      secret: Array("secret".utf8)
    )
  }

  @Test(arguments: [true, false])
  func `what becomes of the connection is told of before connect returns`(
    isThere: Bool
  )
    async throws
  {
    let broker = try Mosquitto()
    let events = Mutex<[MQTTClientEvent]>([])
    let client = try client(broker, .tcp) {
      $0.onEvent = { event in
        usleep(20_000)
        events.withLock { $0.append(event) }
      }
    }
    if !isThere { broker.end() }
    let isConnected = (try? await client.connect()) != nil
    #expect(isConnected == isThere)
    let told = events.withLock { $0 }
    // Nothing waits to be sent: it is closed again.
    switch told.first {
    case .connected: #expect(isThere)
    case .connectFailed: #expect(!isThere)
    default: Issue.record("\(told)")
    }
    await client.close()
  }

  @Test(arguments: [MQTTTransport.tcp, .tls, .webSocket, .secureWebSocket])
  func `a report is acknowledged, and its packets are counted`(
    transport: MQTTTransport
  )
    async throws
  {
    let broker = try Mosquitto()
    let client = try client(broker, transport)
    let receipt = try await client.publish(Array(#"{"value":1}"#.utf8), to: Self.topic)
    #expect(receipt.result.outcome == .acknowledged)
    // docs/mqtt.md prints these.
    #expect(receipt.result.bytesUp == 49 && receipt.result.bytesDown == 4)
    #expect(receipt.result.transmissions == 1 && receipt.result.code == nil)
    await client.close()
    let traffic = client.traffic
    #expect(traffic.reports.bytesUp == 49 && traffic.reports.bytesDown == 4)
    #expect(traffic.authenticationRequests == 1)
    #expect(traffic.authentication.bytesDown == 4)
    await #expect(throws: DeviceClientError.self) {
      try await client.publish([1], to: Self.topic)
    }
  }

  @Test(arguments: ["/a1Other/device9/user/x", "/sys/a1Other/device9/thing/event/a/post/x"])
  func `a report on another device's topic is sent, and ends`(topic: String) async throws {
    let broker = try Mosquitto()
    let client = try client(broker, .tcp)
    let receipt = try await client.publish(Array("1".utf8), to: topic)
    #expect(receipt.result.outcome == .acknowledged)
    await client.close()
  }

  @Test(arguments: [1, 4, 16])
  func `reports from many tasks arrive, several at a time`(inFlight: Int) async throws {
    let broker = try Mosquitto()
    let client = try client(broker, .tcp) { $0.reportsInFlight = inFlight }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask { _ = try await client.publish([UInt8(number)], to: Self.topic) }
      }
      try await group.waitForAll()
    }
    #expect(client.traffic.authenticationRequests == 1)
    #expect(client.counters.roundTrips == 101)
    await client.close()
  }

  @Test(arguments: [#""id":"8","#, "", #""id":null,"#])
  func `a reply with another id counts where none with its own comes`(id: String) async throws {
    let platform = try FakePlatform()
    // Longer than the suite may take.
    let client = try platform.client { $0.replyTimeout = Milliseconds(3_600_000) }
    let topic = FakePlatform.topics + "event/property/post"
    let sending = Task {
      try await client.publish(Array(#"{"id":"7","params":{}}"#.utf8), to: topic)
    }
    _ = await platform.next()
    await platform.send(topic + "_reply", "{\(id)\"code\":460}", afterSubscriptions: 1)
    await #expect {
      try await sending.value
    } throws: {
      guard case DeviceClientError.undelivered(let receipt) = $0 else { return false }
      return receipt.result.replyCode == 460 && receipt.result.outcome == .rejected
    }
    await client.close()
  }

  @Test func `a reply with another id does not take the place of its own`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client()
    let topic = FakePlatform.topics + "event/property/post"
    let sending = Task {
      try await client.publish(Array(#"{"id":"7","params":{}}"#.utf8), to: topic)
    }
    _ = await platform.next()
    await platform.send(topic + "_reply", #"{"id":"6","code":460}"#, afterSubscriptions: 1)
    await platform.send(topic + "_reply", #"{"id":"7","code":200}"#, afterSubscriptions: 1)
    #expect(try await sending.value.result.replyCode == 200)
    await client.close()
  }

  @Test func `256 KB is sent, and one byte more is not`() async throws {
    let broker = try Mosquitto()
    let client = try client(broker, .tcp)
    let payload = [UInt8](repeating: 1, count: MQTTClientSettings.maxPayload)
    _ = try await client.publish(payload, to: Self.topic)
    await #expect {
      try await client.publish(payload + [1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.payloadTooLong(262_145) = $0 else { return false }
      return true
    }
    await client.close()
  }

  @Test func `a server that another authority vouches for is refused`() async throws {
    let broker = try Mosquitto(certificate: "stranger")
    let client = try client(broker)
    await #expect {
      try await client.connect()
    } throws: {
      guard case DeviceClientError.connection(.connection(let failure)) = $0 else { return false }
      return failure == .unknownAuthority
    }
    await client.close()
  }

  @Test func `a refusal has the number with both readings, and is not repeated at once`()
    async throws
  {
    let platform = try FakePlatform(code: 4)
    let client = try platform.client()
    await #expect {
      try await client.publish([1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.connection(.refused(.credentials)) = $0 else { return false }
      let text = "\($0)"
      return text.contains("CONNACK 4: bad user name or password")
        && text.contains("server unavailable") && text.contains("check the device secret")
    }
    await #expect {
      try await client.publish([1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.resting(.refused(.credentials), let left) = $0 else {
        return false
      }
      return left.count > 1_000_000
    }
    await client.close()
  }

  @Test func `no PUBACK in time is an error of its own`() async throws {
    let platform = try FakePlatform(isSilent: true)
    let client = try platform.client { $0.answerTimeout = Milliseconds(100) }
    await #expect {
      try await client.publish([1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.unacknowledged(let receipt) = $0 else { return false }
      return receipt.result.outcome == .timedOut && receipt.result.transmissions == 1
    }
    await client.close()
  }

  @Test func `a connection that breaks says that the platform may have the report`() async throws {
    let platform = try FakePlatform(cutsAtPublish: true)
    let client = try platform.client()
    await #expect {
      try await client.publish([1], to: Self.topic)
    } throws: {
      guard case DeviceClientError.lost(.lost, let receipt) = $0 else { return false }
      return receipt.result.transmissions == 1 && "\($0)".contains("may or may not")
    }
    await client.close()
  }

  @Test func `cancelling ends the wait for an acknowledgement`() async throws {
    let platform = try FakePlatform(isSilent: true)
    let client = try platform.client()
    let task = Task { try await client.publish([1], to: Self.topic) }
    _ = await platform.next()
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await client.close()
  }

  @Test func `settings that the platform would refuse are refused before`() throws {
    let broker = try Mosquitto()
    #expect(throws: DeviceClientError.self) {
      try client(broker, .tls, authority: "ca.pem") { $0.authorities = [] }
    }
    #expect(throws: MQTTSettingsError.keepAlive(29)) { try MQTTKeepAlive(seconds: 29) }
    var configuration = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      mqtt: MQTTClientSettings(.tcp)
    )
    #expect(configuration.host == "a1B2c3D4e5F.iot-as-mqtt.cn-shanghai.aliyuncs.com")
    configuration.clientID = "a|b"
    #expect {
      _ = try DeviceClient(configuration, secret: [1])
    } throws: {
      guard case DeviceClientError.mqttSettings(.clientIDBar(offset: 1)) = $0 else { return false }
      return true
    }
    configuration.clientID = nil
    configuration.host = "coap://127.0.0.1"
    #expect {
      _ = try DeviceClient(configuration, secret: [1])
    } throws: {
      guard case DeviceClientError.endpointMismatch = $0 else { return false }
      return true
    }
  }
}
