// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceStore
internal import Dispatch
internal import OpenSSLSupport
internal import Platform
internal import ReportLink
internal import SecurityLayer
internal import Synchronization
internal import SystemClocks
internal import TrafficLedger
internal import UDPTransport

/// A client's session with its socket, its timer and its waiting callers.
///
/// One lock protects all of it. A thread of the client waits for the socket and the next deadline;
/// callers do their step on their own thread and wake it. The thread keeps this object, and so the
/// socket, until the client is closed. After a failure of the link, the work in flight is tried
/// once more over a new socket, to the server's next address or after resolving its name again; an
/// unanswered report leaves that to the next report. An unanswered authentication continues at the
/// next address, as long as there is one.
///
/// It does not use a dispatch source: on Linux that does not report a socket's error, and an ICMP
/// message would be noticed only at the next retransmission.
final class DeviceCore<Security: SecurityLayer & SendableMetatype & ~Copyable>: ClientCore, Sendable
{
  typealias Session = CoAPLink<Security, SystemRandom>

  struct State: ~Copyable {
    var session: Session
    var link: ServerLink
    /// The number of datagrams sent before the ICMP message "port unreachable"; see `isDoubtful`.
    var refusedAfter: Int?
    /// Stores the session in a file, if there is one.
    var keeper: SessionKeeper?
    var traffic = DeviceTraffic()
    /// The bytes of the headers before each datagram, by the last socket.
    var headerBytes = 28
    var callers = Callers()
    var current: Pending?
    /// The received part of a blockwise answer.
    var parts: [UInt8] = []
    /// The time until which the platform has put off reports to these topics.
    var putOff: [[UInt8]: Instant] = [:]

    /// Whether the work that the session has just given up continues at the server's next address.
    var isMovingOn = false

    /// Whether no caller waits for the session.
    var isIdle: Bool { callers.connecting.isEmpty && callers.registering.isEmpty && current == nil }
  }

  private let state: Mutex<State>
  private let signal: WakeSignal
  let onTransmission: (@Sendable (DeviceTransmission) -> Void)?
  let onMessage: (@Sendable (MessageDirection, Span<UInt8>) -> Void)?
  /// Whether a datagram differs from the message in it, which the security layer then shows.
  let isSecureChannel: Bool
  private let export: @Sendable (inout Security) -> [UInt8]?

  init(
    session: consuming sending Session,
    link: consuming sending ServerLink,
    signal: consuming WakeSignal,
    keeper: sending SessionKeeper?,
    onTransmission: (@Sendable (DeviceTransmission) -> Void)?,
    onMessage: (@Sendable (MessageDirection, Span<UInt8>) -> Void)?,
    export: @escaping @Sendable (inout Security) -> [UInt8]? = { _ in nil }
  ) {
    self.export = export
    isSecureChannel = session.withSecurity { $0.wrapsDatagrams }
    state = Mutex(State(session: session, link: link, keeper: keeper))
    self.signal = signal
    self.onTransmission = onTransmission
    self.onMessage = onMessage
    state.withLock { $0.keeper?.restore(&$0.session) }
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
          // Nothing can be sent while the name is being resolved, even if it is overdue.
          deadline = state.link.isResolving ? nil : state.session.pollTimeout()
          descriptor = state.link.descriptor
        }
        if isClosed {
          state.withLock { $0.link.close() }
          return
        }
        signal.wait(forSocket: descriptor, until: deadline)
      }
    }
  }

  func stop() {
    update { state, completions in
      guard state.callers.close() else { return }
      // Release the file for the next client.
      state.keeper = nil
      state.session.close()
      // A close_notify that cannot be sent is not needed either.
      if state.link.socket.isOpen, state.session.withSecurity({ $0.wrapsDatagrams }) {
        try? exchange(&state, at: MonotonicClock.now())
      }
      Self.failAll(&state, DeviceClientError.closed, &completions)
    }
  }

  var counters: DeviceCounters { state.withLock { $0.session.counters } }
  var traffic: DeviceTraffic { state.withLock { $0.traffic } }
  var isLedgerComplete: Bool { true }
  var missedConnections: Int { 0 }

  var ledger: TrafficLedger {
    state.withLock { state in
      #if LEDGER
      var ledger = state.session.ledger
      #else
      var ledger = TrafficLedger()
      #endif
      ledger.addHeaders(state.headerBytes)
      return ledger
    }
  }
  var keepingFailure: StoreError? { state.withLock { $0.keeper?.failure } }

  func exportSession() -> [UInt8]? {
    state.withLock { $0.session.withSecurity { export(&$0) } }
  }

  func overhead(of topic: Topic) -> MessageOverhead {
    state.withLock { $0.session.overhead(of: topic) }
  }

  func withCallers<Result>(_ body: (inout Callers) -> Result) -> Result {
    state.withLock { state in body(&state.callers) }
  }

  func changeCallers(_ body: (inout Callers, inout Completions) -> Void) {
    update { state, completions in body(&state.callers, &completions) }
  }

  func takeRequestID() -> UInt32 { state.withLock { $0.session.takeRequestID() } }

  func connect(_ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>) {
    let caller = Connecting(id: id, continuation: continuation)
    update { state, completions in
      guard state.callers.take(caller, &completions) else { return }
      if state.session.isAuthenticated {
        state.callers.endConnecting(.success(()), &completions)
      } else {
        state.session.connect(at: MonotonicClock.now())
      }
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
      do throws(DeviceError) {
        try state.session.register(signMethod: signMethod, at: MonotonicClock.now())
      } catch {
        // One that is under way goes on.
        state.callers.refuse(caller, DeviceClientError.device(error), &completions)
      }
    }
  }

  func cancel(_ id: UInt64) {
    update { state, completions in
      if let current = state.current, current.id == id {
        state.current = nil
        if state.isIdle && state.callers.queue.isEmpty {
          state.session.cancelAll()
        } else {
          state.session.cancelReport()
        }
        return completions.finish(current, .failure(CancellationError()))
      }
      switch state.callers.cancel(id, &completions) {
      case .connecting: if state.isIdle { state.session.cancelAll() }
      case .registering:
        if state.isIdle {
          state.session.cancelAll()
        } else {
          state.session.cancelRegistration(at: MonotonicClock.now())
        }
      case .queued, .expected, nil: break
      }
    }
  }

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
    var isAgain = false
    var isKept = false
    repeat {
      Self.startNext(&state, &completions, at: now)
      var failure: TransportError?
      isKept = false
      do throws(TransportError) {
        try drive(&state, at: now)
        // Send what waited for the disk.
        while Self.keep(&state, &completions, at: now) { try drive(&state, at: now) }
      } catch {
        failure = error
        // A token may have arrived right before the error, and nothing else would trigger storing
        // it.
        isKept = Self.keep(&state, &completions, at: now)
      }
      // Work that ended before the error keeps its result.
      while let event = state.session.pollEvent() { Self.handle(event, &state, &completions) }
      isAgain = state.isMovingOn
      state.isMovingOn = false
      if let failure, !isAgain, Self.isDoubtful(failure, &state) {
        // Pending work has not been checked yet.
        isAgain = true
      } else if let failure, !isAgain {
        // The device's or the server's address may have changed: repeat the work in flight over a
        // new socket.
        let hadAnswered = state.link.hasAnswered && !state.isIdle
        isAgain = state.link.fail() || hadAnswered
        if isAgain {
          state.session.changeAddress(at: now)
        } else {
          Self.interrupt(&state, failure, &completions, at: now)
        }
      }
    } while isAgain || isKept || state.current == nil && !state.callers.queue.isEmpty
  }

  /// Performs pending work over the socket, which is created when there is something to send.
  private func drive(_ state: inout State, at now: Instant) throws(TransportError) {
    if !state.session.isIdle || state.link.isResolving {
      guard try state.link.open() else { return }
      state.headerBytes = state.link.socket.headerBytes
    }
    guard state.link.socket.isOpen else { return }
    try exchange(&state, at: now)
  }

  /// Stores the state that the session waits for; returns whether it continues now.
  private static func keep(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) -> Bool {
    do throws(StoreError) {
      return try state.keeper?.keep(&state.session, at: now) ?? false
    } catch {
      // If the device continued, it could use a number again after the next start.
      state.session.cancelAll()
      failAll(&state, .sessionFile(.store(error)), &completions)
      return false
    }
  }

  /// Ends all work in flight with the link's error; a report that was sent keeps its counters.
  private static func interrupt(
    _ state: inout State,
    _ failure: TransportError,
    _ completions: inout Completions,
    at now: Instant
  ) {
    state.refusedAfter = nil
    state.session.interrupt(at: now)
    while let event = state.session.pollEvent() {
      guard case .report(let result) = event, result.transmissions > 0,
        let current = state.current
      else { continue }
      state.current = nil
      let receipt = Receipt(result: result, answer: [])
      completions.finish(current, .failure(DeviceClientError.interrupted(failure, receipt)))
    }
    failAll(&state, .transport(failure), &completions)
  }

  private static func startNext(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    guard state.current == nil, !state.callers.queue.isEmpty else { return }
    let next = state.callers.queue.removeFirst()
    if let until = state.putOff[next.target.topicBytes], until > now {
      return completions.finish(next, .failure(DeviceClientError.putOff(until - now)))
    }
    do throws(DeviceError) {
      switch next.target {
      case .topic(let topic, let accept):
        _ = try state.session.publish(
          topic: topic,
          payload: next.payload.span,
          format: next.format,
          accept: accept,
          at: now
        )
      case .pull(let count): _ = try state.session.pull(maxMessages: count, at: now)
      }
      state.current = next
      state.parts = []
    } catch {
      completions.finish(next, .failure(DeviceClientError.device(error)))
    }
  }

  private static func handle(
    _ event: DeviceEvent,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    state.refusedAfter = nil
    switch event {
    case .authenticated:
      state.link.confirm()
      state.callers.endConnecting(.success(()), &completions)
    case .authenticationFailed(let failure):
      noteFailure(failure, &state)
      if state.isMovingOn {
        if !state.callers.connecting.isEmpty { state.session.connect(at: MonotonicClock.now()) }
        return
      }
      let refusal = DeviceClientError.authentication(
        failure,
        diagnostic: diagnostic(failure, state.session)
      )
      state.callers.endConnecting(.failure(refusal), &completions)
    case .registered:
      let secret = state.session.withSecret { secret in secret.indices.map { secret[$0] } }
      state.callers.endRegistering(.success(secret), &completions)
    case .registrationFailed(let failure):
      noteFailure(failure, &state)
      if state.isMovingOn, let first = state.callers.registering.first, registerAgain(first, &state)
      {
        return
      }
      let refusal = DeviceClientError.registration(
        failure,
        diagnostic: diagnostic(failure, state.session)
      )
      state.callers.endRegistering(.failure(refusal), &completions)
    case .answerBlock:
      state.parts += bytes(of: state.session)
    case .report(let ended):
      // An answer, even one to `/auth`; otherwise another socket for the next report.
      if ended.isAnswered { state.link.confirm() } else { _ = state.link.fail() }
      guard let current = state.current else { return }
      state.current = nil
      if state.isMovingOn, ended.transmissions == 0 {
        return state.callers.queue.insert(current, at: 0)
      }
      var result = ended
      let answer = takeAnswer(&state, current.target, &result)
      let receipt = Receipt(result: result, answer: answer)
      switch result.outcome {
      case .rejected, .acknowledged: notePutOff(&state, current.target, result.retryAfter)
      // The session itself delays `/auth`.
      default: break
      }
      switch result.outcome {
      case .acknowledged: completions.finish(current, .success(receipt))
      case .unauthenticated(let failure) where result.transmissions == 0:
        let refusal = DeviceClientError.authentication(failure, diagnostic: receipt.diagnostic)
        completions.finish(current, .failure(refusal))
      default: completions.finish(current, .failure(DeviceClientError.undelivered(receipt)))
      }
    }
  }

  /// Records that the platform has put off reports to that topic; the session does so for `/auth`.
  private static func notePutOff(_ state: inout State, _ target: Target, _ wait: Milliseconds) {
    let now = MonotonicClock.now()
    state.putOff = state.putOff.filter { $0.value > now }
    if wait.count > 0 { state.putOff[target.topicBytes] = now + wait }
  }

  /// The answer to the report that has ended; empty if it is incomplete or cannot be decrypted.
  private static func takeAnswer(
    _ state: inout State,
    _ target: Target,
    _ result: inout ReportResult
  ) -> [UInt8] {
    var answer = state.parts + bytes(of: state.session)
    state.parts = []
    guard result.extent == .inBlocks else { return result.extent == .whole ? answer : [] }
    let parts = answer
    var writer = ByteWriter(answer.mutableSpan)
    guard (try? state.session.openAnswer(parts.span, into: &writer)) != nil else {
      result.gap = .unreadable
      return []
    }
    let count = writer.count
    let whole = Array(answer[..<count])
    // The session reads replies that arrive in one piece.
    if case .topic(let topic, _) = target, Topic.hasReplies(topic.bytes.bytes),
      let reply = PlatformReply(whole.span),
      !result.take(reply, on: topic.bytes.bytes)
    {
      result.outcome = .rejected
    }
    return whole
  }

  /// The platform's reason for refusing `/auth` or a registration.
  private static func diagnostic(
    _ failure: AuthenticationFailure,
    _ session: borrowing Session
  ) -> String {
    failure.isAnswer ? Diagnostic.text(bytes(of: session)) : ""
  }

  private static func bytes(of session: borrowing Session) -> [UInt8] {
    let answer = session.answer
    return answer.indices.map { answer[$0] }
  }

  private static func failAll(
    _ state: inout State,
    _ error: DeviceClientError,
    _ completions: inout Completions
  ) {
    state.callers.fail(error, &completions)
    if let current = state.current { completions.finish(current, .failure(error)) }
    state.current = nil
  }
}
