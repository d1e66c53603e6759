// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import NIOCore
internal import NIOHTTP1

/// Takes in the requests of a connection, within its limits, and sends the answers.
final class RequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// What the connection is about.
  private enum Phase {
    /// No request is there yet.
    case waiting
    /// The body of a request comes.
    case receiving
    /// The answer is on its way.
    case answering
    /// What still comes of a request is dropped, up to so many bytes, and then the connection is closed.
    case dropping(Int)
    /// The connection is being closed.
    case closing
  }

  private let runtime: WebRuntime
  private let limits: WebLimits
  private let peer: String
  private var phase = Phase.waiting
  private var request = WebRequest("", "")
  private var bodyLimit = 0
  private var start = Instant(milliseconds: 0)
  private var isKept = false
  private var isOldVersion = false
  private var timer: Scheduled<Void>?

  init(_ runtime: WebRuntime, peer: String) {
    self.runtime = runtime
    limits = runtime.settings.limits
    self.peer = peer
  }

  func handlerAdded(context: ChannelHandlerContext) {
    wait(limits.headPatience, "no whole request in time", context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    if case .receiving = phase { complain(Self.ended) }
    phase = .closing
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (phase, unwrapInboundIn(data)) {
    case (.waiting, .head(let head)): begin(head, context)
    case (.receiving, .body(let part)): take(part, context)
    case (.receiving, .end): answer(context)
    case (.dropping(let left), .body(let part)):
      guard part.readableBytes < left else { return close(context) }
      phase = .dropping(left - part.readableBytes)
    case (.dropping, .end): close(context)
    default: break
    }
  }

  /// What is no HTTP has been answered with 400, and the connection is closed next.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch (phase, error as? HTTPParserError) {
    case (.waiting, .invalidEOFState), (.receiving, .invalidEOFState), (.receiving, nil):
      complain(Self.ended)
    case (.waiting, let error?), (.receiving, let error?):
      complain("what came is no request of HTTP/1.1: \(error)")
    // The client need not send what is not read, nor stay until the end of an answer.
    default: break
    }
    close(context)
  }

  // MARK: Requests

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    request = WebRequest(head.method.rawValue, head.uri)
    request.peer = peer
    request.fields = head.headers.map { ($0.name, $0.value) }
    isKept = head.isKeepAlive
    isOldVersion = head.version == .http1_0
    bodyLimit = WebFront.bodyLimit(of: request)
    start = runtime.now()
    phase = .receiving
    let hosts = head.headers["host"].count
    guard head.version == .http1_1 || isOldVersion, hosts == 1 || (isOldVersion && hosts == 0)
    else {
      // RFC 9112 Section 3.2: MUST respond with 400 where Host is missing or comes twice.
      isKept = false
      complain("the version is not HTTP/1.0 or 1.1, or the header has not one Host")
      return send(WebAnswer(400), context, after: .receiving)
    }
    if let text = head.headers["content-length"].first, Int(text).map({ $0 > bodyLimit }) ?? true {
      return refuseLongBody(context)
    }
    if !isOldVersion, head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" })
    {
      let head = HTTPResponseHead(version: .http1_1, status: .continue)
      context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }
    waitForBody(context)
  }

  private func take(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
    guard request.body.count + part.readableBytes <= bodyLimit else {
      return refuseLongBody(context)
    }
    request.body += part.readableBytesView
    waitForBody(context)
  }

  private func refuseLongBody(_ context: ChannelHandlerContext) {
    request.isTooLong = true
    request.body = []
    isKept = false
    let answer = runtime.handle(request)
    send(answer, context, after: .receiving)
  }

  private func answer(_ context: ChannelHandlerContext) {
    let answer = runtime.handle(request)
    request.body = []
    send(answer, context, after: .answering)
  }

  // MARK: Answers

  /// Sends an answer; `earlier` says whether all of the request has come.
  private func send(
    _ answer: WebAnswer,
    _ context: ChannelHandlerContext,
    after earlier: Phase
  ) {
    var isWhole = true
    if case .receiving = earlier { isWhole = false }
    phase = .answering
    timer?.cancel()
    var headers = HTTPHeaders(answer.fields.map { ($0.name, $0.value) })
    headers.add(name: "Date", value: HTTPDate.text(runtime.settings.calendar()))
    if answer.status != 304 { headers.add(name: "Content-Length", value: "\(answer.count)") }
    if !isKept {
      headers.add(name: "Connection", value: "close")
    } else if isOldVersion {
      headers.add(name: "Connection", value: "keep-alive")
    }
    let head = HTTPResponseHead(
      version: .http1_1,
      status: HTTPResponseStatus(statusCode: answer.status),
      headers: headers
    )
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    guard request.method != "HEAD" else { return finish(context, isWhole) }
    switch answer.body {
    case .bytes(let bytes):
      if !bytes.isEmpty {
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
      }
      finish(context, isWhole)
    case .file(let file, let offset, let count):
      sendFile(file, offset, count, context, isWhole)
    }
  }

  /// Sends a file a piece after the other, each once the one before it is on its way.
  private func sendFile(
    _ file: OpenFile,
    _ offset: Int64,
    _ count: Int64,
    _ context: ChannelHandlerContext,
    _ isWhole: Bool
  ) {
    guard count > 0 else { return finish(context, isWhole) }
    guard let piece = file.read(at: offset, count: Int(min(count, Self.pieceSize))) else {
      complain("the file has become shorter while it was sent")
      return close(context)
    }
    wait(limits.writePatience, "the answer was not taken in time", context)
    let written = context.writeAndFlush(
      wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: piece))))
    )
    written.assumeIsolated().whenComplete { result in
      guard case .success = result, case .answering = self.phase else { return }
      let sent = Int64(piece.count)
      self.sendFile(file, offset + sent, count - sent, context, isWhole)
    }
  }

  private func finish(_ context: ChannelHandlerContext, _ isWhole: Bool) {
    wait(limits.writePatience, "the answer was not taken in time", context)
    // Before the answer's end: the next request may come in while that is written.
    phase = isKept && isWhole ? .waiting : .answering
    let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    written.assumeIsolated().whenComplete { result in
      guard case .success = result else { return self.close(context) }
      switch self.phase {
      case .waiting: self.wait(self.limits.idle, nil, context)
      case .answering where isWhole: self.close(context)
      case .answering:
        // A connection that is closed while bytes come in is reset, and the answer may be lost.
        self.phase = .dropping(Self.mostDropped)
        self.wait(Self.dropping, nil, context)
      case .receiving, .dropping, .closing: break
      }
    }
  }

  private func close(_ context: ChannelHandlerContext) {
    if case .closing = phase { return }
    phase = .closing
    timer?.cancel()
    context.close(promise: nil)
  }

  // MARK: Time

  /// A body gets a second for each 512 bytes that have come, and some time beside: one that trickles is cut off.
  private func waitForBody(_ context: ChannelHandlerContext) {
    let earned = limits.bodyPatience + Int64(request.body.count) * 1_000 / 512
    let elapsed = (runtime.now() - start).count
    wait(max(0, earned - elapsed), "the body came too slowly", context)
  }

  private func wait(_ milliseconds: Int64, _ reason: String?, _ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
      if let reason { self.complain(reason) }
      self.close(context)
    }
  }

  private func complain(_ note: String) { runtime.complain(note, peer) }

  private static let ended = "the connection ended within a request"
  private static let pieceSize: Int64 = 65_536
  private static let mostDropped = 4 * 1_024 * 1_024
  private static let dropping: Int64 = 2_000
}
