// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import Synchronization
import TestSupport

/// A broker of a test's own, in the clear: it accepts, grants, and sends and acknowledges what a test says.
final class FakeBroker: Sendable {
  static let topic = "/sys/a1B2c3D4e5F/device1/thing/service/property/set"
  private let state = Mutex<State>(State())
  private let server: Mutex<FakeServer?> = Mutex(nil)
  let port: UInt16

  private struct State {
    var connection: FakeConnection?
    var connects = 0
    var greetings = 0
    var poisoned = 0
    var acknowledges: Bool
    var published: [String] = []
    var unacknowledged: [[UInt8]] = []

    init() { acknowledges = true }
  }

  /// Lets the server's script, which is made first, find its broker.
  private final class Box: @unchecked Sendable { weak var broker: FakeBroker? }

  /// `grants` says whether subscriptions are; `greeting` is sent as soon as the client has asked for something.
  ///
  /// `closes` ends a connection then, in order, and so does a report to a topic that ends with `poison`, with an RST
  /// where it `breaks`. With `isWebSocket` it goes over a WebSocket, whose end after a DISCONNECT is said in a frame.
  init(
    isWebSocket: Bool = false,
    acknowledges: Bool = true,
    grants: Bool = true,
    greeting: [UInt8] = [],
    poison: String? = nil,
    breaks: Bool = false,
    closes: @escaping @Sendable (Int) -> Bool = { _ in false }
  ) throws {
    let box = Box()
    let server = try FakeServer { connection, number in
      if isWebSocket { connection.upgrade() }
      connection.accept()
      guard let broker = box.broker else { return }
      broker.state.withLock {
        $0.connection = connection
        $0.connects += 1
      }
      var isGreeted = false
      while let packet = connection.packet() {
        // Behind the type and the length, whose bytes but the last have their high bit set.
        let body = Array(packet.dropFirst().drop { $0 & 0x80 != 0 }.dropFirst())
        switch packet[0] >> 4 {
        case 3:
          let length = Int(body[0]) << 8 | Int(body[1])
          let isCounted = packet[0] & 6 != 0
          let topic = String(decoding: body[2..<(2 + length)], as: UTF8.self)
          if let poison, topic.hasSuffix(poison) {
            broker.state.withLock { $0.poisoned += 1 }
            if breaks { connection.reset() }
            return
          }
          let id = body[(2 + length)...].prefix(isCounted ? 2 : 0)
          let text = String(decoding: body[(2 + length + id.count)...], as: UTF8.self)
          let acknowledges = broker.state.withLock {
            $0.published.append(text)
            if isCounted, !$0.acknowledges { $0.unacknowledged.append(Array(id)) }
            return $0.acknowledges
          }
          if isCounted, acknowledges { connection.send([0x40, 2] + id) }
        case 8:
          connection.send([0x90, 3, body[0], body[1], grants ? 1 : 0x80])
          if isGreeted { break }
          isGreeted = true
          connection.send(greeting)
          broker.state.withLock { $0.greetings += 1 }
          if closes(number) { return }
        case 12: connection.send([0xD0, 0])
        case 14:
          if isWebSocket { connection.sendClose() }
          return
        default: break
        }
      }
    }
    port = server.port
    state.withLock { $0.acknowledges = acknowledges }
    self.server.withLock { $0 = server }
    box.broker = self
  }

  /// How many connections it has accepted.
  var connects: Int { state.withLock { $0.connects } }

  /// On how many the client has asked for something, so that messages reach it.
  var greetings: Int { state.withLock { $0.greetings } }

  /// How many connections have ended at a report.
  var poisoned: Int { state.withLock { $0.poisoned } }

  /// The payloads that were published.
  var published: [String] { state.withLock { $0.published } }

  /// Acknowledges what was published, and what will be.
  func acknowledgeAll() {
    let (connection, ids) = state.withLock { state in
      state.acknowledges = true
      defer { state.unacknowledged = [] }
      return (state.connection, state.unacknowledged)
    }
    for id in ids { connection?.send([0x40, 2] + id) }
  }

  /// Sends what the platform says to a device that is thrown out, and ends the connection.
  func kick(_ notice: [UInt8]) {
    send(publishPacket(Array("/ext/notify".utf8), notice))
    state.withLock { $0.connection }?.finish()
  }

  /// Sends bytes over the connection that stands.
  func send(_ bytes: [UInt8]) { state.withLock { $0.connection }?.send(bytes) }

  /// A good request with that id.
  static func request(_ id: Int) -> [UInt8] {
    publishPacket(
      Array(topic.utf8),
      Array(
        #"{"id":"\#(id)","version":"1.0","params":{"power":"on"},"method":"thing.service.property.set"}"#
          .utf8
      )
    )
  }
}

/// The folder of an agent whose broker is a `FakeBroker`.
final class LonelyDevice {
  let folder: URL
  let configuration: URL

  convenience init(_ broker: FakeBroker, _ lines: [String] = []) throws {
    try self.init(port: broker.port, ["tls = no"] + lines)
  }

  /// Of any other broker, whose transport the lines say.
  init(port: UInt16, _ lines: [String]) throws {
    folder = URL.temporaryDirectory.appending(path: "nbiot-agent-mqtt-\(UUID().uuidString)")
    configuration = folder.appending(path: "agent.conf")
    try FileManager.default.createDirectory(
      at: folder,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let secret = folder.appending(path: "secret.txt").path
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: URL(filePath: secret))
    let text = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "device-secret-file = \(secret)",
      "state-directory = \(folder.appending(path: "state").path)",
      "endpoint = 127.0.0.1:\(port)", "topic = /\(World.device)/user/update", "retry = 1",
      "retry-limit = 1",
    ]
    try Data((text + lines + [""]).joined(separator: "\n").utf8).write(to: configuration)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func agent(_ arguments: [String] = []) throws -> Program {
    try Program("nbiot-agent-mqtt", ["--config", configuration.path] + arguments)
  }

  /// `nbiot listen` with the same identity.
  func listener(_ broker: FakeBroker, _ options: [String] = []) throws -> Program {
    try command(["listen", "--output", "json"] + options, broker)
  }

  /// A command of `nbiot` with the same identity.
  func command(_ words: [String], _ broker: FakeBroker) throws -> Program {
    try Program(
      "nbiot",
      words + [
        "--plain", "--endpoint", "127.0.0.1:\(broker.port)", "--product-key",
        "a1B2c3D4e5F", "--device-name", "device1", "--device-secret-file",
        folder.appending(path: "secret.txt").path,
      ]
    )
  }
}
