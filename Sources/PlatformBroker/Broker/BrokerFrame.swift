// SPDX-License-Identifier: Apache-2.0
/// What mosquitto's plugin tells, or asks and waits for an answer to; `nbiot_broker.h` has the bytes.
package enum BrokerEvent: Equatable {
  /// The plugin is there; whether it can say every code, and see wills.
  case hello(isComplete: Bool)
  /// mosquitto listens.
  case ready
  /// A CONNECT.
  case connect(ConnectRequest)
  /// A PUBLISH.
  case publish(PublishRequest)
  /// One topic filter of a SUBSCRIBE.
  case subscribe(connection: UInt64, qos: UInt8, filter: String)
  /// One of an UNSUBSCRIBE; nothing is answered.
  case unsubscribe(connection: UInt64, filter: String)
  /// The connection is closed.
  case disconnect(connection: UInt64)
}

/// What a CONNECT says.
package struct ConnectRequest: Equatable {
  /// The connection's number; another one may get it once it is closed.
  package var connection: UInt64
  /// 3 for MQTT 3.1, 4 for 3.1.1, 5.
  package var version: UInt8 = 4
  package var isWebSocket = false
  package var isClean = true
  package var hasWill = false
  /// Seconds.
  package var keepAlive: UInt16 = 300
  package var clientID = ""
  /// `nil` where there is none.
  package var userName: String?
  /// `nil` where there is none.
  package var password: String?
  /// The peer's, without its port, which mosquitto does not tell.
  package var address = ""

  package init(connection: UInt64) { self.connection = connection }
}

/// What a PUBLISH says.
package struct PublishRequest: Equatable {
  package var connection: UInt64
  package var qos: UInt8 = 0
  package var isRetained = false
  package var topic: String
  package var payload: [UInt8] = []

  package init(connection: UInt64, topic: String) {
    self.connection = connection
    self.topic = topic
  }
}

/// What the plugin is to do.
package enum BrokerOrder: Equatable {
  /// What becomes of a request.
  package enum Verdict: UInt8 {
    /// It is taken.
    case accept
    /// It is refused: a CONNACK, a SUBACK of 0x80.
    case refuse
    /// The connection is closed without a word.
    case hangUp
  }

  /// The answer to a request: the CONNACK's code where one is refused, the id that the connection gets where it is
  /// accepted.
  case answer(Verdict, code: UInt8 = 0, id: String = "")
  /// Sends a message to one connection, or to the session that it has left.
  case deliver(id: String, qos: UInt8, topic: String, payload: [UInt8])
  /// Closes a connection, after what was to be delivered to it.
  case close(id: String)
}

/// Bytes between the plugin and the simulator that are not what they should be.
package struct BrokerFrameError: Error, Equatable {}

extension BrokerEvent {
  /// The longest frame, without its length.
  package static let frameLimit = 512 * 1_024

  /// Reads a frame without its length.
  package init(frame: [UInt8]) throws(BrokerFrameError) {
    var fields = FrameReader(frame)
    switch try fields.number(1) {
    case 0x01: self = .hello(isComplete: try fields.number(1) != 0)
    case 0x02: self = .ready
    case 0x03: self = .connect(try ConnectRequest(&fields))
    case 0x04:
      var request = PublishRequest(connection: try fields.number(8), topic: "")
      request.qos = UInt8(try fields.number(1))
      request.isRetained = try fields.number(1) != 0
      request.topic = try fields.text()
      request.payload = Array(try fields.bytes())
      self = .publish(request)
    case 0x05:
      self = .subscribe(
        connection: try fields.number(8),
        qos: UInt8(try fields.number(1)),
        filter: try fields.text()
      )
    case 0x06:
      self = .unsubscribe(connection: try fields.number(8), filter: try fields.text())
    case 0x07: self = .disconnect(connection: try fields.number(8))
    default: throw BrokerFrameError()
    }
    guard fields.isAtEnd else { throw BrokerFrameError() }
  }
}

extension ConnectRequest {
  fileprivate init(_ fields: inout FrameReader) throws(BrokerFrameError) {
    self.init(connection: try fields.number(8))
    version = UInt8(try fields.number(1))
    let flags = try fields.number(1)
    isWebSocket = flags & 1 != 0
    isClean = flags & 2 != 0
    hasWill = flags & 16 != 0
    keepAlive = UInt16(try fields.number(2))
    clientID = try fields.text()
    let name = try fields.text()
    let password = try fields.text()
    userName = flags & 4 != 0 ? name : nil
    self.password = flags & 8 != 0 ? password : nil
    let text = try fields.text()
    // Of a WebSocket mosquitto tells an IPv4 address in IPv6's way.
    address = text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text
    // The topic of a will that is refused in any case.
    _ = try fields.bytes()
  }
}

extension BrokerOrder {
  /// The frame with its length.
  package var encoded: [UInt8] {
    var body: [UInt8] = []
    switch self {
    case .answer(let verdict, let code, let id):
      body = [0x81, verdict.rawValue, code]
      Self.append(id.utf8, to: &body)
    case .deliver(let id, let qos, let topic, let payload):
      body = [0x82]
      Self.append(id.utf8, to: &body)
      body.append(qos)
      Self.append(topic.utf8, to: &body)
      Self.append(payload, to: &body)
    case .close(let id):
      body = [0x83]
      Self.append(id.utf8, to: &body)
    }
    return Self.number(body.count) + body
  }

  private static func append(_ bytes: some Collection<UInt8>, to body: inout [UInt8]) {
    body += number(bytes.count)
    body += bytes
  }

  private static func number(_ count: Int) -> [UInt8] {
    let value = UInt32(count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

/// Reads the fields of a frame.
private struct FrameReader {
  private let frame: [UInt8]
  private var place = 0

  init(_ frame: [UInt8]) { self.frame = frame }

  var isAtEnd: Bool { place == frame.count }

  mutating func number(_ width: Int) throws(BrokerFrameError) -> UInt64 {
    guard frame.count - place >= width else { throw BrokerFrameError() }
    defer { place += width }
    return frame[place..<(place + width)].reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func bytes() throws(BrokerFrameError) -> ArraySlice<UInt8> {
    let count = Int(try number(4))
    guard frame.count - place >= count else { throw BrokerFrameError() }
    defer { place += count }
    return frame[place..<(place + count)]
  }

  mutating func text() throws(BrokerFrameError) -> String {
    String(decoding: try bytes(), as: UTF8.self)
  }
}
