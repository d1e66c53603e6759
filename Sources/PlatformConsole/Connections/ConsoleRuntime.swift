// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The front with its connections; all of it belongs to the event loop.
final class ConsoleRuntime {
  private(set) var front: ConsoleFront
  let loop: any EventLoop
  /// The connections, the oldest first.
  private var connections: [(channel: any Channel, handler: ConsoleHandler)] = []
  private var listener: (any Channel)?
  /// The number of the next stream of events.
  private var nextStream: Int64 = 1

  init(_ front: ConsoleFront, on loop: any EventLoop) {
    self.front = front
    self.loop = loop
  }

  /// Listens, and answers from then on; the port.
  func start() -> EventLoopFuture<Int> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return ServerBootstrap(group: loop)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try bound.value.take(channel) }
      }
      .bind(host: front.settings.host, port: front.settings.port)
      .map { channel in
        let port = channel.localAddress?.port ?? 0
        bound.value.listener = channel
        bound.value.front.port = port
        return port
      }
  }

  private func take(_ channel: any Channel) throws {
    if connections.count >= front.settings.limits.connections {
      // Whoever opens connections and asks for nothing keeps nobody out.
      guard let index = connections.firstIndex(where: { $0.handler.isHalfOpen }) else {
        return channel.close(promise: nil)
      }
      connections.remove(at: index).channel.close(promise: nil)
    }
    let handler = ConsoleHandler(self)
    connections.append((channel, handler))
    channel.closeFuture.assumeIsolated().whenComplete { _ in
      self.connections.removeAll { $0.channel === channel }
    }
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = front.settings.limits.head
    limits.maxHeaderListSize = front.settings.limits.head
    limits.maxHeaderFieldCount = 64
    let pipeline = channel.pipeline.syncOperations
    try pipeline.configureHTTPServerPipeline(
      withErrorHandling: true,
      withEncoderConfiguration: HTTPResponseEncoder.Configuration(),
      withDecoderLimitConfiguration: limits
    )
    try pipeline.addHandler(handler)
  }

  // MARK: Streams of events

  /// The number of a new stream of events; `nil` if there is no place for it.
  ///
  /// The kernel takes in what nobody reads, so that only its reader can say that it reads. If all places are taken, the
  /// one whose reader has said nothing for the longest, and for too long, is given away.
  func beginStream() -> Int64? {
    let limits = front.settings.limits
    let followers = connections.filter { $0.handler.confirmed != nil }
    if followers.count >= limits.streams {
      let now = NIODeadline.now()
      let silent = followers.min { $0.handler.confirmed ?? now < $1.handler.confirmed ?? now }
      guard let silent, let confirmed = silent.handler.confirmed,
        now - confirmed >= .milliseconds(limits.streamPatience)
      else { return nil }
      end([silent])
    }
    defer { nextStream += 1 }
    return nextStream
  }

  /// The reader of a stream has read what it was sent.
  func confirm(_ stream: Int64) {
    connections.first { $0.handler.stream == stream }?.handler.confirm()
  }

  /// Ends the streams of logins.
  func endStreams(of sessions: [String]) {
    end(connections.filter { $0.handler.session.map { sessions.contains($0) } ?? false })
  }

  private func end(_ some: [(channel: any Channel, handler: ConsoleHandler)]) {
    for one in some {
      one.handler.end()
      one.channel.close(promise: nil)
    }
  }

  /// Closes the port and all connections.
  func close() -> EventLoopFuture<Void> {
    let all = connections.map(\.channel) + (listener.map { [$0] } ?? [])
    listener = nil
    return EventLoopFuture.andAllComplete(all.map { $0.close() }, on: loop)
  }
}
