// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceStore
internal import Dispatch
internal import HTTPSChannel
internal import HTTPSLayer
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
internal import ReportLink
internal import Synchronization
internal import SystemClocks
internal import TrafficLedger
internal import UDPTransport

/// A client's link over HTTPS with its waiting callers.
///
/// One lock protects all of it, as in `DeviceCore`. A thread of the client waits for the channel's descriptor and the
/// next deadline; callers do their step on their own thread and wake it.
final class HTTPSCore: ClientCore, Sendable {
  typealias Link = HTTPSLink<MeteredHTTPSLayer<HTTPSChannel>, SystemRandom>

  struct State: ~Copyable {
    var link: Link
    var keeper: SessionKeeper?
    var callers = Callers()
    /// The report that the link has, and what reports had come to when it began.
    var current: (pending: Pending, began: Instant, before: DeviceTraffic.Count)?
    /// Whether the authentication for it has failed, so that the report itself has no answer.
    var hasFailed = false
    /// Until when the platform has put everything off.
    var notBefore = Instant(milliseconds: .min)
    var requestID: UInt32
  }

  private let state: Mutex<State>
  private let signal: WakeSignal
  private let meter: PacketMeter
  private let mask: AnswerMask
  private let settings: HTTPSClientSettings
  private let host: Int

  init(
    link: consuming sending Link,
    keeper: sending SessionKeeper?,
    signal: consuming WakeSignal,
    meter: PacketMeter,
    mask: AnswerMask,
    settings: HTTPSClientSettings,
    host: Int,
    requestID: UInt32
  ) {
    self.signal = signal
    self.meter = meter
    self.mask = mask
    self.settings = settings
    self.host = host
    keeper?.restore(&link)
    if let timestamp = settings.timestamp {
      link.setDate(timestamp / 1_000, at: MonotonicClock.now())
    }
    state = Mutex(State(link: link, keeper: keeper, requestID: requestID))
  }

  func start() {
    DispatchQueue(label: "nbiot.device").async { [self] in
      while true {
        var isClosed = false
        var deadline: Instant?
        var descriptor: Int32 = -1
        state.change { state, completions in
          advance(&state, &completions)
          isClosed = state.callers.isClosed
          deadline = state.link.pollTimeout()
          descriptor = state.link.descriptor
        }
        if isClosed { return }
        signal.wait(forSocket: descriptor, until: deadline)
      }
    }
  }

  func stop() {
    update { state, completions in
      guard state.callers.close() else { return }
      state.link.close()
      // Unlocks its file.
      state.keeper = nil
      let error = DeviceClientError.closed
      state.callers.fail(error, &completions)
      if let current = state.current { completions.finish(current.pending, .failure(error)) }
      state.current = nil
    }
  }

  var counters: DeviceCounters { meter.counters }
  var traffic: DeviceTraffic { meter.traffic }
  var ledger: TrafficLedger { meter.ledger }
  var isLedgerComplete: Bool { meter.isLedgerComplete }
  var missedConnections: Int { meter.missedConnections }
  var keepingFailure: StoreError? { state.withLock { $0.keeper?.failure } }

  /// Line and fields of a request, with a token of 32 bytes as the guide has it; TLS and TCP are not in it.
  func overhead(of topic: Topic) -> MessageOverhead {
    var request = HTTPSRequest()
    request.path.write { (writer: inout ByteWriter) in
      try? HTTPSReportRequest.writePath(topic.bytes.bytes, into: &writer)
    }
    let token = [UInt8](repeating: UInt8(ascii: "0"), count: 32)
    try? request.password.replace(with: token.span)
    return MessageOverhead(
      bytes: request.size(host: host, body: 0)
    )
  }

  func withCallers<Result>(_ body: (inout Callers) -> Result) -> Result {
    state.withLock { state in body(&state.callers) }
  }

  func changeCallers(_ body: (inout Callers, inout Completions) -> Void) {
    update { state, completions in body(&state.callers, &completions) }
  }

  func takeRequestID() -> UInt32 {
    state.withLock { state in
      defer { state.requestID &+= 1 }
      return state.requestID
    }
  }

  func register(
    _ id: UInt64,
    _ signMethod: SignMethod,
    _ continuation: CheckedContinuation<[UInt8], any Error>
  ) {
    let caller = Registering(id: id, signMethod: signMethod, continuation: continuation)
    update { state, completions in
      guard state.callers.take(caller, &completions) else { return }
      state.callers.endRegistering(.failure(DeviceClientError.notOverHTTPS), &completions)
    }
  }

  func cancel(_ id: UInt64) {
    update { state, completions in
      if let current = state.current, current.pending.id == id {
        completions.finish(current.pending, .failure(CancellationError()))
        state.current = nil
        state.link.interrupt(at: MonotonicClock.now())
      } else {
        _ = state.callers.cancel(id, &completions)
      }
    }
  }

  // MARK: - One step

  /// Changes the state, then performs pending work; the waiting thread learns the new deadline.
  private func update(_ change: (inout State, inout Completions) -> Void) {
    state.change { state, completions in
      change(&state, &completions)
      advance(&state, &completions)
    }
    signal.set()
  }

  private func advance(_ state: inout State, _ completions: inout Completions) {
    guard !state.callers.isClosed else { return }
    let now = MonotonicClock.now()
    // A time that was given goes on by itself. Right or wrong: it is compared with the platform's.
    if settings.timestamp == nil {
      state.link.setDate(WallClock.milliseconds() / 1_000, at: now)
    }
    var hasBegun = false
    repeat {
      state.link.handleTimeout(at: now)
      while let event = state.link.pollEvent() {
        handle(event, &state, &completions, at: now)
      }
      if state.link.isAuthenticated { state.callers.endConnecting(.success(()), &completions) }
      state.keeper?.keepToken(of: &state.link, at: now)
      hasBegun = startNext(&state, &completions, at: now)
    } while hasBegun
  }

  private func handle(
    _ event: HTTPSLinkEvent,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    switch event {
    case .authenticated:
      state.hasFailed = false
      // First, so that those who wait for it find it told of when they go on.
      tell(.authenticated, &completions)
      state.callers.endConnecting(.success(()), &completions)
    case .authenticationFailed:
      state.hasFailed = true
      let error = DeviceClientError.httpsAuthentication(state.link.failure, state.link.message)
      state.callers.endConnecting(.failure(error), &completions)
    case .report: finishReport(&state, &completions, at: now)
    case .wrongClock(let seconds): tell(.wrongClock(seconds: seconds), &completions)
    }
  }

  private func tell(_ event: HTTPSClientEvent, _ completions: inout Completions) {
    guard let onEvent = settings.onEvent else { return }
    completions.actions.append { onEvent(event) }
  }

  /// Begins the next report, or the authentication that somebody waits for; whether there was one.
  private func startNext(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) -> Bool {
    guard state.link.isFree, state.current == nil else { return false }
    guard let next = state.callers.queue.first else {
      if !state.callers.connecting.isEmpty { state.link.authenticate(at: now) }
      return false
    }
    state.callers.queue.removeFirst()
    guard case .topic(let topic, _) = next.target else {
      completions.finish(next, .failure(DeviceClientError.notOverHTTPS))
      return true
    }
    guard now >= state.notBefore else {
      completions.finish(next, .failure(DeviceClientError.putOff(state.notBefore - now)))
      return true
    }
    state.hasFailed = false
    state.current = (next, now, meter.traffic.reports)
    let hasTaken = state.link.begin(
      id: next.id,
      topic: topic.bytes.bytes,
      payload: next.payload.span,
      format: next.format.rawValue,
      at: now
    )
    if !hasTaken {
      state.current = nil
      completions.finish(
        next,
        .failure(DeviceClientError.httpsPayloadTooLong(next.payload.count))
      )
    }
    return true
  }

  /// Takes in how a report has ended.
  private func finishReport(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    // One that was cancelled has no caller any more.
    guard let current = state.current, current.pending.id == state.link.endedID else { return }
    state.current = nil
    let ending = state.link.ending
    if ending.retryAfter.count > 0 { state.notBefore = now + ending.retryAfter }
    var result = ReportResult()
    result.duration = now - current.began
    result.retryAfter = ending.retryAfter
    var answer: [UInt8] = []
    if !state.hasFailed, ending.verdict != .delivered {
      // The report's own answer; a page of somebody else's is not kept whole.
      answer = Array(mask.apply(to: state.link.answer.array).prefix(1_024))
    }
    // There is one report at a time; it is sent twice where its token had to be renewed.
    let count = meter.traffic.reports
    result.transmissions = count.datagramsUp - current.before.datagramsUp
    result.bytesUp = count.bytesUp - current.before.bytesUp
    result.bytesDown = count.bytesDown - current.before.bytesDown
    if ending.verdict == .delivered {
      result.outcome = .acknowledged
      result.messageID = state.link.messageID
      return completions.finish(
        current.pending,
        .success(Receipt(result: result, answer: answer))
      )
    }
    result.outcome = state.link.failure.outcome
    result.mayBeTakenLater = ending.verdict != .final
    let receipt = Receipt(result: result, answer: answer)
    let error =
      ending.wasSent
      ? DeviceClientError.httpsReport(state.link.failure, state.link.message, receipt)
      : .httpsAuthentication(state.link.failure, state.link.message, retryAfter: ending.retryAfter)
    completions.finish(current.pending, .failure(error))
  }
}

extension HTTPSLinkFailure {
  /// How a report has ended for that reason.
  ///
  /// A good status without the platform's code says nothing of the report: over HTTPS the code alone accepts it.
  fileprivate var outcome: ReportOutcome {
    switch self {
    case .transfer(.tooLong), .transfer(.notHTTP), .answer: .unreadable
    case .status(let status) where HTTPSReaction(status: status, code: nil) == .foreign: .unreadable
    case .transfer: .timedOut
    case .code, .status, .signing, .memory: .rejected
    }
  }
}

extension DeviceClientError {
  fileprivate static func httpsAuthentication(
    _ failure: HTTPSLinkFailure,
    _ message: FixedBytes<128>,
    retryAfter: Milliseconds = Milliseconds(0)
  ) -> DeviceClientError {
    .httpsAuthentication(failure, diagnostic: Self.text(message), retryAfter: retryAfter)
  }

  fileprivate static func httpsReport(
    _ failure: HTTPSLinkFailure,
    _ message: FixedBytes<128>,
    _ receipt: Receipt
  ) -> DeviceClientError {
    .httpsReport(failure, diagnostic: Self.text(message), receipt)
  }

  private static func text(_ message: FixedBytes<128>) -> String {
    let bytes = message.bytes.indices.map { message.bytes[$0] }
    return bytes.isEmpty ? "" : Readable.text(bytes)
  }
}
