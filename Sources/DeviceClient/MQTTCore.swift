// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceStore
internal import Dispatch
internal import DurableReports
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import ReportLink
internal import Synchronization
internal import SystemClocks
internal import TrafficLedger
internal import UDPTransport

/// A client's link over MQTT with its waiting callers.
///
/// One lock protects all of it, as in `DeviceCore`. A thread of the client waits for the channel's descriptor and the
/// next deadline; callers do their step on their own thread and wake it. The thread keeps this object, and so the
/// channel, until the client is closed and has said goodbye.
final class MQTTCore: ClientCore, Sendable {
  typealias Layer = TokenLayer<MeteredLayer<MQTTChannel>, MeteredHTTPSLayer<HTTPSChannel>>
  typealias Link = GatewayLink<Layer, SystemRandom>

  struct State: ~Copyable {
    /// The link, and above it the outbox of a gateway that has one.
    var reports: DurableReports<Link>
    var link: Link {
      _read { yield reports.link }
      _modify { yield &reports.link }
    }
    /// Whether the outbox is open.
    var isDurable: Bool
    /// Whether there can be sub-devices.
    let isGateway: Bool
    /// Callers that wait for a login or a logout.
    var sessionWaiters: [SessionWaiter] = []
    /// Who takes what the platform sends to a sub-device.
    var listeners: [Int: AsyncStream<DeviceRequest>.Continuation] = [:]
    /// Stores the token of an authentication over HTTPS in a file, if there is one.
    var keeper: SessionKeeper?
    var callers = Callers()
    /// Whether the thread has ended.
    var isOver = false
    /// Until when the goodbye may take.
    var goodbyeEnd = Instant(milliseconds: .min)
    var closing: [CheckedContinuation<Void, Never>] = []
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
  /// What a gateway's client has beside; `nil` without sub-devices.
  let gateway: GatewayClientSettings?

  init(
    reports: consuming sending DurableReports<Link>,
    isDurable: Bool,
    gateway: GatewayClientSettings?,
    keeper: sending SessionKeeper?,
    identity: DeviceIdentity,
    signal: consuming WakeSignal,
    meter: PacketMeter,
    settings: MQTTClientSettings,
    requestID: UInt32,
    thingModel: [UInt8]?,
    thingModelRules: ThingModelRules
  ) {
    self.gateway = gateway
    self.thingModel = thingModel
    self.thingModelRules = thingModelRules
    self.signal = signal
    self.meter = meter
    self.settings = settings
    self.identity = identity
    keeper?.restore(&reports.link)
    state = Mutex(
      State(
        reports: reports,
        isDurable: isDurable,
        isGateway: gateway != nil,
        keeper: keeper,
        requestID: requestID,
        inbox: Inbox(identity, settings)
      )
    )
  }

  func start() {
    DispatchQueue(label: "nbiot.device").async { [self] in
      while true {
        var isOver = false
        var deadline: Instant?
        var descriptor: Int32 = -1
        state.change { state, completions in
          advance(&state, &completions)
          isOver = state.callers.isClosed && !state.link.isClosing
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
      guard state.callers.close() else { return }
      state.goodbyeEnd = MonotonicClock.now() + Milliseconds(3_000)
      if state.isDurable { state.reports.close() } else { state.link.close() }
      // Unlocks its file.
      state.keeper = nil
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
  var ledger: TrafficLedger { meter.ledger }
  var isLedgerComplete: Bool { meter.isLedgerComplete }
  var missedConnections: Int { meter.missedConnections }
  var keepingFailure: StoreError? { state.withLock { $0.keeper?.failure } }
  var registeredClientID: String { state.withLock { $0.registeredClientID } }

  /// PUBLISH with quality 1; TCP and TLS are not in it.
  func overhead(of topic: Topic) -> MessageOverhead {
    MessageOverhead(
      bytes: PacketSize.publish(topic: topic.bytes.count, payload: 0, .atLeastOnce) + 1
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
      let instanceID = Array(settings.instanceID.utf8)
      do throws(MQTTRegistrationFailure) {
        try state.link.device.register(
          kind: settings.registration,
          signMethod: signMethod,
          instanceID: instanceID.span,
          at: MonotonicClock.now()
        )
      } catch {
        // One that is under way goes on.
        let error = DeviceClientError.mqttRegistration(error)
        state.callers.refuse(caller, error, &completions)
      }
    }
  }

  func cancel(_ id: UInt64) {
    update { state, completions in
      if let delivery = state.deliveries.removeValue(forKey: id) {
        // The link keeps its place until the platform has acknowledged it.
        return completions.finish(delivery.pending, .failure(CancellationError()))
      }
      if let index = state.sessionWaiters.firstIndex(where: { $0.id == id }) {
        let waiter = state.sessionWaiters.remove(at: index)
        return completions.actions.append {
          waiter.continuation.resume(throwing: CancellationError())
        }
      }
      if let waiting = state.inbox.cancel(id) {
        return completions.actions.append { waiting.resume(returning: nil) }
      }
      // The link has no other work while it registers.
      if state.callers.cancel(id, &completions) == .registering {
        state.link.interrupt(at: MonotonicClock.now())
      }
    }
  }

  // MARK: - One step

  /// Changes the state, then performs pending work; the waiting thread learns the new deadline.
  func update(_ change: (inout State, inout Completions) -> Void) {
    state.change { state, completions in
      change(&state, &completions)
      advance(&state, &completions)
    }
    signal.set()
  }

  private func advance(_ state: inout State, _ completions: inout Completions) {
    let now = MonotonicClock.now()
    guard !state.callers.isClosed else {
      state.link.handleTimeout(at: now < state.goodbyeEnd ? now : Instant(milliseconds: .max))
      while state.link.pollEvent() != nil {}
      return
    }
    var hasBegun = false
    repeat {
      state.link.device.staysConnected = state.needsConnection
      pollLink(&state, &completions, at: now)
      state.keeper?.keepToken(of: &state.link, at: now)
      if state.link.device.isConnected {
        state.callers.endConnecting(.success(()), &completions)
      } else if let resting = Self.resting(state.link) {
        state.callers.endConnecting(.failure(resting), &completions)
      }
      expireReplies(&state, &completions, at: now)
      pollRequests(&state, &completions, at: now)
      hasBegun = startNext(&state, &completions, at: now)
    } while hasBegun
    state.link.device.staysConnected = state.needsConnection
    state.link.handleTimeout(at: now)
  }

  private static func deadline(_ state: inout State) -> Instant? {
    if state.callers.isClosed {
      return min(state.goodbyeEnd, state.link.pollTimeout() ?? state.goodbyeEnd)
    }
    var earliest = state.isDurable ? state.reports.pollTimeout() : state.link.pollTimeout()
    for delivery in state.deliveries.values {
      if let end = delivery.end { earliest = min(earliest ?? end, end) }
    }
    if let end = state.inbox.exchange.pollTimeout() { earliest = min(earliest ?? end, end) }
    return earliest
  }

  /// Takes in an event; `id` and `ending` are those of the report that it may be of.
  func handle(
    _ event: MQTTLinkEvent,
    _ id: UInt64,
    _ ending: ReportEnding,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    switch event {
    case .connected(let hasSession):
      if !hasSession { state.granted.removeAll() }
      for id in state.deliveries.keys { state.deliveries[id]?.noteConnection(at: now) }
      tell(.connected(hasSession: hasSession), &completions)
      state.callers.endConnecting(.success(()), &completions)
    case .connectFailed:
      let failure = state.link.device.failure
      let error = DeviceClientError.connection(failure)
      tell(.connectFailed(failure, retryAfter: Self.rest(state.link, at: now)), &completions)
      state.callers.endConnecting(.failure(error), &completions)
      state.callers.failQueue(error, &completions)
      if failure.isLasting { state.inbox.end(error, &completions) }
    case .disconnected:
      let reason = state.link.device.rest.reason
      let rest = Self.rest(state.link, at: now)
      tell(.disconnected(reason, retryAfter: rest), &completions)
      failReplies(&state, because: reason, &completions)
      if reason == .kicked || reason == .suspectedTwin {
        state.inbox.end(.resting(reason, left: rest), &completions)
      }
    case .closed:
      tell(.closed, &completions)
      failReplies(&state, because: .none, &completions)
    case .report: finishReport(id, ending, &state, &completions, at: now)
    case .downlink: takeMessage(&state, &completions, at: now)
    case .subscription(let index, let isGranted):
      if isGranted { state.granted.insert(index) } else { state.granted.remove(index) }
      takeSubscription(index, isGranted, &state, &completions)
    case .subscriptions: break
    case .registered:
      let secret = state.link.device.withSecret { secret in secret.indices.map { secret[$0] } }
      let clientID = state.link.device.registeredClientID
      state.registeredClientID = String(
        decoding: clientID.bytes.indices.map { clientID.bytes[$0] },
        as: UTF8.self
      )
      state.callers.endRegistering(.success(secret), &completions)
    case .registrationFailed:
      let error = DeviceClientError.mqttRegistration(state.link.device.registrationFailure)
      state.callers.endRegistering(.failure(error), &completions)
    case .dropped(let reason, let count): tell(.dropped(reason, count: count), &completions)
    }
  }

  /// Tells the owner of an event once the lock is released; asked for first, it is told before those who wait go on.
  func tell(_ event: MQTTClientEvent, _ completions: inout Completions) {
    guard let onEvent = settings.onEvent else { return }
    completions.actions.append { onEvent(event) }
  }

  // MARK: - Endings

  /// Why nothing is connected now; `nil` where it may be.
  static func resting(_ link: borrowing Link) -> DeviceClientError? {
    let left = rest(link, at: MonotonicClock.now())
    return left.count > 0 ? .resting(link.device.rest.reason, left: left) : nil
  }

  private static func rest(_ link: borrowing Link, at now: Instant) -> Milliseconds {
    max(link.device.rest.until, now) - now
  }

  private static func failAll(
    _ state: inout State,
    _ error: DeviceClientError,
    _ completions: inout Completions
  ) {
    state.callers.fail(error, &completions)
    for delivery in state.deliveries.values {
      completions.finish(delivery.pending, .failure(error))
    }
    state.endSessions(error, &completions)
    state.inbox.end(nil, &completions)
    state.deliveries.removeAll()
  }
}

extension MQTTCore.State {
  /// Whether somebody waits for something that only a connection brings.
  var needsConnection: Bool {
    !callers.connecting.isEmpty || !callers.queue.isEmpty || !deliveries.isEmpty || inbox.isOpen
      || !sessionWaiters.isEmpty || !listeners.isEmpty
      || isGateway && (link.sessions.hasWanted || isDurable && reports.pendingReports > 0)
  }
}

extension MQTTLinkFailure {
  /// Whether trying again without a change does not help.
  var isLasting: Bool {
    switch self {
    case .refused(.unavailable): false
    case .refused, .signing: true
    case .connection(.authentication(let failure)): failure.isRefusal
    case .connection(let failure):
      switch failure {
      case .unknownAuthority, .expired, .notYetValid, .invalidAuthority, .weakSignature, .weakKey,
        .wrongPurpose, .certificate, .serverName, .oldVersion:
        true
      case .refused, .unreachable, .timedOut, .handshake, .malformed, .oversized, .library,
        .authentication:
        false
      }
    }
  }
}
