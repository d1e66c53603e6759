// SPDX-License-Identifier: Apache-2.0
/// What a datagram is for, as far as bytes and blocks are counted.
public enum TrafficPurpose: String, Sendable, CaseIterable {
  /// `POST /auth` and its answer.
  case authentication
  /// What the security layer says for itself: a DTLS or TLS handshake.
  case handshake
  /// A report, sent for the first time.
  case report
  /// The answer to a report.
  case answer
  /// An acknowledgement, a Reset, or another datagram without a report or an answer.
  case control
  /// Anything sent again because no answer came.
  case retransmission
  /// A periodic tracking area update, which the modem makes by itself.
  case update
}

/// What energy goes into: the blocks of a purpose, or a state of the radio.
public enum EnergyCause: Hashable, Sendable {
  /// Blocks sent or received for that purpose, with the pauses between them.
  case traffic(TrafficPurpose)
  /// From sleep to the first block.
  case wakeUp
  /// Connected between two blocks: waiting for an answer, or for the time to send again.
  case waiting
  /// Connected after the last block, until the network releases the radio.
  case tail
  /// Idle, listening to paging.
  case idle
  /// Asleep in PSM.
  case sleep

  /// All causes, in the order of a report.
  public static let all: [EnergyCause] =
    [.wakeUp] + TrafficPurpose.allCases.map { .traffic($0) } + [.waiting, .tail, .idle, .sleep]

  /// Its name in a table.
  public var name: String {
    switch self {
    case .traffic(let purpose): purpose.rawValue
    case .wakeUp: "wake-up"
    case .waiting: "waiting"
    case .tail: "tail"
    case .idle: "idle"
    case .sleep: "sleep"
    }
  }

  var index: Int {
    switch self {
    case .wakeUp: 0
    case .traffic(.authentication): 1
    case .traffic(.handshake): 2
    case .traffic(.report): 3
    case .traffic(.answer): 4
    case .traffic(.control): 5
    case .traffic(.retransmission): 6
    case .traffic(.update): 7
    case .waiting: 8
    case .tail: 9
    case .idle: 10
    case .sleep: 11
    }
  }
}

/// What went one way for one purpose.
public struct TrafficCount: Equatable, Sendable {
  /// Datagrams.
  public var datagrams = 0
  /// Their payload in bytes: what stands behind the headers of IP and UDP.
  public var bytes = 0
  /// Their headers of IP and UDP in bytes.
  public var headers = 0
  /// Radio blocks, without repetitions.
  public var blocks = 0

  /// Nothing yet.
  public init() {}

  /// Adds another count.
  public static func += (left: inout TrafficCount, right: TrafficCount) {
    left.datagrams += right.datagrams
    left.bytes += right.bytes
    left.headers += right.headers
    left.blocks += right.blocks
  }
}

/// What a radio has sent, received and used.
public struct RadioAccount: Equatable, Sendable {
  /// By purpose; empty where traffic is not counted.
  private var sent: [TrafficCount]
  private var received: [TrafficCount]
  private var joules = [Double](repeating: 0, count: EnergyCause.all.count)
  /// How often the radio woke up.
  public internal(set) var wakeUps = 0
  /// How long the radio was connected, in milliseconds.
  public internal(set) var connected: Double = 0

  /// Nothing yet.
  public init() { self.init(countsTraffic: true) }

  /// Nothing yet; without `countsTraffic` there will be energy and no traffic.
  init(countsTraffic: Bool) {
    let count = countsTraffic ? TrafficPurpose.allCases.count : 0
    sent = Array(repeating: TrafficCount(), count: count)
    received = sent
  }

  /// What was sent for a purpose; nothing where traffic is not counted.
  public func sent(_ purpose: TrafficPurpose) -> TrafficCount {
    sent.isEmpty ? TrafficCount() : sent[Self.index(purpose)]
  }

  /// What was received for a purpose; nothing where traffic is not counted.
  public func received(_ purpose: TrafficPurpose) -> TrafficCount {
    received.isEmpty ? TrafficCount() : received[Self.index(purpose)]
  }

  /// All that was sent.
  public var allSent: TrafficCount { sent.reduce(into: TrafficCount()) { $0 += $1 } }

  /// All that was received.
  public var allReceived: TrafficCount { received.reduce(into: TrafficCount()) { $0 += $1 } }

  /// The energy of a cause in joules.
  public func energy(_ cause: EnergyCause) -> Double { joules[cause.index] }

  /// All energy in joules.
  public var energy: Double { joules.reduce(0, +) }

  /// What of the energy went into area updates, with their wake-ups and tails, in joules.
  public internal(set) var updateEnergy: Double = 0

  /// The energy in joules but for what the device would use if it never reported.
  public var activeEnergy: Double { energy - energy(.idle) - energy(.sleep) - updateEnergy }

  /// Makes everything so many times as much, to the nearest whole datagram, byte and block.
  public mutating func scale(by factor: Double) {
    func scaled(_ number: Int) -> Int { Int((Double(number) * factor).rounded()) }
    func scaled(_ count: TrafficCount) -> TrafficCount {
      var count = count
      count.datagrams = scaled(count.datagrams)
      count.bytes = scaled(count.bytes)
      count.headers = scaled(count.headers)
      count.blocks = scaled(count.blocks)
      return count
    }
    sent = sent.map { scaled($0) }
    received = received.map { scaled($0) }
    joules = joules.map { $0 * factor }
    updateEnergy *= factor
    wakeUps = scaled(wakeUps)
    connected *= factor
  }

  /// Adds another account.
  public static func += (left: inout RadioAccount, right: RadioAccount) {
    for (index, count) in right.sent.enumerated() where !left.sent.isEmpty {
      left.sent[index] += count
    }
    for (index, count) in right.received.enumerated() where !left.received.isEmpty {
      left.received[index] += count
    }
    for index in left.joules.indices { left.joules[index] += right.joules[index] }
    left.updateEnergy += right.updateEnergy
    left.wakeUps += right.wakeUps
    left.connected += right.connected
  }

  mutating func addSent(_ purpose: TrafficPurpose, _ count: TrafficCount) {
    if !sent.isEmpty { sent[Self.index(purpose)] += count }
  }

  mutating func addReceived(_ purpose: TrafficPurpose, _ count: TrafficCount) {
    if !received.isEmpty { received[Self.index(purpose)] += count }
  }

  mutating func add(_ energy: Double, _ cause: EnergyCause) { joules[cause.index] += energy }

  private static func index(_ purpose: TrafficPurpose) -> Int {
    switch purpose {
    case .authentication: 0
    case .handshake: 1
    case .report: 2
    case .answer: 3
    case .control: 4
    case .retransmission: 5
    case .update: 6
    }
  }
}
