// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import NIOCore
internal import PlatformCore

/// The front with its brokers, its clock and whoever pushes; all of it belongs to the event loop.
final class BrokerRuntime: RunningBroker.Owner {
  let front: BrokerFront
  let settings: BrokerSettings
  let loop: any EventLoop
  private let installation: BrokerInstallation?
  private let onRecord: (BrokerRecord) -> Void
  private var brokers: [BrokerSide: RunningBroker] = [:]
  /// Those that were started, as long as something of them may come.
  private var launched: [RunningBroker] = []
  private(set) var ports: [BrokerTransport: Int] = [:]
  private var completions: [Int: (PushResult) -> Void] = [:]
  private var timer: Scheduled<Void>?
  private var isClosed = false
  /// Those that are not to be started anew by themselves.
  private var stopped: Set<BrokerSide> = []
  var control: (any Channel)?

  init(
    _ core: PlatformCore,
    _ settings: BrokerSettings,
    _ installation: BrokerInstallation?,
    on loop: any EventLoop,
    onRecord: @escaping (BrokerRecord) -> Void
  ) {
    var front = BrokerFrontSettings()
    front.assumptions = settings.assumptions
    self.front = BrokerFront(core, front)
    self.settings = settings
    self.installation = installation
    self.loop = loop
    self.onRecord = onRecord
  }

  // MARK: Brokers

  /// The sides that have a transport.
  private var sides: [BrokerSide] {
    BrokerSide.allCases.filter { side in settings.ports.keys.contains { $0.side == side } }
  }

  /// Starts the brokers that there are to be, one after the other; the ports once all of them listen.
  func start() -> EventLoopFuture<[BrokerTransport: Int]> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    var all = loop.makeSucceededVoidFuture()
    for side in sides { all = all.flatMap { bound.value.start(side, tries: 5) } }
    return all.map { bound.value.ports }
  }

  /// Starts a broker; where a port was to be any free one, and somebody else was faster, with another one.
  private func start(_ side: BrokerSide, tries: Int) -> EventLoopFuture<Void> {
    guard let installation, !isClosed else {
      return loop.makeFailedFuture(BrokerError("there is no such transport"))
    }
    var listeners: [(transport: BrokerTransport, port: Int)] = []
    var isFree = false
    for transport in BrokerTransport.allCases where transport.side == side {
      guard let wanted = settings.ports[transport] else { continue }
      var port = ports[transport] ?? wanted
      if port == 0 {
        isFree = true
        guard let found = BrokerConfiguration.freePort(settings.host) else {
          return loop.makeFailedFuture(
            BrokerError(
              "no free port was found on \(settings.host): give an address of this machine in digits, such as "
                + "127.0.0.1"
            )
          )
        }
        port = found
      }
      listeners.append((transport, port))
    }
    let (chosen, canRetry) = (listeners, isFree && tries > 1)
    let broker = RunningBroker(side, on: loop, owner: self)
    brokers[side] = broker
    launched.removeAll { !$0.isLeft && brokers[$0.side] !== $0 }
    launched.append(broker)
    let bound = NIOLoopBound(self, eventLoop: loop)
    return broker.start(installation, settings, listeners).map {
      for (transport, port) in chosen { bound.value.ports[transport] = port }
    }
    .flatMapError { error in
      let runtime = bound.value
      let reason = (error as? BrokerError)?.reason ?? "\(error)"
      if canRetry, Self.isPortTaken(reason) { return runtime.start(side, tries: tries - 1) }
      if Self.isPortTaken(reason) {
        let host = runtime.settings.host
        let taken = chosen.filter { !BrokerConfiguration.isFree($0.port, on: host) }
        let names = (taken.isEmpty ? chosen : taken).map {
          "\($0.port) (\($0.transport.rawValue))"
        }
        return runtime.loop.makeFailedFuture(
          BrokerError(
            "\(host) port \(names.joined(separator: ", or ")) is in use by another program: choose another one, or 0 "
              + "for any free one",
            isPortTaken: true
          )
        )
      }
      let places = chosen.map { "\($0.transport.rawValue) \($0.port)" }.joined(separator: ", ")
      return runtime.loop.makeFailedFuture(
        BrokerError("mosquitto does not listen on \(runtime.settings.host), \(places): \(reason)")
      )
    }
  }

  /// Whether mosquitto says that another socket has one of its ports; of a listener of WebSockets it gives no reason.
  private static func isPortTaken(_ reason: String) -> Bool {
    reason.contains("in use") || reason.contains("Unable to create websockets listener")
  }

  func handle(_ event: BrokerEvent, of broker: RunningBroker) {
    guard brokers[broker.side] === broker else { return }
    if event == .hello(isComplete: false) {
      say(
        "mosquitto \(installation?.version ?? "") is not 2.0: each refused CONNECT gets 5, "
          + "and wills are passed over"
      )
    }
    apply(front.handle(event, from: broker.side, at: Self.now()))
  }

  func handleEnd(of broker: RunningBroker, reason: String) {
    guard brokers[broker.side] === broker else { return }
    brokers[broker.side] = nil
    apply(front.handleEnd(of: broker.side, at: Self.now()))
    guard !isClosed, !stopped.contains(broker.side), !broker.isStopped else { return }
    say("mosquitto has ended (\(reason)); it is started anew in a second")
    restart(broker.side, after: .seconds(1))
  }

  func handleComplaint(_ text: String, of broker: RunningBroker) { say("mosquitto: \(text)") }

  private func restart(_ side: BrokerSide, after wait: TimeAmount) {
    loop.assumeIsolated().scheduleTask(in: wait) {
      guard !self.isClosed, !self.stopped.contains(side), self.brokers[side] == nil else { return }
      let bound = NIOLoopBound(self, eventLoop: self.loop)
      self.start(side, tries: 1).whenComplete { result in
        switch result {
        case .success: bound.value.say("mosquitto listens again")
        case .failure(let error):
          bound.value.brokers[side] = nil
          bound.value.say(
            "\((error as? BrokerError)?.reason ?? "\(error)"); another try in 5 seconds"
          )
          bound.value.restart(side, after: .seconds(5))
        }
      }
    }
  }

  /// Starts a broker on the ports that it had; where another socket has one of them meanwhile, as the one that a client
  /// connects from, it is tried again until then.
  private func startAgain(_ side: BrokerSide, until end: Instant) -> EventLoopFuture<Void> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return start(side, tries: 1).flatMapError { error in
      let runtime = bound.value
      runtime.brokers[side] = nil
      let isTaken = (error as? BrokerError)?.isPortTaken == true
      guard isTaken, Self.now() < end, !runtime.isClosed, !runtime.stopped.contains(side) else {
        return runtime.loop.makeFailedFuture(error)
      }
      return runtime.loop.assumeIsolated().scheduleTask(in: .milliseconds(200)) {}.futureResult
        .flatMap { bound.value.startAgain(side, until: end) }
    }
  }

  /// Ends the brokers as a crash does, and with `restarts` starts them anew on the same ports.
  func endBrokers(restarts: Bool) -> EventLoopFuture<Void> {
    let sides = sides
    stopped = Set(sides)
    for side in sides {
      guard let broker = brokers[side] else { continue }
      brokers[side] = nil
      broker.stop()
      apply(front.handleEnd(of: side, at: Self.now()))
    }
    say("mosquitto is ended, as it was asked for")
    guard restarts else { return loop.makeSucceededVoidFuture() }
    stopped = []
    let bound = NIOLoopBound(self, eventLoop: loop)
    let end = Self.now() + Milliseconds(10_000)
    var all = loop.makeSucceededVoidFuture()
    for side in sides { all = all.flatMap { bound.value.startAgain(side, until: end) } }
    return all.map { bound.value.say("mosquitto listens again") }
  }

  /// Ends all of it; the loop may end once that has succeeded.
  func close() -> EventLoopFuture<Void> {
    isClosed = true
    timer?.cancel()
    control?.close(promise: nil)
    for broker in brokers.values { broker.stop() }
    brokers = [:]
    return .andAllComplete(launched.map { $0.waitForEnd() }, on: loop)
  }

  // MARK: What follows

  /// Sends what the platform has to say to a device; `completion` is told how that ends.
  func push(_ request: PushRequest, _ completion: @escaping (PushResult) -> Void) {
    let (start, output) = front.push(request, at: Self.now())
    switch start {
    case .ended(let result):
      apply(output)
      completion(result)
    case .waiting(let number):
      completions[number] = completion
      apply(output)
    }
  }

  func apply(_ output: BrokerFront.Output) {
    // First the records: whoever has the answer can rely on the record's being there.
    for record in output.records { onRecord(record) }
    for (side, order) in output.orders { brokers[side]?.send(order) }
    for (number, result) in output.endings { completions.removeValue(forKey: number)?(result) }
    schedule()
  }

  private func schedule() {
    timer?.cancel()
    timer = nil
    guard let deadline = front.pollTimeout(), !isClosed else { return }
    let wait = max(0, (deadline - Self.now()).count)
    timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
      self.apply(self.front.handleTimeout(at: Self.now()))
    }
  }

  private func say(_ text: String) {
    var record = BrokerRecord(.broker, at: Self.now())
    record.note = text
    onRecord(record)
  }

  static func now() -> Instant {
    Instant(milliseconds: Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000))
  }
}
