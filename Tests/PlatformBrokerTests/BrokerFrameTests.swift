// SPDX-License-Identifier: Apache-2.0
import PlatformBroker
import TestSupport
import Testing

@Suite("Frames between mosquitto's plugin and the simulator")
struct BrokerFrameTests {
  /// A PUBLISH of QoS 1 on connection 7.
  static let publish = hex("04 0000000000000007 01 00 00000002 2f61 00000003 000102")
  /// A CONNECT over a WebSocket, with a clean session, a user name and a password.
  static let connect = hex(
    "03 0000000000000009 04 0f 012c 00000001 63 00000001 75 00000001 70 00000009 3132372e302e302e31 00000000"
  )
  static let others = [
    hex("01 01"), hex("02"), hex("05 0000000000000001 01 00000002 2f61"),
    hex("06 0000000000000001 00000002 2f61"), hex("07 0000000000000001"),
  ]

  @Test func `what the plugin writes is read`() throws {
    var expected = PublishRequest(connection: 7, topic: "/a")
    expected.qos = 1
    expected.payload = [0, 1, 2]
    #expect(try BrokerEvent(frame: Self.publish) == .publish(expected))
    var request = ConnectRequest(connection: 9)
    request.isWebSocket = true
    request.keepAlive = 300
    request.clientID = "c"
    request.userName = "u"
    request.password = "p"
    request.address = "127.0.0.1"
    #expect(try BrokerEvent(frame: Self.connect) == .connect(request))
    #expect(try BrokerEvent(frame: Self.others[0]) == .hello(isComplete: true))
    #expect(try BrokerEvent(frame: Self.others[1]) == .ready)
    #expect(
      try BrokerEvent(frame: Self.others[2]) == .subscribe(connection: 1, qos: 1, filter: "/a")
    )
    #expect(try BrokerEvent(frame: Self.others[3]) == .unsubscribe(connection: 1, filter: "/a"))
    #expect(try BrokerEvent(frame: Self.others[4]) == .disconnect(connection: 1))
  }

  @Test func `each truncation, and a byte more, is refused; a flipped bit never traps`() {
    for frame in [Self.publish, Self.connect] + Self.others {
      for count in 0..<frame.count {
        #expect(throws: BrokerFrameError.self) { try BrokerEvent(frame: Array(frame[..<count])) }
      }
      #expect(throws: BrokerFrameError.self) { try BrokerEvent(frame: frame + [0]) }
      for index in frame.indices {
        for bit in 0..<8 {
          var flipped = frame
          flipped[index] ^= 1 << UInt8(bit)
          _ = try? BrokerEvent(frame: flipped)
        }
      }
    }
  }

  @Test func `what the plugin is told`() {
    #expect(
      BrokerOrder.answer(.refuse, code: 4).encoded == hex("00000007 81 01 04 00000000")
    )
    #expect(
      BrokerOrder.answer(.accept, id: "d1").encoded == hex("00000009 81 00 00 00000002 6431")
    )
    #expect(
      BrokerOrder.deliver(id: "d1", qos: 1, topic: "/a", payload: [9]).encoded
        == hex("00000013 82 00000002 6431 01 00000002 2f61 00000001 09")
    )
    #expect(BrokerOrder.close(id: "d1").encoded == hex("00000007 83 00000002 6431"))
  }
}
