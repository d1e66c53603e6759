// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import Platform
internal import RadioModel
internal import ReportLink
internal import SecurityLayer

/// The real client and the simulated platform on one virtual clock, with a `VirtualRadio` between them.
struct ReportSimulation<Security: SecurityLayer & ~Copyable>: ~Copyable {
  private var session: CoAPLink<Security, SplitMix>
  private var platform: SimulatedEnd
  private var radio: VirtualRadio<SplitMix>
  private let model: RadioModel
  private let topic: Topic
  private var now = Self.start
  /// The device's address as the platform sees it: NAT gives it another one after a silence.
  private var address = 1
  private var lastDatagram = Self.start
  private var results: [ReportResult] = []
  private var estimate: ReportEstimate

  private static var start: Instant { Instant(milliseconds: 1_000_000) }

  init(
    _ plan: ReportPlan,
    _ model: RadioModel,
    session: consuming CoAPLink<Security, SplitMix>,
    platform: SimulatedEnd,
    topic: Topic,
    seed: UInt64
  ) {
    self.session = session
    self.platform = platform
    self.model = model
    self.topic = topic
    radio = VirtualRadio(model, plan.habits, random: SplitMix(seed: seed), at: Self.start)
    estimate = ReportEstimate(plan: plan)
  }

  /// Reports until `duration` milliseconds are over, at least once.
  ///
  /// A report that got no answer is sent again at the next wake-up, before the new one, as the durable device does.
  consuming func run(
    for duration: Double,
    _ reportEnded: (@Sendable () -> Void)?
  ) -> ReportEstimate {
    let interval = estimate.plan.interval
    let count = max(1, Int(duration / interval))
    var waiting = 0
    for number in 0..<count {
      let due = Self.start + Milliseconds(Int64(Double(number) * interval))
      now = max(now, due)
      // The third is an ordinary one: the first authenticates, the second may resume for the first time.
      radio.meter.recordsSpans = number == 2 || count < 3 && number == 0
      waiting += 1
      estimate.reports += 1
      for left in stride(from: waiting, to: 0, by: -1) {
        switch report(isLast: left == 1) {
        case .delivered, .refused: waiting -= 1
        case .unanswered: break
        }
        // One attempt at a wake-up without an answer is enough: the next would most likely fare no better.
        guard waiting < left else { break }
      }
      reportEnded?()
    }
    let end = max(
      Double(now.milliseconds),
      Double(Self.start.milliseconds) + Double(count) * interval
    )
    radio.meter.recordsSpans = false
    radio.meter.advance(to: end)
    estimate.account = radio.meter.account
    estimate.event = radio.meter.spans
    estimate.duration = end - Double(Self.start.milliseconds)
    estimate.waiting = waiting
    estimate.lost = radio.lost
    estimate.unreachable = radio.unreachable
    #if LEDGER
    estimate.ledger = session.ledger
    #endif
    estimate.authentications = session.counters.authentications
    estimate.handshakes = session.counters.handshakes
    estimate.resumptions = session.counters.resumptions
    return estimate
  }

  private enum Ending {
    case delivered, refused, unanswered
  }

  private mutating func report(isLast: Bool) -> Ending {
    results.removeAll()
    let (topic, payload) = (topic, estimate.plan.payload)
    do throws(DeviceError) {
      _ = try session.publish(
        topic: topic,
        payload: payload.span,
        format: estimate.plan.format,
        at: now
      )
    } catch {
      return .unanswered
    }
    runUntilIdle(isLast: isLast)
    guard let result = results.last else {
      estimate.unanswered += 1
      return .unanswered
    }
    switch result.outcome {
    case .acknowledged:
      estimate.acknowledged += 1
      return .delivered
    case .rejected:
      estimate.refused += 1
      estimate.refusal = result.replyCode
      return .refused
    default:
      estimate.unanswered += 1
      return .unanswered
    }
  }

  /// Lets time pass until the session has nothing more to do.
  private mutating func runUntilIdle(isLast: Bool) {
    while true {
      step(isLast: isLast)
      if session.isIdle { return }
      guard
        let next = [session.pollTimeout(), platform.pollTimeout(), radio.nextArrival]
          .compactMap({ $0 }).min()
      else { return }
      now = max(now, next)
    }
  }

  private mutating func step(isLast: Bool) {
    while let arrival = radio.receive(by: now) {
      switch arrival.direction {
      case .up:
        for datagram in platform.handle(arrival.bytes, from: address, at: now) {
          let purpose = purpose(ofAnswer: datagram)
          radio.sendDown(datagram, for: purpose, at: now)
        }
      case .down:
        lastDatagram = now
        session.handleDatagram(arrival.bytes.span, at: now)
      }
    }
    session.handleTimeout(at: now)
    for datagram in platform.handleTimeout(at: now) {
      radio.sendDown(datagram, for: .retransmission, at: now)
    }
    while let event = session.pollEvent() {
      if case .report(let result) = event { results.append(result) }
    }
    transmit(isLast: isLast)
  }

  private mutating func transmit(isLast: Bool) {
    var buffer = [UInt8](repeating: 0, count: 1_472)
    while true {
      let transmission: DeviceTransmission?
      let count: Int
      do throws(CapacityError) {
        var writer = ByteWriter(buffer.mutableSpan)
        transmission = try session.pollTransmit(into: &writer, at: now)
        count = writer.count
      } catch {
        preconditionFailure("a datagram has at most 1,472 bytes")
      }
      guard let transmission else { return }
      if Double((now - lastDatagram).count) > model.network.natLifetime { address += 1 }
      lastDatagram = now
      let (purpose, hint) = meaning(of: transmission, isLast: isLast)
      if purpose == .retransmission { estimate.retransmissions += 1 }
      let datagram = Array(buffer[..<count])
      radio.sendUp(datagram, for: purpose, hint, at: now)
    }
  }

  private mutating func meaning(
    of transmission: DeviceTransmission,
    isLast: Bool
  ) -> (TrafficPurpose, ReleaseHint) {
    switch transmission {
    case .authentication(let attempt): (attempt == 1 ? .authentication : .retransmission, .more)
    case .report(let attempt):
      (attempt == 1 ? .report : .retransmission, isLast ? .oneAnswer : .more)
    case .control: (.control, isLast ? .last : .more)
    case .handshake: (.handshake, .more)
    }
  }

  /// What a datagram of the platform is for, from what the device waits for.
  private func purpose(ofAnswer datagram: [UInt8]) -> TrafficPurpose {
    if estimate.plan.security != .symmetric, datagram.first != 23 { return .handshake }
    return session.isAuthenticated ? .answer : .authentication
  }
}
