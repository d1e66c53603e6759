internal import Alink
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceStore
internal import Dispatch
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import ReportLink
internal import Synchronization
internal import SystemClocks
internal import UDPTransport

/// A client's link over MQTT with its waiting callers.
///
/// One lock protects all of it, as in `DeviceCore`. A thread of the client waits for the channel's descriptor and the
/// next deadline; callers do their step on their own thread and wake it. The thread keeps this object, and so the
/// channel, until the client is closed and has said goodbye.
final class MQTTCore: ClientCore, Sendable {
  typealias Link = MQTTLink<MeteredLayer<MQTTChannel>, SystemRandom>

  struct State: ~Copyable {
    var link: Link
    var isClosed = false
    /// Whether the thread has ended.
    var isOver = false
    /// Until when the goodbye may take.
    var goodbyeEnd = Instant(milliseconds: .min)
    var nextID: UInt64 = 0
    /// Calls that have an id and have not arrived yet, and those of them that were cancelled.
    var expected: Set<UInt64> = []
    var cancelled: Set<UInt64> = []
    var connecting: [Connecting] = []
    var registering: [Registering] = []
    var closing: [CheckedContinuation<Void, Never>] = []
    var queue: [Pending] = []
    /// Reports that the link has, or whose reply is waited for, by their id.
    var deliveries: [UInt64: Delivery] = [:]
    /// Which subscriptions the platform has granted, by the link's index.
    var granted: Set<Int> = []
    /// The topic filters asked for, by the link's index.
    var filters: [Int: String] = [:]
    var requestID: UInt32
    var registeredClientID = ""
    var inbox: Inbox
  }

  let state: Mutex<State>
  let signal: WakeSignal
  let meter: PacketMeter
  let settings: MQTTClientSettings
  let identity: DeviceIdentity
  let thingModel: [UInt8]?
  let thingModelRules: ThingModelRules

  init(
    link: consuming sending Link,
    identity: DeviceIdentity,
    signal: consuming WakeSignal,
    meter: PacketMeter,
    settings: MQTTClientSettings,
    requestID: UInt32,
    thingModel: [UInt8]?,
    thingModelRules: ThingModelRules
  ) {
    self.thingModel = thingModel
    self.thingModelRules = thingModelRules
    self.signal = signal
    self.meter = meter
    self.settings = settings
    self.identity = identity
    state = Mutex(
      State(link: link, requestID: requestID, inbox: Inbox(identity, settings))
    )
  }

  func start() {
    DispatchQueue(label: "nbiot.device").async { [self] in
      while true {
        var isOver = false
        var deadline: Instant?
        var descriptor: Int32 = -1
        step { state in
          isOver = state.isClosed && !state.link.isClosing
          deadline = Self.deadline(&state)
          descriptor = state.link.descriptor
        }
        if isOver { return end() }
        signal.wait(forSocket: descriptor, until: deadline)
      }
    }
  }

  /// Wakes those who wait for the end.
  private func end() {
    let waiting = state.withLock { state in
      state.isOver = true
      defer { state.closing.removeAll() }
      return state.closing
    }
    for continuation in waiting { continuation.resume() }
  }

  func stop() {
    update { state, completions in
      guard !state.isClosed else { return }
      state.isClosed = true
      state.goodbyeEnd = MonotonicClock.now() + Milliseconds(3_000)
      state.link.close()
      Self.failAll(&state, .closed, &completions)
    }
  }

  func waitForEnd(_ continuation: CheckedContinuation<Void, Never>) {
    let isOver = state.withLock { state in
      if !state.isOver { state.closing.append(continuation) }
      return state.isOver
    }
    if isOver { continuation.resume() }
  }

  var counters: DeviceCounters { meter.counters }
  var traffic: DeviceTraffic { meter.traffic }
  var keepingFailure: StoreError? { nil }
  var registeredClientID: String { state.withLock { $0.registeredClientID } }

  func exportSession() -> [UInt8]? { nil }

  /// PUBLISH with quality 1; TCP and TLS are not in it.
  func overhead(of topic: Topic) -> MessageOverhead {
    MessageOverhead(
      bytes: PacketSize.publish(topic: topic.bytes.count, payload: 0, .atLeastOnce) + 1
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
      } else if state.link.isConnected {
        completions.finish(connecting, .success(()))
      } else if let resting = Self.resting(state.link) {
        completions.finish(connecting, .failure(resting))
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
      if let error = Self.refusal(&state, id) {
        return completions.finish(registering, .failure(error))
      }
      let instanceID = Array(settings.instanceID.utf8)
      do throws(MQTTRegistrationFailure) {
        try state.link.register(
          kind: settings.registration,
          signMethod: signMethod,
          instanceID: instanceID.span,
          at: MonotonicClock.now()
        )
        state.registering.append(registering)
      } catch {
        completions.finish(registering, .failure(DeviceClientError.mqttRegistration(error)))
      }
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
      } else if let index = state.registering.firstIndex(where: { $0.id == id }) {
        completions.finish(state.registering.remove(at: index), .failure(error))
        // The link has no other work then.
        state.link.interrupt(at: MonotonicClock.now())
      } else if let index = state.queue.firstIndex(where: { $0.id == id }) {
        completions.finish(state.queue.remove(at: index), .failure(error))
      } else if let delivery = state.deliveries.removeValue(forKey: id) {
        // The link keeps its place until the platform has acknowledged it.
        completions.finish(delivery.pending, .failure(error))
      } else if let waiting = state.inbox.cancel(id) {
        completions.actions.append { waiting.resume(returning: nil) }
      } else if state.expected.remove(id) != nil {
        state.cancelled.insert(id)
      }
    }
  }

  // MARK: - One step

  /// Changes the state, then performs pending work; the waiting thread learns the new deadline.
  func update(_ change: (inout State, inout Completions) -> Void) {
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
    let now = MonotonicClock.now()
    guard !state.isClosed else {
      state.link.handleTimeout(at: now < state.goodbyeEnd ? now : Instant(milliseconds: .max))
      while state.link.pollEvent() != nil {}
      return
    }
    var hasBegun = false
    repeat {
      state.link.staysConnected = state.needsConnection
      state.link.handleTimeout(at: now)
      while let event = state.link.pollEvent() {
        handle(event, &state, &completions, at: now)
      }
      expireReplies(&state, &completions, at: now)
      pollRequests(&state, &completions, at: now)
      hasBegun = startNext(&state, &completions, at: now)
    } while hasBegun
    state.link.staysConnected = state.needsConnection
    state.link.handleTimeout(at: now)
  }

  private static func deadline(_ state: inout State) -> Instant? {
    if state.isClosed { return min(state.goodbyeEnd, state.link.pollTimeout() ?? state.goodbyeEnd) }
    var earliest = state.link.pollTimeout()
    for delivery in state.deliveries.values {
      if let end = delivery.end { earliest = min(earliest ?? end, end) }
    }
    if let end = state.inbox.exchange.pollTimeout() { earliest = min(earliest ?? end, end) }
    return earliest
  }

  private func handle(
    _ event: MQTTLinkEvent,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    switch event {
    case .connected(let hasSession):
      if !hasSession { state.granted.removeAll() }
      for id in state.deliveries.keys { state.deliveries[id]?.noteConnection(at: now) }
      for connecting in state.connecting { completions.finish(connecting, .success(())) }
      state.connecting.removeAll()
      tell(.connected(hasSession: hasSession), &completions)
    case .connectFailed:
      let failure = state.link.failure
      let error = DeviceClientError.connection(failure)
      for connecting in state.connecting { completions.finish(connecting, .failure(error)) }
      state.connecting.removeAll()
      for pending in state.queue { completions.finish(pending, .failure(error)) }
      state.queue.removeAll()
      tell(.connectFailed(failure, retryAfter: Self.rest(state.link, at: now)), &completions)
      if failure.isLasting { state.inbox.end(error, &completions) }
    case .disconnected:
      let reason = state.link.rest.reason
      let rest = Self.rest(state.link, at: now)
      failReplies(&state, because: reason, &completions)
      tell(.disconnected(reason, retryAfter: rest), &completions)
      if reason == .kicked || reason == .suspectedTwin {
        state.inbox.end(.resting(reason, left: rest), &completions)
      }
    case .closed:
      failReplies(&state, because: .none, &completions)
      tell(.closed, &completions)
    case .report: finishReport(&state, &completions, at: now)
    case .downlink: takeMessage(&state, &completions, at: now)
    case .subscription(let index, let isGranted):
      if isGranted { state.granted.insert(index) } else { state.granted.remove(index) }
      takeSubscription(index, isGranted, &state, &completions)
    case .registered:
      let secret = state.link.withSecret { secret in secret.indices.map { secret[$0] } }
      let clientID = state.link.registeredClientID
      state.registeredClientID = String(
        decoding: clientID.bytes.indices.map { clientID.bytes[$0] },
        as: UTF8.self
      )
      for registering in state.registering { completions.finish(registering, .success(secret)) }
      state.registering.removeAll()
    case .registrationFailed:
      let error = DeviceClientError.mqttRegistration(state.link.registrationFailure)
      for registering in state.registering { completions.finish(registering, .failure(error)) }
      state.registering.removeAll()
    case .dropped(let reason): tell(.dropped(reason), &completions)
    }
  }

  /// Tells the owner of an event, once the lock is released.
  func tell(_ event: MQTTClientEvent, _ completions: inout Completions) {
    guard let onEvent = settings.onEvent else { return }
    completions.actions.append { onEvent(event) }
  }

  // MARK: - Endings

  /// Why nothing is connected now; `nil` where it may be.
  static func resting(_ link: borrowing Link) -> DeviceClientError? {
    let left = rest(link, at: MonotonicClock.now())
    return left.count > 0 ? .resting(link.rest.reason, left: left) : nil
  }

  private static func rest(_ link: borrowing Link, at now: Instant) -> Milliseconds {
    max(link.rest.until, now) - now
  }

  /// Why a call that arrives is refused; `nil` where it is taken.
  static func refusal(_ state: inout State, _ id: UInt64) -> (any Error)? {
    state.expected.remove(id)
    if state.cancelled.remove(id) != nil { return CancellationError() }
    return state.isClosed ? DeviceClientError.closed : nil
  }

  private static func failAll(
    _ state: inout State,
    _ error: DeviceClientError,
    _ completions: inout Completions
  ) {
    for connecting in state.connecting { completions.finish(connecting, .failure(error)) }
    for registering in state.registering { completions.finish(registering, .failure(error)) }
    for pending in state.queue { completions.finish(pending, .failure(error)) }
    for delivery in state.deliveries.values {
      completions.finish(delivery.pending, .failure(error))
    }
    state.inbox.end(nil, &completions)
    state.connecting.removeAll()
    state.registering.removeAll()
    state.queue.removeAll()
    state.deliveries.removeAll()
  }
}

extension MQTTCore.State {
  /// Whether somebody waits for something that only a connection brings.
  var needsConnection: Bool {
    !connecting.isEmpty || !queue.isEmpty || !deliveries.isEmpty || inbox.isOpen
  }
}

extension MQTTLinkFailure {
  /// Whether trying again without a change does not help.
  var isLasting: Bool {
    switch self {
    case .refused(.unavailable): false
    case .refused, .signing: true
    case .connection(let failure):
      switch failure {
      case .unknownAuthority, .expired, .notYetValid, .invalidAuthority, .weakSignature, .weakKey,
        .wrongPurpose, .certificate, .serverName, .oldVersion:
        true
      case .refused, .unreachable, .timedOut, .handshake, .malformed, .oversized, .library: false
      }
    }
  }
}
