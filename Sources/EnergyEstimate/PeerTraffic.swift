// SPDX-License-Identifier: Apache-2.0
public import RadioModel

/// What another program sends and receives for one report at each wake-up, as it was measured.
public struct PeerTraffic: Sendable {
  /// Datagrams one way, and those that answer them.
  public struct Exchange: Equatable, Sendable {
    /// The device's datagrams, in bytes of UDP payload.
    public var up: [Int]
    /// The answer's.
    public var down: [Int]
    /// What they are for.
    public var purpose: TrafficPurpose
  }

  /// How it reports.
  public enum Way: Sendable {
    /// In exchanges over UDP; the first timeout in milliseconds, doubled each time, and the number of repetitions.
    case datagrams([Exchange], timeout: Double, repetitions: Int)
    /// In a TCP connection.
    case connection(StreamSession)
  }

  /// Its name.
  public let name: String
  /// Where its bytes come from.
  public let source: String
  /// What it sends.
  let way: @Sendable (_ payload: Int) -> Way

  /// Every peer whose bytes are known.
  public static let all: [PeerTraffic] = [
    PeerTraffic(
      name: "Aliyun's C SDK, a token each time",
      source: "631 B up and 138 down at a wake-up in symmetric mode with a payload of 11 bytes"
    ) { payload in
      // The split is not known: the report is taken to be as ours, which needs the fewest blocks. AES fills payloads up
      // to 16 bytes (device guide 3.6).
      let report = 124 - 16 + (payload / 16 + 1) * 16
      return .datagrams(
        [
          Exchange(up: [507], down: [119], purpose: .authentication),
          Exchange(up: [report], down: [19], purpose: .report),
        ],
        // RFC 7252 Section 4.8.
        timeout: 2_000,
        repetitions: 4
      )
    },
    PeerTraffic(
      name: "libcoap's coap-client, a full handshake each time",
      source:
        "coap-client-openssl 4.3.1, checking the certificate of nbiot simulate; it asks for no token"
    ) { payload in
      .datagrams(
        [
          Exchange(up: [279], down: [44], purpose: .handshake),
          Exchange(up: [295], down: [703], purpose: .handshake),
          Exchange(up: [125], down: [67], purpose: .handshake),
          Exchange(up: [263 - 120 + payload], down: [34], purpose: .report),
          Exchange(up: [31], down: [], purpose: .handshake),
        ],
        // RFC 6347 Section 4.2.4.1.
        timeout: 1_000,
        repetitions: 4
      )
    },
    PeerTraffic(
      name: "mosquitto_pub over TLS, a connection each time",
      source: "mosquitto_pub 2.0.11 at QoS 1 to nbiot simulate"
    ) { payload in
      var session = StreamSession()
      for (isUp, bytes) in [
        (true, 311), (false, 769), (true, 80), (false, 542), (true, 167), (false, 26),
        (true, 199 - 120 + payload), (false, 26), (true, 48),
      ] { session.add(bytes, isUp: isUp) }
      (session.segmentsUp, session.segmentsDown) = (10, 7)
      return .connection(session)
    },
  ]
}

extension ReportEstimator {
  /// What another program would use in this one's place.
  public func run(
    _ peer: PeerTraffic,
    _ plan: ReportPlan,
    for duration: Double
  ) -> ReportEstimate {
    var plan = plan
    plan.peer = peer.name
    switch peer.way(plan.payload.count) {
    case .connection(let session):
      plan.transport = .mqtt
      return run(plan, as: StreamRehearsal(first: session, ordinary: session), for: duration)
    case .datagrams(let exchanges, let timeout, let repetitions):
      var simulation = PeerSimulation(
        plan,
        model,
        exchanges,
        timeout: timeout,
        repetitions: repetitions,
        seed: seed &+ 4
      )
      return simulation.run(for: duration)
    }
  }
}

/// Exchanges over UDP at each wake-up, each after the one before it, over the radio model.
///
/// A side whose timeout has passed sends again, whether or not the answer is under way. Answers that come twice are
/// not counted, nor is a second attempt before the next wake-up: both favour the peer.
struct PeerSimulation {
  private let plan: ReportPlan
  private let exchanges: [PeerTraffic.Exchange]
  private let timeout: Double
  private let repetitions: Int
  private var meter: RadioMeter
  private var path: RadioPath<SplitMix>
  private var estimate: ReportEstimate
  private var time = 0.0

  init(
    _ plan: ReportPlan,
    _ model: RadioModel,
    _ exchanges: [PeerTraffic.Exchange],
    timeout: Double,
    repetitions: Int,
    seed: UInt64
  ) {
    self.plan = plan
    self.exchanges = exchanges
    self.timeout = timeout
    self.repetitions = repetitions
    meter = RadioMeter(model, plan.habits, at: 0)
    path = RadioPath(model, plan.habits, random: SplitMix(seed: seed))
    estimate = ReportEstimate(plan: plan)
  }

  mutating func run(for duration: Double) -> ReportEstimate {
    let count = max(1, Int(duration / plan.interval))
    for number in 0..<count {
      time = max(time, Double(number) * plan.interval)
      meter.recordsSpans = number == 2 || count < 3 && number == 0
      estimate.reports += 1
      if deliver() { estimate.acknowledged += 1 } else { estimate.unanswered += 1 }
    }
    let end = max(time, Double(count) * plan.interval)
    meter.recordsSpans = false
    meter.advance(to: end)
    estimate.account = meter.account
    estimate.event = meter.spans
    estimate.duration = end
    return estimate
  }

  private mutating func deliver() -> Bool {
    for (index, exchange) in exchanges.enumerated() {
      let isLast = index == exchanges.count - 1
      guard !exchange.down.isEmpty else {
        for bytes in exchange.up {
          time = meter.send(bytes, for: exchange.purpose, isLast ? .last : .more, at: time)
        }
        continue
      }
      guard pass(exchange, isLast ? .oneAnswer : .more) else { return false }
    }
    return true
  }

  private mutating func pass(_ exchange: PeerTraffic.Exchange, _ hint: ReleaseHint) -> Bool {
    var answer = Double.infinity
    var next = time
    for attempt in 0...repetitions where next < answer {
      if attempt > 0 { estimate.retransmissions += 1 }
      var arrival = 0.0
      for bytes in exchange.up {
        next = meter.send(
          bytes,
          for: attempt == 0 ? exchange.purpose : .retransmission,
          hint,
          at: next
        )
        arrival = max(arrival, path.isLost() ? .infinity : next + path.delay())
      }
      for _ in exchange.down {
        arrival = max(arrival, path.isLost() ? .infinity : arrival + path.delay())
      }
      if !arrival.isFinite { estimate.lost += 1 }
      answer = min(answer, arrival)
      next += timeout * Double(1 << attempt)
    }
    guard answer.isFinite else {
      time = next
      return false
    }
    time = answer
    let purpose = exchange.purpose == .report ? .answer : exchange.purpose
    for bytes in exchange.down { time = meter.receive(bytes, for: purpose, at: time) ?? time }
    return true
  }
}
