// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import HTTPSChannel
import HTTPSLayer
import HTTPSPeers

/// A channel, and its owner's loop around `poll`.
final class Client {
  var channel: HTTPSChannel

  init(
    _ peer: HTTPSPeer,
    host: String = "127.0.0.1",
    authorities: [UInt8]? = nil,
    _ change: (inout HTTPSChannelSettings) -> Void = { _ in }
  ) throws {
    var settings = try HTTPSChannelSettings(host: Array(host.utf8).span, port: peer.port)
    change(&settings)
    let trusted = authorities ?? peer.authorities
    channel = try HTTPSChannel(settings, authorities: trusted.span)
  }

  /// Posts to a topic, and waits for the event; `nil` where none comes within the limit and five seconds.
  func post(
    _ path: String,
    _ body: [UInt8] = [],
    password: String = "token",
    limit: Int64 = 20_000
  ) -> HTTPSLayerEvent? {
    guard channel.hold(body.span), begin(path, password: password, limit: limit) else { return nil }
    return wait(limit + 5_000)
  }

  func hold(_ body: [UInt8]) -> Bool { channel.hold(body.span) }

  /// Begins `/auth` with a body of its own.
  func authenticate(_ body: [UInt8]) throws -> Bool {
    var request = HTTPSRequest()
    try request.path.replace(with: Array("/auth".utf8).span)
    request.content = .json
    return channel.begin(request, body: body.span)
  }

  func cancel() { channel.cancel() }
  func close() { channel.close() }

  /// The next event, without waiting.
  var event: HTTPSLayerEvent? { channel.pollEvent() }
  var status: UInt16 { channel.head.status }
  var date: String { Self.text(channel.head.date) }
  var retryAfter: String { Self.text(channel.head.retryAfter) }
  var sends: Int { channel.sends }
  var connections: Int { channel.connectionsOfLastRequest }
  var count: Int { channel.bytes.count }

  /// Begins a request that sends the held body.
  func begin(_ path: String, password: String = "token", limit: Int64 = 20_000) -> Bool {
    var request = HTTPSRequest()
    try? request.path.replace(with: Array(path.utf8).span)
    try? request.password.replace(with: Array(password.utf8).span)
    request.limit = Milliseconds(limit)
    return channel.begin(request)
  }

  /// Waits for an event for so many milliseconds.
  func wait(_ limit: Int64) -> HTTPSLayerEvent? {
    let end = Date(timeIntervalSinceNow: Double(limit) / 1_000)
    while true {
      if let event = channel.pollEvent() { return event }
      let left = end.timeIntervalSinceNow
      guard left > 0 else { return nil }
      var descriptor = pollfd(fd: channel.descriptor, events: Int16(POLLIN), revents: 0)
      unsafe poll(&descriptor, 1, Int32(left * 1_000) + 1)
    }
  }

  /// The last answer's body.
  var text: String {
    String(decoding: channel.bytes, as: UTF8.self)
  }

  private static func text(_ bytes: FixedBytes<64>) -> String {
    String(decoding: bytes.bytes.indices.map { bytes.bytes[$0] }, as: UTF8.self)
  }
}

extension HTTPSChannel {
  /// The last answer's body.
  fileprivate var bytes: [UInt8] {
    let body = body
    return body.indices.map { body[$0] }
  }
}
