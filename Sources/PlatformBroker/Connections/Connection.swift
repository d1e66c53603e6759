// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PlatformCore

/// Which of the two brokers: the one with TLS, or the one without.
package enum BrokerSide: Sendable, CaseIterable {
  case plain, secure
}

/// How a device reaches the platform over MQTT.
public enum BrokerTransport: String, Sendable, CaseIterable {
  /// TCP.
  case mqtt
  /// TLS over TCP.
  case mqtts
  /// A WebSocket.
  case ws
  /// A WebSocket over TLS.
  case wss

  package init(_ side: BrokerSide, isWebSocket: Bool) {
    self =
      switch side {
      case .plain: isWebSocket ? .ws : .mqtt
      case .secure: isWebSocket ? .wss : .mqtts
      }
  }

  /// The broker that has it.
  package var side: BrokerSide { self == .mqtt || self == .ws ? .plain : .secure }

  /// Whether it is a WebSocket.
  package var isWebSocket: Bool { self == .ws || self == .wss }
}

/// A connection of a device.
final class Connection {
  /// Where it is: numbers are each broker's own.
  struct Key: Hashable {
    let side: BrokerSide
    let number: UInt64
  }

  let key: Key
  /// The id that the broker knows it by.
  let id: String
  /// `nil` for one that registers, which may do nothing.
  let session: PlatformSession?
  let transport: BrokerTransport
  let address: String
  let clientID: String
  let keepAlive: UInt16
  let isClean: Bool
  let wantsNotice: Bool
  let hasSystemTopics: Bool
  let device: SimulatedDevice
  /// Whether another connection has taken its place.
  var isReplaced = false
  /// Whether it is being closed.
  var isClosing = false
  /// The topics of answers to what was pushed without a look at the thing model, the newest 16.
  private(set) var uncheckedAnswers: [String] = []
  /// The version of the firmware that it was told of.
  var offeredFirmware: String?

  /// Notes that an answer may come to a topic, whether the product has it or not.
  func expectAnswer(on topic: String) {
    uncheckedAnswers.removeAll { $0 == topic }
    if uncheckedAnswers.count == 16 { uncheckedAnswers.removeFirst() }
    uncheckedAnswers.append(topic)
  }

  init(
    _ key: Key,
    id: String,
    session: PlatformSession?,
    device: SimulatedDevice,
    _ request: ConnectRequest,
    _ identifier: ClientIdentifier
  ) {
    self.key = key
    self.id = id
    self.session = session
    self.device = device
    transport = BrokerTransport(key.side, isWebSocket: request.isWebSocket)
    address = request.address
    clientID = identifier.clientID
    keepAlive = request.keepAlive
    isClean = request.isClean
    wantsNotice = identifier.wantsNotice
    hasSystemTopics = identifier.hasSystemTopics
  }
}

/// What the front keeps of a device whether it is connected or not.
struct DeviceLine {
  /// A session as a broker has it.
  struct Kept {
    /// How often the device got a new one there.
    var generation = 0
    /// The topic filters.
    var subscriptions = Subscriptions()
    /// Whether it outlives the connection.
    var isKept = false
  }

  /// For its ids.
  let number: Int
  var connection: Connection?
  var sessions: [BrokerSide: Kept] = [:]

  /// The id that the device has in a broker.
  func id(_ side: BrokerSide) -> String {
    let generation = sessions[side]?.generation ?? 0
    return generation == 0 ? "d\(number)" : "d\(number).\(generation)"
  }

  /// The best quality of service with which the device hears a topic there, which names `owner`; `nil` where it does
  /// not.
  func quality(of topic: String, _ owner: String, _ side: BrokerSide) -> UInt8? {
    sessions[side]?.subscriptions.quality(of: topic, of: owner)
  }
}
