// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
package import NIOCore
internal import NIOPosix
internal import OpenSSLSupport
public import PlatformCore

/// A simulated platform on a UDP port of this machine.
public final class SimulatorServer: Sendable {
  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup

  /// The port that the server listens on.
  public let port: Int

  /// Binds `host`, an address in digits, and `port`, 0 for any free one, and answers from then on.
  ///
  /// `onRecord` receives each request in order, on the server's thread, before the response is
  /// sent.
  public static func start(
    _ configuration: SimulatorConfiguration,
    host: String = "127.0.0.1",
    port: Int = 0,
    onRecord: @escaping @Sendable (RequestRecord) -> Void
  ) async throws -> SimulatorServer {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let channel = try await DatagramBootstrap(group: group)
        // The maximum UDP payload; NIO silently truncates longer datagrams.
        .channelOption(
          ChannelOptions.recvAllocator,
          value: FixedSizeRecvByteBufferAllocator(capacity: 65_536)
        )
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
              try SimulatorHandler(configuration, onRecord: onRecord)
            )
          }
        }
        .bind(host: host, port: port).get()
      return SimulatorServer(channel, group)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private init(_ channel: any Channel, _ group: MultiThreadedEventLoopGroup) {
    self.channel = channel
    self.group = group
    port = channel.localAddress?.port ?? 0
  }

  /// Performs operations of the console on the server's thread: inspects devices' state, sets
  /// desired values, queues messages.
  public func withThings<Result: Sendable>(
    _ body: @escaping @Sendable (inout SimulatedThings) -> Result
  ) async throws -> Result {
    let channel = channel
    return try await channel.eventLoop.submit {
      let handler = try channel.pipeline.syncOperations.handler(type: SimulatorHandler.self)
      return body(&handler.platform.things)
    }.get()
  }

  /// The loop that everything runs on.
  package var eventLoop: any EventLoop { channel.eventLoop }

  /// Hands the platform's mind to a front of another protocol, on the event loop, where alone it may be used.
  package func withCore<Result: Sendable>(
    _ body: @escaping @Sendable (PlatformCore) -> Result
  ) async throws -> Result {
    let channel = channel
    return try await channel.eventLoop.submit {
      let handler = try channel.pipeline.syncOperations.handler(type: SimulatorHandler.self)
      return body(handler.platform.core)
    }.get()
  }

  /// Stops the server and frees the port.
  public func close() async throws {
    try await channel.close().get()
    try await group.shutdownGracefully()
  }
}

/// Passes datagrams and the time to the platform, through the network's faults.
private final class SimulatorHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  var platform: ServedPlatform<SocketAddress>
  private let onRecord: (RequestRecord) -> Void
  private var timer: Scheduled<Void>?

  init(
    _ configuration: SimulatorConfiguration,
    onRecord: @escaping (RequestRecord) -> Void
  ) throws(OpenSSLError) {
    platform = try ServedPlatform(configuration, random: SystemRandom(), at: Self.now())
    self.onRecord = onRecord
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    let bytes = Array(envelope.data.readableBytesView)
    platform.receive(bytes, from: envelope.remoteAddress, at: Self.now())
    finish(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
  }

  private func finish(_ context: ChannelHandlerContext) {
    let output = platform.handleTimeout(at: Self.now())
    // Records first: a program that has the response can rely on the record.
    for record in output.records { onRecord(record) }
    for datagram in output.datagrams {
      let envelope = AddressedEnvelope(
        remoteAddress: datagram.peer,
        data: ByteBuffer(bytes: datagram.bytes)
      )
      context.write(wrapOutboundOut(envelope), promise: nil)
    }
    context.flush()
    schedule(context)
  }

  private func schedule(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    guard let deadline = platform.pollTimeout() else { return }
    let wait = max(0, (deadline - Self.now()).count)
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
      self.finish(context)
    }
  }

  private static func now() -> Instant {
    Instant(milliseconds: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000))
  }
}

extension SocketAddress: SimulatedPeer {
  package var shown: String { "\(ipAddress ?? "?"):\(port ?? 0)" }
}
