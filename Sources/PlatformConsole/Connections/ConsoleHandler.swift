// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import PayloadValues

/// Takes in the requests of a connection, within its limits, and sends answers or a stream of events.
final class ConsoleHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum Phase {
    /// No request is there yet.
    case waiting
    /// The body of a request comes.
    case receiving
    /// The platform is asked, or the answer is written.
    case answering
    /// The connection follows the devices.
    case streaming
    /// The connection is being closed.
    case closing
  }

  /// What a follower has been sent.
  private struct Follower {
    /// The next device of the first pass; `nil` after it.
    var next: Int? = 0
    /// The version that it knows all of.
    var seen: UInt64
    /// Ticks without anything to say.
    var quiet = 0
    /// Since when nothing could be written, in milliseconds.
    var stalled: Int64 = 0
    /// By which its reader says that it has read so far.
    let stream: Int64
    /// The login that it belongs to.
    let session: String?
    /// When its reader said so, or began.
    var confirmed = NIODeadline.now()
  }

  /// Whether no whole request has come since the connection was made, or since the last answer.
  var isHalfOpen: Bool {
    switch phase {
    case .waiting, .receiving: true
    case .answering, .streaming, .closing: false
    }
  }

  private let runtime: ConsoleRuntime
  private let limits: ConsoleLimits
  private var phase = Phase.waiting
  private var request = ConsoleRequest("", "")
  private var isKept = false
  private var timer: Scheduled<Void>?
  private var follower: Follower?
  private var isTicking = false

  init(_ runtime: ConsoleRuntime) {
    self.runtime = runtime
    limits = runtime.front.settings.limits
  }

  func handlerAdded(context: ChannelHandlerContext) { wait(context) }

  func channelInactive(context: ChannelHandlerContext) { end() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (phase, unwrapInboundIn(data)) {
    case (.waiting, .head(let head)):
      request = ConsoleRequest(head.method.rawValue, head.uri)
      request.fields = head.headers.map { ($0.name, $0.value) }
      isKept = head.isKeepAlive
      phase = .receiving
      wait(context)
    case (.receiving, .body(let part)):
      guard request.body.count + part.readableBytes <= limits.body else {
        isKept = false
        return send(ConsoleAnswer(413, "the body is too long"), context)
      }
      request.body += part.readableBytesView
    case (.receiving, .end): react(context)
    default: break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { close(context) }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if case .streaming = phase, context.channel.isWritable { tick(context, isExtra: true) }
  }

  // MARK: Answers

  private func react(_ context: ChannelHandlerContext) {
    phase = .answering
    switch runtime.front.react(to: request) {
    case .answer(let answer): send(answer, context)
    case .events(let session): follow(session, context)
    case .here(let stream):
      runtime.confirm(stream)
      send(ConsoleAnswer(["outcome": "done"]), context)
    case .leave(let sessions, let answer):
      runtime.endStreams(of: sessions)
      send(answer, context)
    case .ask(let question, let make):
      // The platform bounds the time of its answer, a push's by `wait`.
      timer?.cancel()
      let bound = NIOLoopBound((self, context), eventLoop: runtime.loop)
      let loop = runtime.loop
      runtime.front.platform.perform(question) { answer in
        let made = make(answer)
        loop.execute {
          let (handler, context) = bound.value
          guard case .answering = handler.phase else { return }
          handler.send(made, context)
        }
      }
    }
    request.body = []
  }

  private func send(_ answer: ConsoleAnswer, _ context: ChannelHandlerContext) {
    phase = .answering
    wait(context)
    var headers = head(answer.type)
    for field in answer.fields { headers.add(name: field.name, value: field.value) }
    headers.add(name: "Content-Length", value: "\(answer.body.count)")
    if !isKept { headers.add(name: "Connection", value: "close") }
    let status = HTTPResponseStatus(statusCode: answer.status)
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
      promise: nil
    )
    // RFC 9110 Section 9.3.2: the server MUST NOT send content to HEAD; whoever asks would take it for the next answer.
    if request.method != "HEAD" {
      context.write(
        wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))),
        promise: nil
      )
    }
    phase = isKept ? .waiting : .closing
    let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    guard !isKept else { return }
    written.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
  }

  private func head(_ type: String) -> HTTPHeaders {
    HTTPHeaders([("Content-Type", type)] + ConsoleFront.protection.map { ($0.name, $0.value) })
  }

  // MARK: Events

  /// The login that its stream of events belongs to.
  var session: String? { follower?.session }

  /// The number of its stream of events; `nil` without one.
  var stream: Int64? { follower?.stream }

  /// When its reader last said that it has read what it was sent; `nil` if it does not follow the devices.
  var confirmed: NIODeadline? { follower?.confirmed }

  /// Its reader has said so now.
  func confirm() { follower?.confirmed = .now() }

  private func follow(_ session: String?, _ context: ChannelHandlerContext) {
    guard let stream = runtime.beginStream() else {
      let text =
        "\(limits.streams) pages follow the devices already: close one of them, or try again in "
        + "\(max(1, limits.streamPatience / 1_000)) seconds"
      var answer = ConsoleAnswer(503, text)
      answer.fields = [("Retry-After", "\(max(1, limits.streamPatience / 1_000))")]
      return send(answer, context)
    }
    timer?.cancel()
    phase = .streaming
    // What changes during the first pass is sent again after it.
    follower = Follower(
      seen: runtime.front.book.read(\.version),
      stream: stream,
      session: session
    )
    let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: head("text/event-stream"))
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    write("hello", runtime.front.greeting(stream: stream, session: session), context)
    context.flush()
    beat(context)
  }

  private func beat(_ context: ChannelHandlerContext) {
    tick(context, isExtra: false)
    guard case .streaming = phase else { return }
    let every = TimeAmount.milliseconds(limits.tick)
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: every) { self.beat(context) }
  }

  /// Sends what has changed, as long as the reader takes it: whoever is slow gets each device as it stands then, and
  /// nothing waits for it here.
  private func tick(_ context: ChannelHandlerContext, isExtra: Bool) {
    // A write may come back here by way of `channelWritabilityChanged`.
    guard case .streaming = phase, !isTicking, var follower else { return }
    isTicking = true
    defer {
      isTicking = false
      if case .streaming = phase { self.follower = follower }
    }
    guard context.channel.isWritable else {
      follower.stalled += isExtra ? 0 : limits.tick
      if follower.stalled >= limits.writePatience { close(context) }
      return
    }
    follower.stalled = 0
    let front = runtime.front
    var hasMore = true
    while hasMore, context.channel.isWritable {
      if let next = follower.next {
        if let (value, end) = front.rows(from: next) {
          write("rows", value, context)
          follower.next = end
        } else {
          follower.next = nil
        }
      } else if let (value, version) = front.rows(since: follower.seen) {
        write("rows", value, context)
        follower.seen = version
        follower.quiet = 0
        hasMore = version < front.book.read(\.version)
      } else {
        hasMore = false
        follower.quiet += isExtra ? 0 : 1
        if follower.quiet * Int(limits.tick) >= 5_000 {
          follower.quiet = 0
          write("now", ["now": .integer(front.book.now)], context)
        }
      }
      context.flush()
    }
  }

  private func write(_ name: String, _ value: PayloadValue, _ context: ChannelHandlerContext) {
    var buffer = ByteBuffer(string: "event: \(name)\ndata: ")
    buffer.writeBytes(value.encoded(.json))
    buffer.writeString("\n\n")
    context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
  }

  // MARK: Ends

  private func wait(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(limits.patience)) {
      self.close(context)
    }
  }

  private func close(_ context: ChannelHandlerContext) {
    end()
    context.close(promise: nil)
  }

  /// Follows nothing any more, and waits for nothing.
  func end() {
    timer?.cancel()
    follower = nil
    phase = .closing
  }
}
