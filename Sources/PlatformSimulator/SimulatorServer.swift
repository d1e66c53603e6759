internal import ConstrainedCore
internal import NIOCore
internal import NIOPosix
internal import OpenSSLSupport

/// A simulated platform on a UDP port of this machine.
public final class SimulatorServer: Sendable {
  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup

  /// The port that the server listens on.
  public let port: Int

  /// Binds `host`, an address in digits, and `port`, 0 for any free one, and answers from then on.
  ///
  /// `onRecord` is told of each request, in order, on the server's thread, before it is answered.
  public static func start(
    _ configuration: SimulatorConfiguration,
    host: String = "127.0.0.1",
    port: Int = 0,
    onRecord: @escaping @Sendable (RequestRecord) -> Void
  ) async throws -> SimulatorServer {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let channel = try await DatagramBootstrap(group: group)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
              SimulatorHandler(configuration, onRecord: onRecord)
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

  /// Waits until the server is closed.
  public func waitUntilClosed() async throws {
    try await channel.closeFuture.get()
  }

  /// Stops answering and frees the port.
  public func close() async throws {
    try await channel.close().get()
    try await group.shutdownGracefully()
  }
}

/// Hands datagrams and time to the platform.
private final class SimulatorHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  private var platform: SimulatedPlatform<SocketAddress>
  private let onRecord: (RequestRecord) -> Void
  private var timer: Scheduled<Void>?

  init(_ configuration: SimulatorConfiguration, onRecord: @escaping (RequestRecord) -> Void) {
    platform = SimulatedPlatform(configuration, random: SystemRandom())
    self.onRecord = onRecord
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    let bytes = Array(envelope.data.readableBytesView)
    var output = platform.handle(bytes, from: envelope.remoteAddress, at: Self.now())
    output.record?.peer = Self.text(envelope.remoteAddress)
    // First the record: who has the answer can rely on the record's being there.
    if let record = output.record { onRecord(record) }
    send(output.datagrams, context)
    schedule(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
  }

  private func send(
    _ datagrams: [SimulatedPlatform<SocketAddress>.Outgoing],
    _ context: ChannelHandlerContext
  ) {
    for datagram in datagrams {
      let envelope = AddressedEnvelope(
        remoteAddress: datagram.peer,
        data: ByteBuffer(bytes: datagram.bytes)
      )
      context.write(wrapOutboundOut(envelope), promise: nil)
    }
    context.flush()
  }

  private func schedule(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    guard let deadline = platform.pollTimeout() else { return }
    let wait = max(0, (deadline - Self.now()).count)
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
      self.send(self.platform.handleTimeout(at: Self.now()), context)
      self.schedule(context)
    }
  }

  private static func now() -> Instant {
    Instant(milliseconds: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000))
  }

  private static func text(_ address: SocketAddress) -> String {
    "\(address.ipAddress ?? "?"):\(address.port ?? 0)"
  }
}
