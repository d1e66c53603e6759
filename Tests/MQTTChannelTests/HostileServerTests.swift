// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import MQTTChannel
import MQTTLayer
import MQTTPeers
import Synchronization
import Testing

@Suite("A channel and a server that breaks MQTT 3.1.1", .serialized)
struct HostileServerTests {
  static let after = publishPacket(Array("a/b".utf8), [0x21])

  /// A server that accepts, sends `bytes` and then a good message.
  private func server(_ bytes: [UInt8]) throws -> FakeServer {
    try FakeServer { connection, _ in
      connection.accept()
      connection.send(bytes)
      connection.send(Self.after)
      connection.waitForEnd()
    }
  }

  private func connected(_ server: FakeServer, keepAlive: UInt16 = 60) throws -> Client {
    let client = try Client(of: server)
    try client.connect(keepAlive: keepAlive)
    #expect(client.next() == .event(.connected(hasSession: false)))
    return client
  }

  @Test(
    arguments: [
      ("wildcards", publishPacket(Array("a/#".utf8), [1]), .topic),
      ("a plus", publishPacket(Array("a/+/b".utf8), [1]), .topic),
      ("no topic", publishPacket([], [1]), .topic),
      ("a zero byte", publishPacket([0x61, 0, 0x62], [1]), .topic),
      ("no UTF-8", publishPacket([0x61, 0x2F, 0xFF, 0xFE], [1]), nil),
      ("a surrogate", publishPacket([0xED, 0xA0, 0x80], [1]), nil),
      ("a long topic", publishPacket([UInt8](repeating: 0x61, count: 513), [1]), .topic),
      ("256 KB", publishPacket(Array("a".utf8), [UInt8](repeating: 1, count: 262_144)), .tooLong),
      ("an unsolicited PUBACK", [0x40, 2, 0x12, 0x34], nil),
      ("an unsolicited SUBACK", [0x90, 3, 0, 9, 1], nil),
      ("an unsolicited UNSUBACK", [0xB0, 2, 0, 9], nil),
      ("an unsolicited PUBREL", [0x62, 2, 0, 9], nil),
      ("an unsolicited PINGRESP", [0xD0, 0], nil),
      ("quality 3", publishPacket(Array("a".utf8), [1], quality: 3), nil),
    ] as [(String, [UInt8], MQTTDrop?)]
  )
  func `is dropped, and the connection goes on`(
    name: String,
    bytes: [UInt8],
    drop: MQTTDrop?
  ) throws {
    let server = try server(bytes)
    let client = try connected(server)
    if let drop { #expect(client.next() == .event(.dropped(drop)), "\(name)") }
    var told = client.next()
    // The library itself may drop what is no UTF-8.
    if drop == nil, told == .event(.dropped(.topic)) { told = client.next() }
    #expect(told == .message("a/b", [0x21], .atMostOnce), "\(name)")
  }

  @Test func `a connection that ends is no refusal of what was asked for`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      _ = connection.packet(ofType: 8)
    }
    let client = try connected(server)
    for number in 1...16 as ClosedRange<UInt32> {
      let filter = Array("a/\(number)".utf8)
      let isAsked = client.channel.subscribe(
        to: filter.span,
        quality: .atLeastOnce,
        number: number
      )
      #expect(isAsked)
    }
    guard case .event(.lost)? = client.next() else {
      Issue.record("told of more than the end")
      return
    }
  }

  @Test func `a SUBACK with 128 is a refusal, and another number that none is`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for code in [0x80, 1, 0] as [UInt8] {
        guard let packet = connection.packet(ofType: 8) else { return }
        connection.send([0x90, 3, packet[2], packet[3], code])
      }
      connection.waitForEnd()
    }
    let client = try connected(server)
    let filter = Array("a/b".utf8)
    for (number, quality) in [(1, nil), (2, .atLeastOnce), (3, .atMostOnce)]
      as [(UInt32, MQTTQuality?)]
    {
      let isAsked = client.channel.subscribe(
        to: filter.span,
        quality: .atLeastOnce,
        number: number
      )
      #expect(isAsked)
      #expect(client.next() == .event(.subscribed(number, quality)))
    }
  }

  @Test(
    arguments: [[1], [0x80], [2], [0x7F], [1, 1], [1, 0, 1, 1], [1, 1, 1, 1, 1, 1]] as [[UInt8]]
  )
  func `a SUBACK with fewer codes than there are filters is a refusal`(codes: [UInt8]) throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for codes in [codes, [UInt8](repeating: 1, count: 16)] {
        guard let packet = connection.packet(ofType: 8) else { return }
        connection.send([0x90, UInt8(2 + codes.count), packet[2], packet[3]] + codes)
      }
      connection.waitForEnd()
    }
    try checkSubscriptions(server, filters: 16)
  }

  @Test func `quality 2 is never handed over`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      connection.send(publishPacket(Array("two".utf8), [1], quality: 2))
      // PUBREC, then PUBREL releases the message.
      _ = connection.packet(ofType: 5)
      connection.send([0x62, 2, 0, 7])
      connection.send(Self.after)
      connection.waitForEnd()
    }
    let client = try connected(server)
    #expect(client.next() == .event(.dropped(.quality)))
    #expect(client.next() == .message("a/b", [0x21], .atMostOnce))
  }

  @Test(arguments: [1, 3])
  func `a PUBACK that acknowledges nothing is told of, and no report's own`(count: Int) throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for _ in 0..<count { connection.send([0x40, 2, 0x12, 0x34]) }
      while let packet = connection.packet(ofType: 3) {
        connection.send([0x40, 2] + packet[5..<7])
      }
    }
    let client = try connected(server)
    var drops: UInt32 = 0
    while drops < count {
      guard case .event(.dropped(.acknowledgement, let number))? = client.next() else {
        Issue.record("not told")
        return
      }
      drops += number
    }
    #expect(drops == count)
    #expect(client.publish("a", [1], number: 5))
    #expect(client.next() == .event(.delivered(5)))
    // The worker looks each second, and twice before it takes one for unsolicited.
    #expect(client.next(seconds: 3) == nil)
  }

  /// Subscribes to so many filters twice: the first time it is refused, the second time granted.
  private func checkSubscriptions(_ server: FakeServer, filters count: Int) throws {
    let client = try connected(server)
    let filters: [UInt8] = (0..<count).flatMap { (number: Int) -> [UInt8] in
      Array("a/\(number)".utf8) + [0]
    }
    for (number, quality) in [(1, nil), (2, .atLeastOnce)] as [(UInt32, MQTTQuality?)] {
      let isAsked = client.channel.subscribe(
        toAll: filters.span,
        quality: .atLeastOnce,
        number: number
      )
      #expect(isAsked)
      #expect(client.next() == .event(.subscribed(number, quality)))
    }
  }

  /// The library takes it for the answer, and knows of no quality then.
  @Test(arguments: [1, 16])
  func `a PUBACK for a SUBSCRIBE is a refusal`(count: Int) throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for type in [0x40, 0x90] as [UInt8] {
        guard let packet = connection.packet(ofType: 8) else { return }
        // Behind a length of one byte or two.
        let id = packet.dropFirst().drop { $0 & 0x80 != 0 }.dropFirst().prefix(2)
        let codes = type == 0x90 ? [UInt8](repeating: 1, count: count) : []
        connection.send([type, UInt8(2 + codes.count)] + id + codes)
      }
      connection.waitForEnd()
    }
    try checkSubscriptions(server, filters: count)
  }

  @Test(
    arguments: [
      ("a second CONNACK", [0x20, 2, 0, 5]),
      ("a topic beyond the packet", [0x30, 5, 0xFF, 0xFF, 1, 2, 3]),
      ("a packet without a topic's length", [0x30, 1, 0]),
      ("a length of five bytes", [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
      ("an empty PUBACK", [0x40, 0]), ("an empty SUBACK", [0x90, 0]),
      ("an empty UNSUBACK", [0xB0, 0]), ("a SUBACK without codes", [0x90, 2, 0, 1]),
    ] as [(String, [UInt8])]
  )
  func `ends the connection, and the next one works`(name: String, bytes: [UInt8]) throws {
    let isTold = DispatchSemaphore(value: 0)
    let server = try FakeServer { connection, number in
      connection.accept()
      if number == 0 {
        connection.send(bytes)
        _ = connection.packet(ofType: 14)
        // A server closes once it has read DISCONNECT, which takes longer than the library's next step. This one waits
        // for that, however late the library's thread gets a processor.
        isTold.wait()
        return
      }
      connection.waitForEnd()
    }
    let client = try connected(server)
    #expect(client.next() == .event(.lost(.malformed)), "\(name)")
    isTold.signal()
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test(arguments: [false, true])
  func `a WebSocket that is closed at our DISCONNECT has ended in order`(saysClose: Bool) throws {
    let server = try FakeServer { connection, _ in
      connection.upgrade()
      connection.accept()
      _ = connection.packet(ofType: 14)
      if saysClose { connection.sendClose() }
    }
    let client = try Client(.webSocket, port: server.port, peer: server)
    for _ in 0..<10 {
      try client.connect()
      #expect(client.next() == .event(.connected(hasSession: false)))
      client.channel.disconnect()
      #expect(client.next() == .event(.disconnected))
    }
  }

  /// In a process of its own, as the next two: the library's memory is counted for all of a process's connections.
  @Test func `a length of 268,435,455 is cut off before it is filled`() async {
    await #expect(processExitsWith: .success) { try Self().announceMuch() }
  }

  private func announceMuch() throws {
    let server = try FakeServer { connection, number in
      connection.accept()
      if number == 0 {
        connection.send(publishPacket(Array("a".utf8), [1], length: 268_435_455))
      }
      connection.waitForEnd()
    }
    let client = try connected(server)
    #expect(client.next() == .event(.lost(.oversized)))
    #expect(client.channel.counters.cuts == 1)
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
    // Only this connection's own is held again.
    #expect(MQTTChannel.libraryMemory < 268_435_455)
  }

  @Test func `a flood of quality 2 is cut off`() async {
    await #expect(processExitsWith: .success) { try Self().flood() }
  }

  private func flood() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      let payload = [UInt8](repeating: 1, count: 1_000)
      for id in 1..<20_000 as Range<UInt16> {
        guard connection.send(publishPacket(Array("a".utf8), payload, quality: 2, id: id)) else {
          return
        }
      }
      connection.waitForEnd()
    }
    let client = try connected(server)
    #expect(client.next() == .event(.lost(.oversized)))
  }

  @Test(arguments: [true, false])
  func `what is announced is not read to its end, in CONNACK or later`(isConnected: Bool) async {
    await #expect(processExitsWith: .success) { [isConnected] in
      try Self().announceAndSend(isConnected: isConnected)
    }
  }

  private func announceAndSend(isConnected: Bool) throws {
    let sent = Mutex(0)
    let isOver = DispatchSemaphore(value: 0)
    let server = try FakeServer { connection, number in
      connection.boundBuffers()
      if isConnected || number > 0 { connection.accept() } else { _ = connection.packet() }
      guard number == 0 else { return connection.waitForEnd() }
      let length = 268_435_455
      connection.send(
        isConnected
          ? publishPacket(Array("a".utf8), [], length: length) : [0x20, 0xFF, 0xFF, 0xFF, 0x7F]
      )
      let chunk = [UInt8](repeating: 0x61, count: 65_536)
      while sent.withLock({ $0 }) < length, connection.send(chunk) {
        sent.withLock { $0 += chunk.count }
      }
      isOver.signal()
    }
    let client = try Client(of: server)
    try client.connect()
    if isConnected { #expect(client.next() == .event(.connected(hasSession: false))) }
    #expect(
      client.next() == .event(isConnected ? .lost(.oversized) : .failed(.oversized))
    )
    isOver.wait()
    // The rest was in the buffers of both sockets.
    #expect(sent.withLock { $0 } < 2_097_152, "\(sent.withLock { $0 }) bytes")
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test func `what is no CONNACK is told as such`() throws {
    let server = try FakeServer { connection, _ in
      _ = connection.packet()
      connection.send([0x40, 0])
      connection.waitForEnd()
    }
    let client = try Client(of: server)
    try client.connect()
    #expect(client.next() == .event(.failed(.malformed)))
  }

  @Test func `a message that was sent before is marked`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for isRepeated in [true, false] {
        connection.send(
          publishPacket(Array("a/b".utf8), [0x21], quality: 1, isRepeated: isRepeated)
        )
      }
      connection.waitForEnd()
    }
    let client = try connected(server)
    for isRepeated in [true, false] {
      #expect(client.next() == .message("a/b", [0x21], .atLeastOnce))
      #expect(client.isRepeated == isRepeated)
    }
  }

  @Test func `half a packet and silence end with the keep-alive`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      connection.send(Array(Self.after.prefix(4)))
      connection.waitForEnd()
    }
    let client = try connected(server, keepAlive: 2)
    #expect(client.next() == .event(.lost(.broken)))
  }

  @Test func `PINGREQ goes out in time, and an answer keeps the connection`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for _ in 0..<2 where connection.packet(ofType: 12) != nil { connection.send([0xD0, 0]) }
      connection.send(Self.after)
      connection.waitForEnd()
    }
    let client = try connected(server, keepAlive: 1)
    #expect(client.next() == .message("a/b", [0x21], .atMostOnce))
  }

  @Test func `an orderly close and a broken connection are told apart`() throws {
    for (isReset, loss) in [(false, MQTTLoss.closed), (true, .broken)] {
      for _ in 0..<3 {
        let server = try FakeServer { connection, _ in
          connection.accept()
          connection.send(Self.after)
          _ = connection.packet(ofType: 3)
          if isReset { connection.reset() } else { connection.close() }
        }
        let client = try connected(server)
        #expect(client.next() == .message("a/b", [0x21], .atMostOnce))
        #expect(client.publish("go", [], .atMostOnce))
        #expect(client.next() == .event(.delivered(1)))
        #expect(client.next() == .event(.lost(loss)))
      }
    }
  }

  @Test func `an owner that takes nothing has messages dropped, and none torn`() throws {
    let payload = [UInt8](repeating: 7, count: 8_000)
    let server = try FakeServer { connection, _ in
      connection.accept()
      for _ in 0..<40 { connection.send(publishPacket(Array("a".utf8), payload)) }
      connection.send(Self.after)
      // All has been read once the client answers.
      connection.waitForEnd()
    }
    let client = try connected(server)
    // The library's threads work while this one takes nothing.
    while client.channel.counters.dropped < 10 { _ = client.channel.descriptor }
    var count = 0
    var drops = 0
    while count + drops < 41, let told = client.next(seconds: 10) {
      switch told {
      case .message("a", let bytes, _):
        #expect(bytes == payload)
        count += 1
      case .message("a/b", _, _): count += 1
      case .event(.dropped(.noRoom, let number)): drops += Int(number)
      default: Issue.record("\(told)")
      }
    }
    // Each of them is accounted for.
    #expect(count > 0 && drops > 0 && count + drops == 41)
  }

  @Test func `drops of a burst are told of once a second, with their number`() throws {
    let server = try FakeServer { connection, _ in
      connection.accept()
      for _ in 0..<500 { connection.send(publishPacket(Array("a/#".utf8), [1])) }
      connection.send(Self.after)
      connection.waitForEnd()
    }
    let client = try connected(server)
    var told = 0
    var drops = 0
    var isOver = false
    while !isOver || drops < 500, let next = client.next(seconds: 10) {
      switch next {
      case .event(.dropped(.topic, let number)):
        told += 1
        drops += Int(number)
      case .message("a/b", _, _): isOver = true
      default: Issue.record("\(next)")
      }
    }
    #expect(drops == 500 && told < 10)
  }
}
