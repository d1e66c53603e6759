// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import MQTTChannel
import MQTTLayer
import MQTTPeers
import TestSupport
import Testing

/// What happened on a channel, with the bytes of a message.
enum Told: Equatable {
  case event(MQTTLayerEvent)
  case message(String, [UInt8], MQTTQuality)
}

extension MQTTChannel {
  /// The bytes of the last event `message`.
  var message: ([UInt8], [UInt8]) { (array(topic), array(payload)) }
}

/// A channel whose events a test waits for.
final class Client {
  var channel: MQTTChannel
  /// Whether the last message had its flag DUP.
  private(set) var isRepeated = false
  /// Its peer, which is there as long as the client is.
  private let peer: AnyObject?

  init(
    _ transport: ChannelTransport = .tcp,
    host: String = "127.0.0.1",
    port: UInt16,
    authorities: [UInt8] = [],
    peer: AnyObject? = nil,
    change: (inout ChannelSettings) -> Void = { _ in }
  ) throws {
    let name = Array(host.utf8)
    var settings = try ChannelSettings(transport, host: name.span, port: port)
    change(&settings)
    channel = try MQTTChannel(settings, authorities: authorities.span)
    self.peer = peer
  }

  /// A client of a scripted server.
  convenience init(
    of server: FakeServer,
    change: (inout ChannelSettings) -> Void = { _ in }
  ) throws {
    try self.init(port: server.port, peer: server, change: change)
  }

  /// A client of a broker.
  convenience init(
    _ transport: ChannelTransport = .tcp,
    of broker: Mosquitto,
    host: String = "127.0.0.1"
  ) throws {
    let port =
      switch transport {
      case .tcp: broker.ports.tcp
      case .tls: broker.ports.tls
      case .webSocket: broker.ports.webSocket
      case .secureWebSocket: broker.ports.secureWebSocket
      }
    try self.init(
      transport,
      host: host,
      port: port,
      authorities: MQTTCertificates.text("ca.pem"),
      peer: broker
    )
  }

  func connect(
    _ clientID: String = "client",
    user: String = "user",
    password: String = "password",
    keepAlive: UInt16 = 60,
    isClean: Bool = true,
    version: MQTTVersion = .v3_1_1
  ) throws {
    var request = MQTTConnect()
    let (id, name, secret) = (Array(clientID.utf8), Array(user.utf8), Array(password.utf8))
    try request.clientID.replace(with: id.span)
    try request.userName.replace(with: name.span)
    try request.password.replace(with: secret.span)
    request.keepAlive = keepAlive
    request.isClean = isClean
    request.version = version
    channel.connect(request, at: Instant(milliseconds: 0))
  }

  /// The next event; `nil` when none comes for a long time.
  func next(seconds: Int = 60) -> Told? {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      if let event = channel.pollEvent() {
        guard case .message(let quality, let isRepeated) = event else { return .event(event) }
        self.isRepeated = isRepeated
        let (topic, payload) = channel.message
        return .message(String(decoding: topic, as: UTF8.self), payload, quality)
      }
      let left = end - ContinuousClock.now
      if left <= .zero { return nil }
      var entry = pollfd(fd: channel.descriptor, events: Int16(POLLIN), revents: 0)
      let seconds = left.components.seconds + 1
      _ = unsafe poll(&entry, 1, Int32(seconds * 1_000))
    }
  }

  func publish(
    _ topic: String,
    _ payload: [UInt8],
    _ quality: MQTTQuality = .atLeastOnce,
    number: UInt32 = 1
  ) -> Bool {
    let name = Array(topic.utf8)
    return channel.publish(
      topic: name.span,
      payload: payload.span,
      quality: quality,
      number: number
    )
  }

  func subscribe(
    _ filter: String,
    _ quality: MQTTQuality = .atLeastOnce,
    number: UInt32 = 1
  )
    -> Bool
  {
    let name = Array(filter.utf8)
    return channel.subscribe(to: name.span, quality: quality, number: number)
  }

  func unsubscribe(_ filter: String, number: UInt32 = 1) -> Bool {
    let name = Array(filter.utf8)
    return channel.unsubscribe(from: name.span, number: number)
  }
}
