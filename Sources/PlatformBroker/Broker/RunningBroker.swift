// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// One mosquitto with its plugin's connection; all of it belongs to the event loop.
final class RunningBroker {
  /// What the runtime is told of it.
  protocol Owner: AnyObject {
    /// The plugin says something.
    func handle(_ event: BrokerEvent, of broker: RunningBroker)
    /// The process has ended; `reason` is what it said.
    func handleEnd(of broker: RunningBroker, reason: String)
    /// mosquitto has a complaint.
    func handleComplaint(_ text: String, of broker: RunningBroker)
  }

  let side: BrokerSide
  private let loop: any EventLoop
  /// Gone when the simulator ends before the last words of the process have come.
  private weak var owner: (any Owner)?
  private var process: ChildProcess?
  private var errors = ""
  private var directory: URL?
  private var listener: (any Channel)?
  fileprivate var plugin: (any Channel)?
  private var promise: EventLoopPromise<Void>?
  private(set) var isReady = false
  private(set) var isStopped = false
  /// Whether there is a process whose end is not known yet, or words of it that are not read.
  private(set) var isLeft = false
  private var waiting: [EventLoopPromise<Void>] = []

  init(_ side: BrokerSide, on loop: any EventLoop, owner: any Owner) {
    self.side = side
    self.loop = loop
    self.owner = owner
  }

  /// Starts mosquitto; the future succeeds once it listens.
  ///
  /// Call it on the event loop, whose thread lives as long as the simulator: the child ends with the thread that has
  /// started it.
  func start(
    _ installation: BrokerInstallation,
    _ settings: BrokerSettings,
    _ listeners: [(transport: BrokerTransport, port: Int)]
  ) -> EventLoopFuture<Void> {
    let promise = loop.makePromise(of: Void.self)
    self.promise = promise
    do {
      let directory = try Self.makeDirectory()
      self.directory = directory
      let configuration = BrokerConfiguration(
        installation: installation,
        host: settings.host,
        listeners: listeners,
        directory: directory
      )
      let file = directory.appending(path: "mosquitto.conf")
      try Self.write(Array(configuration.text.utf8), to: file.path)
      if side == .secure {
        try Self.write(settings.certificate, to: configuration.certificate)
        try Self.write(settings.key, to: configuration.key)
      }
      let bound = NIOLoopBound(self, eventLoop: loop)
      ServerBootstrap(group: loop)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(FrameHandler(bound.value))
          }
        }
        .bind(unixDomainSocketPath: configuration.socketPath)
        .whenComplete { result in
          bound.value.launch(result, installation.mosquitto, file.path)
        }
    } catch {
      fail(error)
    }
    return promise.futureResult
  }

  /// Carries out an order.
  func send(_ order: BrokerOrder) {
    guard let plugin else { return }
    plugin.writeAndFlush(ByteBuffer(bytes: order.encoded), promise: nil)
  }

  /// Ends mosquitto at once.
  func stop() {
    isStopped = true
    removeFiles()
    plugin?.close(promise: nil)
    kill()
  }

  /// Succeeds once nothing of the process comes to the loop any more, within two seconds.
  func waitForEnd() -> EventLoopFuture<Void> {
    guard isLeft else { return loop.makeSucceededVoidFuture() }
    let promise = loop.makePromise(of: Void.self)
    waiting.append(promise)
    loop.assumeIsolated().scheduleTask(in: .seconds(2)) { self.leave() }
    return promise.futureResult
  }

  private func leave() {
    isLeft = false
    for promise in waiting { promise.succeed(()) }
    waiting = []
  }

  /// Ends mosquitto as a crash does.
  func kill() {
    // Until it is reaped the number is its own.
    if let process { _ = Glibc.kill(process.identifier, SIGKILL) }
  }

  private func launch(_ result: Result<any Channel, any Error>, _ program: String, _ file: String) {
    switch result {
    case .failure(let error): return fail(error)
    case .success(let channel): listener = channel
    }
    guard !isStopped else { return fail(BrokerError("stopped")) }
    let process: ChildProcess
    do {
      process = try ChildProcess(program, ["-c", file], reading: .standardError)
    } catch {
      return fail(error)
    }
    self.process = process
    isLeft = true
    let (bound, loop) = (NIOLoopBound(self, eventLoop: loop), loop)
    process.watch(
      read: { piece in loop.execute { bound.value.takeErrors(piece) } },
      end: { loop.execute { bound.value.end() } }
    )
  }

  private func takeErrors(_ data: [UInt8]) {
    // In a container mosquitto runs as root on purpose; its warning of that is no reason for an end.
    let text = String(decoding: data, as: UTF8.self).split(
      separator: "\n",
      omittingEmptySubsequences: false
    )
    .filter { !$0.contains("should not be run as root") }.joined(separator: "\n")
    errors = String((errors + text).suffix(4_000))
    guard isReady else { return }
    // A device that goes without a goodbye of TLS is none of the broker's trouble.
    for line in text.split(separator: "\n") where !line.contains("unexpected eof while reading") {
      owner?.handleComplaint(Self.withoutTime(line), of: self)
    }
  }

  /// What mosquitto says, without the seconds since 1970 before it.
  private static func withoutTime(_ line: Substring) -> String {
    String(line.drop { $0.isNumber }.drop { $0 == ":" || $0 == " " })
  }

  /// Called when the process has ended and all that it said has been read: the reason is among the last words.
  private func end() {
    let how =
      switch process?.reap() {
      case .status(let status): "status \(status)"
      case .signal(let signal): "signal \(signal)"
      case nil: ""
      }
    process = nil
    leave()
    removeFiles()
    plugin?.close(promise: nil)
    plugin = nil
    let said = errors.split(separator: "\n").map(Self.withoutTime).filter { !$0.isEmpty }
      .joined(separator: "; ")
    let reason = said.isEmpty ? how : "\(how): \(said)"
    if let promise {
      self.promise = nil
      promise.fail(BrokerError(reason))
    } else {
      owner?.handleEnd(of: self, reason: reason)
    }
  }

  private func fail(_ error: any Error) {
    removeFiles()
    let promise = promise
    self.promise = nil
    promise?.fail(error)
  }

  fileprivate func handle(_ event: BrokerEvent) {
    if event == .ready {
      isReady = true
      // mosquitto has read them, and nothing of it is left on the disk from here on.
      removeFiles()
      let promise = promise
      self.promise = nil
      promise?.succeed(())
    }
    owner?.handle(event, of: self)
  }

  private func removeFiles() {
    listener?.close(promise: nil)
    listener = nil
    if let directory { try? FileManager.default.removeItem(at: directory) }
    directory = nil
  }

  private static func makeDirectory() throws -> URL {
    var parent = FileManager.default.temporaryDirectory.path
    // The path of a Unix socket has 107 bytes at most.
    if parent.utf8.count > 80 || parent.contains("\n") { parent = "/tmp" }
    var path = Array("\(parent)/nbiot-XXXXXX".utf8CString)
    // SAFETY: the pointer is to a text that ends with zero; mkdtemp changes its last six characters.
    let isMade = unsafe path.withUnsafeMutableBufferPointer {
      guard let text = $0.baseAddress else { return false }
      return unsafe mkdtemp(text) != nil
    }
    guard isMade else { throw BrokerError("a directory cannot be made in \(parent)") }
    return URL(
      filePath: String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    )
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    guard
      FileManager.default.createFile(
        atPath: path,
        contents: Data(bytes),
        attributes: [.posixPermissions: 0o600]
      )
    else { throw BrokerError("\(path) cannot be written") }
  }
}

/// Puts the plugin's bytes together to frames.
private final class FrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let broker: RunningBroker
  private var input = ByteBuffer()

  init(_ broker: RunningBroker) { self.broker = broker }

  func channelActive(context: ChannelHandlerContext) {
    // There is one plugin.
    guard broker.plugin == nil else { return context.close(promise: nil) }
    broker.plugin = context.channel
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    input.writeBuffer(&bytes)
    while let count = input.getInteger(at: input.readerIndex, as: UInt32.self) {
      guard count > 0, count <= BrokerEvent.frameLimit else { return context.close(promise: nil) }
      guard input.readableBytes >= 4 + Int(count) else { break }
      input.moveReaderIndex(forwardBy: 4)
      guard let frame = input.readBytes(length: Int(count)) else { break }
      do throws(BrokerFrameError) {
        broker.handle(try BrokerEvent(frame: frame))
      } catch {
        return context.close(promise: nil)
      }
    }
    input.discardReadBytes()
  }
}
