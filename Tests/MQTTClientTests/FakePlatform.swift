// SPDX-License-Identifier: Apache-2.0
import DeviceClient
import Foundation
import MQTTPeers
import PlatformMQTT
import Synchronization

/// A broker of a test's own in place of the platform: it grants, acknowledges and records, and sends what a test says.
final class FakePlatform: Sendable {
  static let topics = "/sys/a1B2c3D4e5F/device1/thing/"
  private let state = Mutex<(connection: FakeConnection?, subscriptions: Int, connects: Int)>(
    (nil, 0, 0)
  )
  private let server: Mutex<FakeServer?> = Mutex(nil)
  let port: UInt16
  /// What the device has published, in order.
  let published: AsyncStream<(topic: String, payload: String)>

  /// `code` is that of CONNACK; `isSilent` acknowledges no PUBLISH; `cutsAtPublish` breaks the connection at one.
  init(code: UInt8 = 0, isSilent: Bool = false, cutsAtPublish: Bool = false) throws {
    let (stream, feed) = AsyncStream.makeStream(of: (topic: String, payload: String).self)
    published = stream
    let box = Box()
    let server = try FakeServer { connection, _ in
      connection.accept(code: code)
      guard code == 0, let platform = box.platform else { return connection.waitForEnd() }
      platform.state.withLock { $0 = (connection, 0, $0.connects + 1) }
      while let packet = connection.packet() {
        // Behind the type and the length, whose bytes but the last have their high bit set.
        let body = Array(packet.dropFirst().drop { $0 & 0x80 != 0 }.dropFirst())
        switch packet[0] >> 4 {
        case 3:
          if cutsAtPublish { return connection.reset() }
          let length = Int(body[0]) << 8 | Int(body[1])
          let topic = String(decoding: body[2..<2 + length], as: UTF8.self)
          let id = body[(2 + length)..<(4 + length)]
          if !isSilent { connection.send([0x40, 2] + id) }
          feed.yield((topic, String(decoding: body[(4 + length)...], as: UTF8.self)))
        case 8:
          connection.send([0x90, 3, body[0], body[1], 1])
          platform.state.withLock { $0.subscriptions += 1 }
        default: break
        }
      }
    }
    port = server.port
    self.server.withLock { $0 = server }
    box.platform = self
  }

  /// Lets the server's script, which is made first, find its platform.
  private final class Box: @unchecked Sendable { weak var platform: FakePlatform? }

  /// How many connections it has accepted.
  var connects: Int { state.withLock { $0.connects } }

  /// Sends a message to the device, once it has subscribed to so many filters.
  func send(_ topic: String, _ payload: String, afterSubscriptions count: Int = 11) async {
    let packet = publishPacket(Array(topic.utf8), Array(payload.utf8), quality: 0)
    await send(bytes: packet, afterSubscriptions: count)
  }

  /// Sends bytes as they are, once it has subscribed to so many filters.
  func send(bytes: [UInt8], afterSubscriptions count: Int = 11) async {
    while state.withLock({ $0.subscriptions }) < count { await Task.yield() }
    state.withLock { $0.connection }?.send(bytes)
  }

  /// Sends a request of the thing model.
  func request(_ id: Int, _ name: String = "service/property/set") async {
    let method = "thing." + name.replacing("/", with: ".")
    await send(
      Self.topics + name,
      #"{"id":"\#(id)","version":"1.0","params":{"power":"on"},"method":"\#(method)"}"#
    )
  }

  /// Ends the connection in order.
  func close() { state.withLock { $0.connection }?.finish() }

  /// The next message that the device publishes.
  func next() async -> (topic: String, payload: String)? {
    for await message in published { return message }
    return nil
  }

  /// A client of it.
  func client(
    _ change: (inout MQTTClientSettings) -> Void = { _ in }
  ) throws -> DeviceClient {
    var settings = MQTTClientSettings(.tcp)
    change(&settings)
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
}
