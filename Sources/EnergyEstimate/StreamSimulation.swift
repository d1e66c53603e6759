// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import RadioModel

/// A connection of its own for each report, as it was rehearsed, over the radio model.
///
/// Bytes and segments are those of the rehearsal; their times and their loss are the model's. Every flight waits for the
/// one before it. A lost segment comes again after TCP's timeout (RFC 6298): 1 second before a round trip has been
/// measured, then three times the first one, doubled each time.
struct StreamSimulation {
  private let plan: ReportPlan
  private let rehearsal: StreamRehearsal
  private let tokenLifetime = 7 * 86_400_000.0
  private var meter: RadioMeter
  private var path: RadioPath<SplitMix>
  private var estimate: ReportEstimate
  private var timeout = 1_000.0
  private var time = 0.0

  /// Headers of IPv4 and TCP (RFC 791, RFC 9293) beyond those of UDP that the model counts.
  private static var headers: Int { 12 }
  /// TCP gives up after as many repetitions (Linux: tcp_syn_retries, tcp_retries2 cut short by our own timeouts).
  private static var limit: Int { 6 }

  init(_ plan: ReportPlan, _ model: RadioModel, _ rehearsal: StreamRehearsal, seed: UInt64) {
    self.plan = plan
    self.rehearsal = rehearsal
    meter = RadioMeter(model, plan.habits, at: 0)
    path = RadioPath(model, plan.habits, random: SplitMix(seed: seed))
    estimate = ReportEstimate(plan: plan)
  }

  mutating func run(for duration: Double) -> ReportEstimate {
    let count = max(1, Int(duration / plan.interval))
    var waiting = 0
    var tokenEnd = -Double.infinity
    for number in 0..<count {
      time = max(time, Double(number) * plan.interval)
      meter.recordsSpans = number == 2 || count < 3 && number == 0
      waiting += 1
      estimate.reports += 1
      while waiting > 0 {
        let authenticates = plan.transport == .https && time >= tokenEnd
        guard deliver(authenticates ? rehearsal.first : rehearsal.ordinary) else {
          estimate.unanswered += 1
          break
        }
        if authenticates {
          tokenEnd = time + tokenLifetime
          estimate.authentications += 1
        }
        if let code = rehearsal.refusal {
          estimate.refused += 1
          estimate.refusal = code
        } else {
          estimate.acknowledged += 1
        }
        waiting -= 1
      }
    }
    let end = max(time, Double(count) * plan.interval)
    meter.recordsSpans = false
    meter.advance(to: end)
    estimate.account = meter.account
    estimate.event = meter.spans
    estimate.duration = end
    estimate.waiting = waiting
    return estimate
  }

  /// One connection; `false` where it broke.
  private mutating func deliver(_ session: StreamSession) -> Bool {
    estimate.handshakes += 1
    timeout = 1_000
    let begun = time
    // SYN, and SYN with ACK; until it comes the device repeats its own, whether lost or late.
    guard exchangeSYN() else { return false }
    timeout = max(1_000, 3 * (time - begun))
    // One more of the device ends the connection.
    var (emptyUp, emptyDown) = (session.emptyUp - 2, session.emptyDown - 1)
    let purposes = session.purposes(
      report: plan.payload.count + plan.topicName.utf8.count
    )
    let last = session.flights.count - 1
    for (index, flight) in session.flights.enumerated() {
      // What acknowledges a flight without bytes of its own, in proportion.
      let left = last - index + 1
      let empty = flight.isUp ? emptyUp / left : emptyDown / left
      if flight.isUp { emptyUp -= empty } else { emptyDown -= empty }
      guard send(flight, purposes[index], empty) else { return false }
    }
    // The end of the connection, and what is left.
    for _ in 0..<emptyDown { _ = meter.receive(Self.headers, for: .control, at: time) }
    for _ in 0..<emptyUp { time = meter.send(Self.headers, for: .control, .more, at: time) }
    time = meter.send(Self.headers, for: .control, .last, at: time)
    return true
  }

  private mutating func exchangeSYN() -> Bool {
    var answer = Double.infinity
    var next = time
    for attempt in 0...Self.limit where next < answer {
      let purpose: TrafficPurpose = attempt == 0 ? .handshake : .retransmission
      if attempt > 0 { estimate.retransmissions += 1 }
      let sent = meter.send(Self.headers, for: purpose, .more, at: next)
      if !path.isLost(), !path.isLost() {
        answer = min(answer, sent + path.delay() + path.delay())
      }
      next = sent + timeout * Double(1 << attempt)
    }
    guard answer.isFinite else {
      time = next
      return false
    }
    time = meter.receive(Self.headers, for: .handshake, at: answer) ?? answer
    return true
  }

  private mutating func send(
    _ flight: StreamSession.Flight,
    _ purpose: TrafficPurpose,
    _ empty: Int
  ) -> Bool {
    var rest = flight.bytes
    var arrival = time
    while rest > 0 {
      let bytes = min(rest, StreamSession.segment)
      rest -= bytes
      guard let end = pass(bytes, purpose, flight.isUp) else { return false }
      arrival = max(arrival, end)
    }
    for _ in 0..<empty {
      if flight.isUp {
        time = meter.send(Self.headers, for: .control, .more, at: time)
      } else {
        _ = meter.receive(Self.headers, for: .control, at: arrival)
      }
    }
    time = max(time, arrival)
    return true
  }

  /// A segment, as often as it takes; when it arrives, or `nil` where it never does.
  private mutating func pass(_ bytes: Int, _ purpose: TrafficPurpose, _ isUp: Bool) -> Double? {
    var wait = timeout
    for attempt in 0...Self.limit {
      let purpose = attempt == 0 ? purpose : .retransmission
      if attempt > 0 { estimate.retransmissions += 1 }
      let isLost = path.isLost()
      if isUp {
        let sent = meter.send(bytes + Self.headers, for: purpose, .more, at: time)
        time = sent
        if !isLost { return sent + path.delay() }
      } else if !isLost {
        let arrival = time + path.delay()
        return meter.receive(bytes + Self.headers, for: purpose, at: arrival) ?? arrival
      }
      estimate.lost += 1
      time += wait
      wait *= 2
    }
    return nil
  }
}
