// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceClient
import MQTTLayer
import MQTTPeers
import PlatformMQTT
import TestSupport
import Testing

@Suite(
  "The async client over MQTT and a broker that breaks MQTT 3.1.1 or the platform's rules",
  .timeLimit(.minutes(15))
)
struct HostilePlatformTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// Why it is dropped, where that is told.
    var drop: MQTTDrop?
    /// Whether it is refused as no message of the platform.
    var isRefused = false
    var testDescription: String { name }
  }

  static let rows = [
    Row(
      name: "quality 2",
      bytes: publishPacket(Array("two".utf8), [1], quality: 2) + [0x62, 2, 0, 7],
      drop: .quality
    ),
    Row(name: "wildcards", bytes: publishPacket(Array("/sys/#".utf8), [1]), drop: .topic),
    Row(
      name: "256 KB",
      bytes: publishPacket(Array("a".utf8), [UInt8](repeating: 1, count: 262_144)),
      isRefused: true
    ),
    Row(name: "no UTF-8", bytes: publishPacket([0x61, 0xFF, 0xFE], [1])),
    Row(name: "an unsolicited PUBACK", bytes: [0x40, 2, 0x12, 0x34]),
    Row(
      name: "another device's topic",
      bytes: publishPacket(Array("/sys/other/device/thing/service/property/set".utf8), [1]),
      isRefused: true
    ),
    Row(
      name: "a reply to an id that never was",
      bytes: publishPacket(
        Array((FakePlatform.topics + "event/property/post_reply").utf8),
        Array(#"{"id":"99","code":200,"data":{}}"#.utf8)
      )
    ),
  ]

  @Test(arguments: rows)
  func `what may not be sent is told or dropped, and the client goes on`(row: Row) async throws {
    let platform = try FakePlatform()
    let (events, feed) = AsyncStream.makeStream(of: MQTTClientEvent.self)
    let client = try platform.client { $0.onEvent = { feed.yield($0) } }
    var requests = client.requests.makeAsyncIterator()
    await platform.send(bytes: row.bytes)
    await platform.request(7)
    let request = try #require(try await requests.next())
    #expect(request.id == "7")
    try request.reply()
    #expect(await platform.next()?.payload == #"{"id":"7","code":200,"data":{}}"#)
    #expect(platform.connects == 1)
    await client.close()
    feed.finish()
    var drops: [MQTTDrop] = []
    var refusals = 0
    for await event in events {
      if case .dropped(let reason, _) = event { drops.append(reason) }
      if case .refused = event { refusals += 1 }
    }
    if let drop = row.drop { #expect(drops == [drop]) }
    if row.isRefused { #expect(refusals > 0) }
  }

  @Test func `a client id of 65 bytes is refused before anything is sent`() throws {
    var configuration = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      mqtt: MQTTClientSettings(.tcp)
    )
    configuration.clientID = String(repeating: "a", count: 65)
    #expect(throws: (any Error).self) { try DeviceClient(configuration, secret: [1]) }
    for seconds in [29, 1_201] {
      #expect(throws: MQTTSettingsError.keepAlive(seconds)) { try MQTTKeepAlive(seconds: seconds) }
    }
  }
}
