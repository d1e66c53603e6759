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
    var keepingFailure: StoreError?
    var isClosed = false
    var nextID: UInt64 = 0
    /// Calls that have an id and have not arrived yet, and those of them that were cancelled.
    var expected: Set<UInt64> = []
    var cancelled: Set<UInt64> = []
    var connecting: [Connecting] = []
    var queue: [Pending] = []
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
  private let settings: HTTPSClientSettings
  private let host: Int

  init(
    link: consuming sending Link,
    keeper: sending SessionKeeper?,
    signal: consuming WakeSignal,
    meter: PacketMeter,
    settings: HTTPSClientSettings,
    host: Int,
    requestID: UInt32
  ) {
    self.signal = signal
    self.meter = meter
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
        step { state in
          isClosed = state.isClosed
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
      guard !state.isClosed else { return }
      state.isClosed = true
      state.link.close()
      // Unlocks its file.
      state.keeper = nil
      let error = DeviceClientError.closed
      for connecting in state.connecting { completions.finish(connecting, .failure(error)) }
      for pending in state.queue { completions.finish(pending, .failure(error)) }
      if let current = state.current { completions.finish(current.pending, .failure(error)) }
      state.connecting.removeAll()
      state.queue.removeAll()
      state.current = nil
    }
  }

  var counters: DeviceCounters { meter.counters }
  var traffic: DeviceTraffic { meter.traffic }
  var keepingFailure: StoreError? { state.withLock { $0.keepingFailure } }

  func exportSession() -> [UInt8]? { nil }

  /// Line and fields of a request, with a token of 32 bytes as the guide has it; TLS and TCP are not in it.
  func overhead(of topic: Topic) -> MessageOverhead {
    var request = HTTPSRequest()
    request.path.write { (writer: inout ByteWriter) in
      try? HTTPSReportRequest.writePath(topic.bytes.bytes, into: &writer)
    }
    let token = [UInt8](repeating: UInt8(ascii: "0"), count: 32)
    try? request.password.replace(with: token.span)
    return MessageOverhead(
      bytes: MeteredHTTPSLayer<HTTPSChannel>.size(of: request, host: host, 0)
    )
  }

  func makeID() -> UInt64 {
    state.withLock {
      $0.nextID += 1
      $0.expected.insert($0.nextID)
      return $0.nextID
    }
  }

  func takeRequestID() -> UInt32 {
    state.withLock { state in
      defer { state.requestID &+= 1 }
      return state.requestID
    }
  }

  func connect(_ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>) {
    let connecting = Connecting(id: id, continuation: continuation)
    update { state, completions in
      if let error = Self.refusal(&state, id) {
        completions.finish(connecting, .failure(error))
      } else if state.link.isAuthenticated {
        completions.finish(connecting, .success(()))
      } else {
        state.connecting.append(connecting)
      }
    }
  }

  func register(
    _ id: UInt64,
    _ signMethod: SignMethod,
    _ continuation: CheckedContinuation<[UInt8], any Error>
  ) {
    let registering = Registering(id: id, signMethod: signMethod, continuation: continuation)
    update { state, completions in
      let error = Self.refusal(&state, id) ?? DeviceClientError.notOverHTTPS
      completions.finish(registering, .failure(error))
    }
  }

  func publish(_ pending: Pending) {
    update { state, completions in
      if let error = Self.refusal(&state, pending.id) {
        completions.finish(pending, .failure(error))
      } else {
        state.queue.append(pending)
      }
    }
  }

  func cancel(_ id: UInt64) {
    update { state, completions in
      let error = CancellationError()
      if let index = state.connecting.firstIndex(where: { $0.id == id }) {
        completions.finish(state.connecting.remove(at: index), .failure(error))
      } else if let index = state.queue.firstIndex(where: { $0.id == id }) {
        completions.finish(state.queue.remove(at: index), .failure(error))
      } else if let current = state.current, current.pending.id == id {
        completions.finish(current.pending, .failure(error))
        state.current = nil
        state.link.interrupt(at: MonotonicClock.now())
      } else if state.expected.remove(id) != nil {
        state.cancelled.insert(id)
      }
    }
  }

  // MARK: - One step

  /// Changes the state, then performs pending work; the waiting thread learns the new deadline.
  private func update(_ change: (inout State, inout Completions) -> Void) {
    step(change) { _ in }
    signal.set()
  }

  /// Changes the state, performs pending work, and wakes waiting callers after releasing the lock.
  private func step(
    _ change: (inout State, inout Completions) -> Void = { _, _ in },
    then look: (inout State) -> Void
  ) {
    var completions = Completions()
    state.withLock { state in
      change(&state, &completions)
      advance(&state, &completions)
      look(&state)
    }
    for action in completions.actions { action() }
  }

  private func advance(_ state: inout State, _ completions: inout Completions) {
    guard !state.isClosed else { return }
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
      keepToken(&state, at: now)
      hasBegun = startNext(&state, &completions, at: now)
    } while hasBegun
  }

  /// Stores a new token; where the disk refuses, the next client authenticates anew.
  private func keepToken(_ state: inout State, at now: Instant) {
    guard state.link.unkept != nil, let keeper = state.keeper else { return }
    do throws(StoreError) {
      _ = try keeper.keep(&state.link, at: now)
      state.keepingFailure = nil
    } catch {
      state.keepingFailure = error
      state.link.keep(numbersUpTo: 0, at: now)
    }
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
      for connecting in state.connecting { completions.finish(connecting, .success(())) }
      state.connecting.removeAll()
      tell(.authenticated, &completions)
    case .authenticationFailed:
      state.hasFailed = true
      let error = DeviceClientError.httpsAuthentication(state.link.failure, state.link.message)
      for connecting in state.connecting { completions.finish(connecting, .failure(error)) }
      state.connecting.removeAll()
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
    guard let next = state.queue.first else {
      if !state.connecting.isEmpty { state.link.authenticate(at: now) }
      return false
    }
    state.queue.removeFirst()
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
      let body = state.link.answer
      answer = body.indices.prefix(1_024).map { body[$0] }
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

  /// Why a call that arrives is refused; `nil` where it is taken.
  private static func refusal(_ state: inout State, _ id: UInt64) -> (any Error)? {
    state.expected.remove(id)
    if state.cancelled.remove(id) != nil { return CancellationError() }
    return state.isClosed ? DeviceClientError.closed : nil
  }
}

extension HTTPSLinkFailure {
  /// How a report has ended for that reason.
  ///
  /// A good status without the platform's code says nothing of the report: over HTTPS the code alone accepts it.
  fileprivate var outcome: ReportOutcome {
    switch self {
    case .transfer(.tooLong), .transfer(.notHTTP), .answer: .unreadable
    case .status(let status) where status < 400: .unreadable
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
