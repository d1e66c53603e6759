// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import MQTTChannel
import MQTTLayer
import MQTTPeers
import Testing

@Suite("A channel over Paho, with mosquitto as its peer")
struct ChannelTests {
  @Test(arguments: [ChannelTransport.tcp, .tls, .webSocket, .secureWebSocket])
  func `small packets do not wait for each other`(transport: ChannelTransport) throws {
    let broker = try Mosquitto()
    let client = try Client(transport, of: broker)
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
    let sockets = Self.sockets(to: broker)
    #expect(!sockets.isEmpty)
    for socket in sockets { #expect(socket.isUndelayed) }
  }

  /// Paho's receiving thread takes the next connection for the one before where both sockets have one number.
  @Test func `a connection's socket has another number than the one before`() throws {
    let broker = try Mosquitto()
    let client = try Client(of: broker)
    var numbers: [Int32] = []
    for _ in 0..<20 {
      try client.connect()
      #expect(client.next() == .event(.connected(hasSession: false)))
      // The channel that counts bytes has a lower number of the same socket.
      numbers.append(try #require(Self.sockets(to: broker).map(\.number).max()))
      client.channel.disconnect()
      #expect(client.next() == .event(.disconnected))
    }
    #expect(Set(numbers).count == 20)
  }

  /// A socket of this process.
  private struct ConnectedSocket {
    let number: Int32
    let isUndelayed: Bool
  }

  /// The sockets that are connected to a broker.
  ///
  /// Each is looked at by a descriptor of its own, for those of other tests are closed meanwhile. Of these one may be the
  /// other end of a connection whose client has left its port, which the broker then got: such a one is not established.
  private static func sockets(to broker: Mosquitto) -> [ConnectedSocket] {
    let ports = broker.ports
    let all = [ports.tcp, ports.tls, ports.webSocket, ports.secureWebSocket]
    return (0..<1_024 as Range<Int32>).compactMap { number in
      let socket = dup(number)
      guard socket >= 0 else { return nil }
      defer { close(socket) }
      let established = 1
      guard all.contains(peerPort(of: socket)), option(TCP_INFO, of: socket) == established
      else { return nil }
      return ConnectedSocket(number: number, isUndelayed: option(TCP_NODELAY, of: socket) != 0)
    }
  }

  /// The first byte of an option of TCP; `nil` where it is no socket of it.
  private static func option(_ name: Int32, of socket: Int32) -> Int? {
    var value: UInt8 = 0
    var length: socklen_t = 1
    let code = unsafe getsockopt(socket, Int32(IPPROTO_TCP), name, &value, &length)
    return code == 0 ? Int(value) : nil
  }

  /// The port that a descriptor is connected to; 0 where it is to none.
  private static func peerPort(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getpeername(descriptor, $0, &length)
      }
    }
    return code == 0 && address.sin_family == sa_family_t(AF_INET)
      ? UInt16(bigEndian: address.sin_port) : 0
  }

  @Test(
    arguments: [.tcp, .tls, .webSocket, .secureWebSocket] as [ChannelTransport],
    [.v3_1, .v3_1_1] as [MQTTVersion]
  )
  func `each transport and version carries messages both ways`(
    transport: ChannelTransport,
    version: MQTTVersion
  ) throws {
    let broker = try Mosquitto()
    let client = try Client(transport, of: broker)
    try client.connect(version: version)
    // What is asked for before the connection stands waits for it.
    #expect(client.subscribe("a/b", number: 7))
    #expect(client.next() == .event(.connected(hasSession: false)))
    #expect(client.next() == .event(.subscribed(7, .atLeastOnce)))
    #expect(client.publish("a/b", [0, 1, 255], .atLeastOnce, number: 8))
    let told = [client.next(), client.next()]
    #expect(told.contains(.event(.delivered(8))))
    #expect(told.contains(.message("a/b", [0, 1, 255], .atLeastOnce)))
    #expect(client.publish("a/b", [], .atMostOnce, number: 9))
    let more = [client.next(), client.next()]
    #expect(more.contains(.event(.delivered(9))))
    #expect(more.contains(.message("a/b", [], .atMostOnce)))
    #expect(client.unsubscribe("a/b", number: 10))
    #expect(client.next() == .event(.unsubscribed(10)))
    client.channel.disconnect()
    #expect(client.next() == .event(.disconnected))
    // A fresh client of the library.
    try client.connect(version: version)
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test(
    .enabled(if: Mosquitto.hasIPv6, "this machine has no ::1"),
    arguments: [.tcp, .tls, .webSocket, .secureWebSocket] as [ChannelTransport]
  )
  func `a broker is known by its IPv6 address`(transport: ChannelTransport) throws {
    let broker = try Mosquitto(address: "::1")
    let client = try Client(transport, of: broker, host: "::1")
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test func `what the program does about SIGPIPE stays, and a broken connection does not end it`()
    throws
  {
    func ignored() throws -> Substring? {
      try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
        .first { $0.hasPrefix("SigIgn") }
    }
    let before = try ignored()
    let broker = try Mosquitto()
    let client = try Client(.tcp, of: broker)
    try client.connect(version: .v3_1_1)
    #expect(client.next() == .event(.connected(hasSession: false)))
    #expect(try ignored() == before)
    broker.end()
    // The first write is answered by a reset, and the next ones break the pipe.
    for number in 1...50 where !client.publish("a", [1], .atMostOnce, number: UInt32(number)) {
      break
    }
    while true {
      guard case .event(let event) = client.next() else { continue }
      if case .lost = event { break }
    }
  }

  @Test func `user name and password are checked by the server`() throws {
    let broker = try Mosquitto(
      settings: "allow_anonymous false\npassword_file FOLDER/users",
      users: ["device&pk": "secret"]
    )
    let client = try Client(of: broker)
    try client.connect(user: "device&pk", password: "secret")
    #expect(client.next() == .event(.connected(hasSession: false)))
    try client.connect(user: "device&pk", password: "other")
    #expect(client.next() == .event(.failed(.refused(5))))
    try client.connect(user: "device&pk", password: "secret")
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test func `a session that is not clean is kept by the server`() throws {
    let broker = try Mosquitto()
    let client = try Client(of: broker)
    try client.connect("kept", isClean: false)
    #expect(client.next() == .event(.connected(hasSession: false)))
    #expect(client.subscribe("kept/topic"))
    #expect(client.next() == .event(.subscribed(1, .atLeastOnce)))
    client.channel.disconnect()
    #expect(client.next() == .event(.disconnected))
    let other = try Client(of: broker)
    try other.connect("other")
    #expect(other.next() == .event(.connected(hasSession: false)))
    #expect(other.publish("kept/topic", [1]))
    #expect(other.next() == .event(.delivered(1)))
    try client.connect("kept", isClean: false)
    let told = [client.next(), client.next()]
    #expect(told.contains(.event(.connected(hasSession: true))))
    #expect(told.contains(.message("kept/topic", [1], .atLeastOnce)))
  }

  @Test func `a message of quality 0 is out before an orderly end`() throws {
    let broker = try Mosquitto()
    let reader = try Client(of: broker)
    try reader.connect("reader")
    #expect(reader.next() == .event(.connected(hasSession: false)))
    #expect(reader.subscribe("last"))
    #expect(reader.next() == .event(.subscribed(1, .atLeastOnce)))
    let client = try Client(of: broker)
    try client.connect("writer")
    for number in 0..<16 as Range<UInt32> {
      #expect(client.publish("last", [UInt8(number)], .atMostOnce, number: number))
    }
    client.channel.disconnect()
    for number in 0..<16 as Range<UInt8> {
      #expect(reader.next() == .message("last", [number], .atMostOnce))
    }
  }

  @Test(arguments: [.tcp, .tls, .webSocket, .secureWebSocket] as [ChannelTransport])
  func `the same client id elsewhere closes the connection in order`(
    transport: ChannelTransport
  ) throws {
    let broker = try Mosquitto()
    let client = try Client(transport, of: broker)
    try client.connect("same")
    #expect(client.next() == .event(.connected(hasSession: false)))
    let twin = try Client(of: broker)
    try twin.connect("same")
    #expect(twin.next() == .event(.connected(hasSession: false)))
    #expect(client.next() == .event(.lost(.closed)))
  }

  @Test func `a thousand messages arrive in order, each acknowledged under its number`() throws {
    let broker = try Mosquitto(settings: "allow_anonymous true\nmax_queued_messages 0")
    let client = try Client(of: broker)
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
    #expect(client.subscribe("many"))
    #expect(client.next() == .event(.subscribed(1, .atLeastOnce)))
    var sent: UInt32 = 0
    var delivered: [UInt32] = []
    var received: [UInt32] = []
    while received.count < 1_000 || delivered.count < 1_000 {
      while sent < 1_000, sent - UInt32(delivered.count) < 16,
        client.publish("many", Array("\(sent)".utf8), number: sent)
      {
        sent += 1
      }
      switch client.next() {
      case .event(.delivered(let number)): delivered.append(number)
      case .message("many", let payload, .atLeastOnce):
        received.append(UInt32(String(decoding: payload, as: UTF8.self)) ?? .max)
      case let other:
        Issue.record("\(String(describing: other))")
        return
      }
    }
    #expect(received == Array(0..<1_000))
    #expect(delivered.sorted() == Array(0..<1_000))
  }

  @Test func `a channel that ends at any moment leaves nothing behind`() throws {
    let broker = try Mosquitto()
    for number in 0..<8 {
      let client = try Client(of: broker)
      try client.connect("gone\(number)")
      _ = client.publish("gone", [1])
      if number % 2 == 0 { _ = client.next() }
      if number % 3 == 0 { client.channel.disconnect() }
    }
    let client = try Client(of: broker)
    try client.connect("stays")
    #expect(client.next() == .event(.connected(hasSession: false)))
  }
}
