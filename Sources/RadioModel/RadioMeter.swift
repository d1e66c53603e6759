// SPDX-License-Identifier: Apache-2.0
/// What a device does with its radio.
public struct RadioHabits: Equatable, Sendable {
  /// The coverage class, 0 to 2.
  public var coverage: Int
  /// Whether the device sleeps in PSM when it is idle.
  public var sleeps: Bool
  /// The cycle of eDRX in milliseconds; `nil` without.
  public var extendedCycle: Double?
  /// Whether the device says when it has nothing more to send, so that the network lets it go.
  public var assistsRelease: Bool
  /// Whose powers are counted.
  public var scope: RadioPowers.Scope

  /// A modem in PSM with release assistance.
  public init(
    coverage: Int,
    sleeps: Bool = true,
    extendedCycle: Double? = nil,
    assistsRelease: Bool = true,
    scope: RadioPowers.Scope = .modem
  ) {
    precondition((0...2).contains(coverage), "a coverage class is 0, 1 or 2")
    self.coverage = coverage
    self.sleeps = sleeps
    self.extendedCycle = extendedCycle
    self.assistsRelease = assistsRelease
    self.scope = scope
  }
}

/// What all radios of one kind have in common: coverage class, network, powers and habits.
///
/// A reference, so that many radios hold it once.
public final class RadioKind: Sendable {
  let coverage: CoverageClass
  let network: RadioNetwork
  let powers: RadioPowers
  let habits: RadioHabits

  /// The kind of radio that a model describes, with those habits.
  public init(_ model: RadioModel, _ habits: RadioHabits) {
    coverage = model[habits.coverage]
    network = model.network
    powers = model.powers(habits.scope)
    self.habits = habits
  }
}

/// What the device says about the traffic to come, as release assistance (3GPP TS 24.301).
public enum ReleaseHint: Equatable, Sendable {
  /// Nothing is expected, and nothing will be sent.
  case last
  /// One answer is expected, and nothing will be sent after it.
  case oneAnswer
  /// More will be sent.
  case more
}

/// A stretch of time with one power.
public struct PowerSpan: Equatable, Sendable {
  /// When it begins, in milliseconds of the meter's clock.
  public var start: Double
  /// How long it lasts, in milliseconds.
  public var duration: Double
  /// The power in watts.
  public var power: Double
  /// What for.
  public var cause: EnergyCause
}

/// A radio's states over time, and the energy of each: feed it with datagrams in the order of time.
///
/// `wake`, `send`, `receive`, then `advance` to close the account. Times are milliseconds of any clock; they never go
/// back. All states are those of 3GPP: connected, idle with paging, asleep.
public struct RadioMeter: Sendable {
  private let kind: RadioKind
  private var coverage: CoverageClass { kind.coverage }
  private var network: RadioNetwork { kind.network }
  private var powers: RadioPowers { kind.powers }
  private var habits: RadioHabits { kind.habits }

  /// What has happened so far.
  public private(set) var account: RadioAccount
  /// Whether `spans` is kept.
  public var recordsSpans = false
  /// What the radio did, while `recordsSpans` was set.
  public private(set) var spans: [PowerSpan] = []

  /// Up to when energy is counted.
  private var counted: Double
  /// When the network lets the radio go; before `counted` where it has.
  private var release: Double
  private var isAnswerLast = false

  /// A radio that is idle at `start`, in PSM asleep.
  public init(_ model: RadioModel, _ habits: RadioHabits, at start: Double) {
    self.init(RadioKind(model, habits), at: start)
  }

  /// The same as one of many; without `countsTraffic` its account has the energy alone, and 576 bytes less.
  public init(_ kind: RadioKind, countsTraffic: Bool = true, at start: Double) {
    self.kind = kind
    account = RadioAccount(countsTraffic: countsTraffic)
    counted = start
    release = start - kind.network.activeTime
  }

  /// Whether the radio is connected at `time`.
  public func isConnected(at time: Double) -> Bool { max(time, counted) < release }

  /// Wakes the radio up as for a datagram; what follows may be sent right away.
  public mutating func wake(at time: Double) {
    advance(to: time, isFollowed: true)
    connect()
    hold(.last)
  }

  /// Sends a datagram, and wakes the radio up before; returns when its last block has been sent.
  public mutating func send(
    _ bytes: Int,
    for purpose: TrafficPurpose,
    _ hint: ReleaseHint,
    at time: Double
  ) -> Double {
    advance(to: time, isFollowed: true)
    connect()
    var count = TrafficCount()
    count.datagrams = 1
    count.bytes = bytes
    count.headers = Int(network.headers)
    count.blocks = blocks(bytes, coverage.uplinkBlock)
    account.addSent(purpose, count)
    transmit(count.blocks, .traffic(purpose))
    hold(hint)
    return counted
  }

  /// Receives a datagram that is at the base station at `time`; returns when the device has it, and `nil` where the
  /// device sleeps and nobody can reach it.
  public mutating func receive(
    _ bytes: Int,
    for purpose: TrafficPurpose,
    at time: Double
  ) -> Double? {
    var arrival = time
    if !isConnected(at: time) {
      guard let paging = paging(at: time) else { return nil }
      arrival += paging
    }
    advance(to: arrival, isFollowed: true)
    connect()
    var count = TrafficCount()
    count.datagrams = 1
    count.bytes = bytes
    count.headers = Int(network.headers)
    count.blocks = blocks(bytes, network.downlinkBlock)
    account.addReceived(purpose, count)
    let duration = Double(count.blocks) * network.downlinkTime * coverage.downlinkRepetitions
    spend(duration, powers.connected, .traffic(purpose))
    account.connected += duration
    if isAnswerLast {
      hold(.last)
    } else {
      release = counted + network.inactivity
    }
    return counted
  }

  /// Counts the energy up to `time`, in which nothing was sent or received.
  public mutating func advance(to time: Double) { advance(to: time, isFollowed: false) }

  // MARK: States

  private mutating func connect() {
    guard counted >= release else { return }
    account.wakeUps += 1
    account.connected += coverage.wakeUp
    spend(coverage.wakeUp, powers.connected, .wakeUp)
    release = counted
  }

  /// The connection after a datagram with that hint.
  private mutating func hold(_ hint: ReleaseHint) {
    isAnswerLast = habits.assistsRelease && hint == .oneAnswer
    release =
      counted
      + (habits.assistsRelease && hint == .last ? network.release : network.inactivity)
  }

  private mutating func transmit(_ blocks: Int, _ cause: EnergyCause) {
    let air = coverage.resourceUnits * network.resourceUnit * coverage.uplinkRepetitions
    for _ in 0..<blocks {
      spend(air, powers.transmitting, cause)
      spend(network.scheduling, powers.connected, cause)
    }
    account.connected += Double(blocks) * (air + network.scheduling)
  }

  private func blocks(_ bytes: Int, _ size: Double) -> Int {
    Int(((Double(bytes) + network.headers + network.controlPlane) / size).rounded(.up))
  }

  /// How long it takes to page a device that is idle; `nil` where it sleeps.
  private func paging(at time: Double) -> Double? {
    if habits.sleeps, time >= release + network.activeTime { return nil }
    // On average half a cycle.
    return (habits.extendedCycle ?? network.pagingCycle) / 2
  }

  private mutating func advance(to time: Double, isFollowed: Bool) {
    guard time > counted else { return }
    if counted < release {
      let end = min(time, release)
      account.connected += end - counted
      spend(end - counted, powers.connected, isFollowed && end == time ? .waiting : .tail)
    }
    // Each update is a connection of its own, and begins a new idle period.
    let period = habits.sleeps ? network.sleepingUpdatePeriod : network.updatePeriod
    while time > counted {
      let update = release + period
      idle(until: min(time, update))
      guard time > update else { return }
      updateArea(until: time)
    }
  }

  private mutating func updateArea(until time: Double) {
    let before = account.energy
    defer { account.updateEnergy += account.energy - before }
    connect()
    var count = TrafficCount()
    count.blocks = blocks(0, coverage.uplinkBlock)
    account.addSent(.update, count)
    transmit(count.blocks, .traffic(.update))
    release = counted + network.release
    guard time > counted else { return }
    let end = min(time, release)
    account.connected += end - counted
    spend(end - counted, powers.connected, .tail)
  }

  private mutating func idle(until time: Double) {
    guard time > counted else { return }
    if habits.sleeps {
      let asleep = min(time, max(counted, release + network.activeTime))
      spend(asleep - counted, idlePower, .idle)
      spend(time - asleep, powers.sleeping, .sleep)
    } else {
      spend(time - counted, idlePower, .idle)
    }
  }

  /// On average over an eDRX cycle, of which the paging window costs what paging without eDRX does.
  private var idlePower: Double {
    guard let cycle = habits.extendedCycle else { return powers.paging }
    let part = min(1, network.pagingWindow / cycle)
    return powers.extendedPaging + (powers.paging - powers.extendedPaging) * part
  }

  private mutating func spend(_ duration: Double, _ power: Double, _ cause: EnergyCause) {
    guard duration > 0 else { return }
    account.add(duration / 1_000 * power, cause)
    if recordsSpans {
      spans.append(PowerSpan(start: counted, duration: duration, power: power, cause: cause))
    }
    counted += duration
  }
}
