// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import OpenSSLSupport
internal import PlatformCore

/// The front with its connections and clocks; all of it belongs to the event loop.
final class WebRuntime {
  let settings: WebSettings
  let front: WebFront
  private let loop: any EventLoop
  private let tls: TLSServerContext
  private let onRecord: (WebRecord) -> Void
  private var channels: [ObjectIdentifier: any Channel] = [:]
  private var listener: (any Channel)?

  init(
    _ core: PlatformCore,
    _ settings: WebSettings,
    on loop: any EventLoop,
    onRecord: @escaping (WebRecord) -> Void
  ) throws(OpenSSLError) {
    tls = try TLSServerContext(certificate: settings.certificate.span, key: settings.key.span)
    front = WebFront(core, settings)
    self.settings = settings
    self.loop = loop
    self.onRecord = onRecord
  }

  /// Listens, and answers from then on; the port.
  func start() -> EventLoopFuture<Int> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return ServerBootstrap(group: loop)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try bound.value.take(channel) }
      }
      .bind(host: settings.host, port: settings.port)
      .map { channel in
        bound.value.listener = channel
        return channel.localAddress?.port ?? 0
      }
  }

  private func take(_ channel: any Channel) throws {
    let address = channel.remoteAddress
    let peer = "\(address?.ipAddress ?? "?"):\(address?.port ?? 0)"
    guard channels.count < settings.limits.connections else {
      complain("there are \(channels.count) connections already", peer)
      return channel.close(promise: nil)
    }
    let key = ObjectIdentifier(channel)
    channels[key] = channel
    channel.closeFuture.assumeIsolated().whenComplete { _ in self.channels[key] = nil }
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(
      try TLSHandler(tls) { [unowned self] reason in complain("TLS: \(reason)", peer) }
    )
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = settings.limits.head
    limits.maxHeaderListSize = settings.limits.head
    limits.maxHeaderFieldCount = 64
    try pipeline.configureHTTPServerPipeline(
      withErrorHandling: true,
      withEncoderConfiguration: HTTPResponseEncoder.Configuration(),
      withDecoderLimitConfiguration: limits
    )
    try pipeline.addHandler(RequestHandler(self, peer: peer))
  }

  /// Answers a request.
  func handle(_ request: WebRequest) -> WebAnswer {
    let (answer, record) = front.handle(request, at: now(), date: settings.calendar())
    // The record first: whoever has the answer can rely on the record's being there.
    onRecord(record)
    return answer
  }

  /// Records why a connection is closed.
  func complain(_ note: String, _ peer: String) {
    var record = WebRecord(.close, at: now())
    record.peer = peer
    record.note = note
    onRecord(record)
  }

  /// Closes the port and all connections.
  func close() -> EventLoopFuture<Void> {
    let all = channels.values + (listener.map { [$0] } ?? [])
    listener = nil
    return EventLoopFuture.andAllComplete(all.map { $0.close() }, on: loop)
  }

  func now() -> Instant {
    Instant(milliseconds: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000))
  }
}
