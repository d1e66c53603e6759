// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import ConstrainedCore
public import RadioModel
public import TrafficLedger

/// Packets that a device really sent and received, for a radio model to price.
public struct TrafficReplay: Sendable {
  /// One packet.
  public struct Passage: Equatable, Sendable {
    /// When it was sent or received.
    public enum Moment: Equatable, Sendable {
      /// At a time, in milliseconds since the first.
      case at(Double)
      /// So many milliseconds after the one before it.
      case after(Double)
      /// With this one the device wakes up, for so many times the interval.
      case wakeUp(Int)
    }

    /// When.
    public var moment: Moment
    /// Whether the device sent it.
    public var isUp: Bool
    /// Its bytes with the headers of IP.
    public var bytes: Int
    /// What for.
    public var purpose: TrafficPurpose
  }

  /// The packets in order.
  public private(set) var passages: [Passage]
  /// The reports among them.
  public var reports: Int
  /// The answers to reports among them.
  private let answers: UInt64
  /// The answers to requests for a token.
  private let tokens: UInt64
  /// From the first report of a capture to the last, in milliseconds.
  private let reportSpan: Double

  /// Packets at the times at which they were captured.
  public init(_ capture: CaptureTraffic) {
    passages = capture.passages
    reports = max(1, capture.reports)
    answers = capture.ledger[.answer, .down].datagrams
    tokens = capture.ledger[.authentication, .down].datagrams
    // Of times that run backwards nothing is known.
    reportSpan = capture.runsBackwards ? 0 : capture.reportSpan ?? 0
  }

  /// Lets a radio send and receive them as `plan` has it: what it used.
  public func run(_ plan: ReportPlan, _ model: RadioModel) -> ReportEstimate {
    var meter = RadioMeter(model, plan.habits, at: 0)
    var estimate = ReportEstimate(plan: plan)
    var time = 0.0
    for (index, passage) in passages.enumerated() {
      switch passage.moment {
      case .at(let moment): time = max(time, moment)
      case .after(let wait): time += wait
      case .wakeUp(let number): time = max(time, Double(number) * plan.interval)
      }
      let bytes = max(0, passage.bytes - Int(model.network.headers))
      if passage.isUp {
        if passage.purpose == .retransmission { estimate.retransmissions += 1 }
        let isLast = isLast(index, model.network.inactivity)
        let hint: ReleaseHint = !isLast ? .more : passage.purpose == .control ? .last : .oneAnswer
        time = meter.send(bytes, for: passage.purpose, hint, at: time)
      } else if let end = meter.receive(bytes, for: passage.purpose, at: time) {
        time = end
      } else {
        estimate.unreachable += 1
      }
    }
    // After the last report there is as much time as between two of them.
    let spacing = reports > 1 ? reportSpan / Double(reports - 1) : 0
    let end = max(time, Double(reports) * max(plan.interval, spacing))
    meter.advance(to: end)
    estimate.account = meter.account
    estimate.reports = reports
    estimate.isReplay = true
    estimate.acknowledged = Int(min(answers, UInt64(reports)))
    estimate.authentications = Int(clamping: tokens)
    estimate.duration = end
    return estimate
  }

  /// Whether the device sends nothing after it before the network would let it go.
  private func isLast(_ index: Int, _ patience: Double) -> Bool {
    var wait = 0.0
    for next in (index + 1)..<max(index + 1, passages.count) {
      switch (passages[next].moment, passages[index].moment) {
      case (.wakeUp, _): return true
      case (.at(let later), .at(let now)): wait = later - now
      case (.after(let more), _): wait += more
      default: break
      }
      if wait > patience { return true }
      if passages[next].isUp { return false }
    }
    return true
  }
}

// MARK: - From a ledger

extension TrafficReplay {
  /// What cannot be replayed.
  public enum Failure: Error, Equatable, Sendable {
    /// The number of reports is not 1 to 1,000,000.
    case reports(Int)
    /// A report has more than a hundred packets, a packet more than 65,535 bytes, or there are more than 1,000,000
    /// packets.
    case excessive
    /// The device has sent nothing.
    case empty
  }

  /// The packets of a ledger, spread evenly over as many wake-ups as there were reports; each has its purpose's mean
  /// size, and the model's headers where the ledger has none.
  ///
  /// A ledger has no times: an answer comes after the class's median round trip, what is sent again after the timeout
  /// of `plan`. A token and a handshake come before the report.
  public init(
    _ ledger: TrafficLedger,
    reports: Int,
    _ plan: ReportPlan,
    _ model: RadioModel
  )
    throws(Failure)
  {
    guard (1...1_000_000).contains(reports) else { throw .reports(reports) }
    guard ledger.total(.up).datagrams > 0 else { throw .empty }
    let roundTrip = model[plan.habits.coverage].roundTripMedian
    let timeout = Double(plan.timing.acknowledgementTimeout.count)
    var flows: [Flow] = []
    for purpose in [
      TrafficLedger.Purpose.handshake, .authentication, .report, .retransmission, .answer,
      .acknowledgement, .keepAlive,
    ] {
      let wait =
        purpose == .retransmission ? timeout : purpose == .acknowledgement ? 0 : roundTrip
      for direction in [TrafficLedger.Direction.up, .down] {
        let flow = try Flow(ledger, purpose, direction, reports, wait, model.network.headers)
        if flow.packets > 0 { flows.append(flow) }
      }
    }
    guard flows.contains(where: \.isUp) else { throw .empty }
    guard flows.reduce(0, { $0 + $1.packets }) <= CaptureTraffic.limit else { throw .excessive }
    var passages: [Passage] = []
    for number in 0..<reports {
      var isFirst = true
      for flow in flows {
        let count = flow.count(of: number, reports)
        guard count > 0 else { continue }
        for index in 0..<count {
          let isFlight = flow.purpose != .retransmission && (flow.isUp || index > 0)
          let wait = isFlight ? 0 : flow.wait
          passages.append(
            Passage(
              moment: isFirst ? .wakeUp(number) : .after(wait),
              isUp: flow.isUp,
              bytes: flow.bytes,
              purpose: flow.purpose
            )
          )
          isFirst = false
        }
      }
    }
    self.passages = passages
    self.reports = reports
    answers = ledger[.answer, .down].datagrams
    tokens = ledger[.authentication, .down].datagrams
    reportSpan = 0
  }

  /// What went one way for one purpose.
  private struct Flow {
    let purpose: TrafficPurpose
    let isUp: Bool
    let packets: Int
    /// The mean size with headers, and with its share of what records add.
    let bytes: Int
    let wait: Double

    init(
      _ ledger: TrafficLedger,
      _ purpose: TrafficLedger.Purpose,
      _ direction: TrafficLedger.Direction,
      _ reports: Int,
      _ wait: Double,
      _ headers: Double
    ) throws(Failure) {
      self.purpose = purpose.traffic
      self.wait = wait
      isUp = direction == .up
      let count = ledger[purpose, direction]
      let all = ledger.total(direction).datagrams
      guard count.datagrams <= UInt64(reports) * 100 else { throw .excessive }
      packets = Int(count.datagrams)
      guard packets > 0 else {
        bytes = 0
        return
      }
      // A handshake's datagrams have no records that carry messages.
      let sealed = all - ledger[.handshake, direction].datagrams
      var mean = Double(count.bytes) / Double(packets)
      let counted = ledger[.headers, direction].bytes
      mean += counted > 0 ? Double(counted) / Double(all) : headers
      if purpose != .handshake, sealed > 0 {
        mean += Double(ledger[.overhead, direction].bytes) / Double(sealed)
      }
      guard mean <= 65_535 else { throw .excessive }
      bytes = Int(mean.rounded())
    }

    /// How many of them belong to the report of that number.
    func count(of number: Int, _ reports: Int) -> Int {
      (number + 1) * packets / reports - number * packets / reports
    }
  }
}

extension TrafficLedger.Purpose {
  /// The same among those of a radio.
  var traffic: TrafficPurpose {
    switch self {
    case .authentication: .authentication
    case .handshake: .handshake
    case .report: .report
    case .answer: .answer
    case .retransmission: .retransmission
    case .acknowledgement, .overhead, .keepAlive, .headers: .control
    }
  }
}
