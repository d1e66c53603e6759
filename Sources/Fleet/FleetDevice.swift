// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPLink
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceDriver
internal import EitherSecurity
internal import OpenSSLSupport
internal import Platform
internal import RadioModel
internal import ReportLink
internal import SymmetricSecurity

/// One device of a fleet: the real session, a radio, and the numbers of the reports that wait.
///
/// A report is made again from its number when it is sent, so that a device that waits for the platform for a day
/// needs no more memory. It goes on after a failure as a durable device does (`DurableReports`).
final class FleetDevice {
  /// The device's number in the whole fleet.
  let number: Int
  let name: String
  let coverage: Int
  let security: FleetSecurity
  /// When it is to be woken; an entry of the run's queue with another time is out of date.
  var wake = Instant(milliseconds: .max)
  /// Reports that the platform has acknowledged.
  private(set) var delivered = 0
  /// The numbers of those that it has refused for good.
  private(set) var refusals: [UInt32] = []
  /// Reports made so far.
  private(set) var made = 0
  /// Reports that have ended; they end in order.
  private(set) var done = 0
  private var isSending = false
  private var failures = 0
  private var notBefore = Instant(milliseconds: .min)
  private var link: CoAPLink<FleetProtection, SplitMix>
  private(set) var radio: VirtualRadio<SplitMix>
  private let first: Instant
  private let interval: Milliseconds
  /// How many reports it makes in all.
  let total: Int

  init(
    _ number: Int,
    _ plan: FleetPlan,
    _ shared: FleetShare,
    authority: [UInt8],
    at start: Instant
  ) throws(FleetError) {
    self.number = number
    let given = plan.identity(of: number)
    name = given.deviceName
    coverage = plan.radio.kind(of: number, step: 0.618_033_988_749_895)
    security = plan.security.kind(of: number, step: 0.414_213_562_373_095)
    var random = SplitMix(seed: plan.seed &+ UInt64(number) &* 0xD134_2543_DE82_EF95)
    radio = VirtualRadio(
      shared.radios[coverage],
      countsTraffic: false,
      random: SplitMix(seed: random.next()),
      at: start
    )
    let place = (Double(number) + random.fraction()) / Double(plan.devices)
    let phase = Int64(Double(plan.ramp.count) * place)
    first = start + Milliseconds(phase)
    interval = plan.interval
    total = Int(
      max(0, (plan.duration.count - phase + plan.interval.count - 1) / plan.interval.count)
    )
    var settings = DeviceSettings()
    settings.timing = coverage == 2 ? .nbIoTDeep : .nbIoT
    // As the durable device, which waits between its own attempts.
    settings.serverErrorRetries = 0
    let identity: DeviceIdentity
    do throws(IdentityError) {
      identity = try DeviceIdentity(
        productKey: Array(given.productKey.utf8).span,
        deviceName: Array(name.utf8).span
      )
    } catch {
      throw .name("\(given.productKey),\(name)")
    }
    guard let bytes = SecretBytes(copying: given.secret.span) else { throw .library }
    link = CoAPLink(
      identity: identity,
      secret: bytes,
      settings: settings,
      security: FleetProtection(
        try Self.layer(
          security,
          identity,
          given.secret,
          authority,
          settings.timing,
          isVirtual: plan.isVirtual
        ),
        number,
        shared.ciphers
      ),
      randomness: SplitMix(seed: random.next())
    )
  }

  private static func layer(
    _ security: FleetSecurity,
    _ identity: DeviceIdentity,
    _ secret: [UInt8],
    _ authority: [UInt8],
    _ timing: TransmissionParameters,
    isVirtual: Bool
  ) throws(FleetError) -> EitherSecurity {
    var settings = DTLSSettings()
    settings.timing = timing
    settings.clock = isVirtual ? .virtual : .machine
    do throws(DTLSConfigurationError) {
      switch security {
      case .symmetric: return EitherSecurity(SymmetricSecurity())
      case .preSharedKey:
        return EitherSecurity(try DTLSSecurity(identity, secret: secret.span, settings: settings))
      case .certificate:
        return EitherSecurity(
          try DTLSSecurity(
            serverName: Array(FleetWorld.serverName.utf8).span,
            authorities: authority.span,
            settings: settings
          )
        )
      }
    } catch {
      throw .library
    }
  }

  /// The session's traffic.
  var counters: DeviceCounters { link.counters }

  /// Whether it has made all its reports, and none waits.
  var isDone: Bool { made == total && done == total }

  /// How many reports wait.
  var waiting: Int { made - done }

  /// Takes a datagram that the platform has sent.
  func deliver(_ bytes: [UInt8], at now: Instant) {
    let purpose: TrafficPurpose =
      if security != .symmetric, bytes.first != 23 {
        .handshake
      } else {
        link.isAuthenticated ? .answer : .authentication
      }
    radio.sendDown(bytes, for: purpose, at: now)
  }

  /// Does what is due; datagrams that have reached the platform's network and the times of reports go to `scratch`.
  ///
  /// Sets `wake`.
  func step(
    _ plan: FleetPlan,
    at now: Instant,
    _ scratch: inout FleetScratch
  ) {
    while let arrival = radio.receive(by: now) {
      switch arrival.direction {
      case .up: scratch.up.append(arrival.bytes)
      case .down: link.handleDatagram(arrival.bytes.span, at: now)
      }
    }
    link.handleTimeout(at: now)
    takeEvents(at: now, &scratch.times)
    while made < total, due(made + 1) <= now { made += 1 }
    if !isSending, waiting > 0, notBefore <= now { publish(plan, at: now) }
    transmit(&scratch.buffer, at: now)
    takeEvents(at: now, &scratch.times)
    wake = nextWake(after: now)
  }

  private func nextWake(after now: Instant) -> Instant {
    var next = earlier(link.pollTimeout(), radio.nextArrival)
    if made < total { next = earlier(next, due(made + 1)) }
    if !isSending, waiting > 0 { next = earlier(next, notBefore) }
    guard let next else { return Instant(milliseconds: .max) }
    // Time goes on, whatever the session says.
    return max(next, now + Milliseconds(1))
  }

  /// When a report is made, counted from 1.
  private func due(_ number: Int) -> Instant { first + interval * Int64(number - 1) }

  private func publish(_ plan: FleetPlan, at now: Instant) {
    let due = due(done + 1)
    var value = SplitMix(seed: plan.seed &+ UInt64(number) &<< 32 &+ UInt64(done))
    let payload = plan.template.report(
      number: done + 1,
      device: name,
      time: plan.date + due.milliseconds,
      random: Int(value.next() % 100)
    )
    // Made anew: 128 bytes of each device would be a topic that never changes.
    let topic = topic(plan.identity(of: number))
    do throws(DeviceError) {
      _ = try link.publish(topic: topic, payload: payload.span, at: now)
      isSending = true
    } catch {
      // Busy only while a report is under way, and the template is short enough.
      preconditionFailure("a free session takes a report")
    }
  }

  private func topic(_ identity: FleetIdentity) -> Topic {
    do throws(TopicError) { return try Topic(Array(identity.topic.utf8).span) } catch {
      preconditionFailure("the names of an identity make a topic")
    }
  }

  private func takeEvents(at now: Instant, _ times: inout DeliveryTimes) {
    while let event = link.pollEvent() {
      guard case .report(let result) = event else { continue }
      isSending = false
      switch result.verdict {
      case .delivered:
        times.add(now - due(done + 1))
        delivered += 1
        done += 1
        failures = 0
      case .final:
        done += 1
        refusals.append(UInt32(truncatingIfNeeded: done))
        failures = 0
      case .later, .unreachable, .credentials:
        // The waits of `DurableSettings`: 30 s, doubled up to an hour, and up to half of it more.
        let wait = min(
          Milliseconds(30_000) * (1 << Int64(min(failures, 16))),
          Milliseconds(3_600_000)
        )
        notBefore = now + max(link.spread(wait), result.retryAfter)
        failures += 1
      }
    }
  }

  private func transmit(_ buffer: inout [UInt8], at now: Instant) {
    let isLast = waiting <= 1
    while let (bytes, transmission) = nextDatagram(into: &buffer, at: now) {
      var purpose: TrafficPurpose
      var hint = ReleaseHint.more
      switch transmission {
      case .authentication(let attempt): purpose = attempt == 1 ? .authentication : .retransmission
      case .report(let attempt):
        purpose = attempt == 1 ? .report : .retransmission
        if isLast { hint = .oneAnswer }
      case .control:
        purpose = .control
        if isLast { hint = .last }
      case .handshake: purpose = .handshake
      }
      radio.sendUp(bytes, for: purpose, hint, at: now)
    }
  }

  /// The next datagram, in `buffer`, and how long it is.
  private func nextDatagram(
    into buffer: inout [UInt8],
    at now: Instant
  ) -> ([UInt8], DeviceTransmission)? {
    var transmission: DeviceTransmission?
    var count = 0
    do throws(CapacityError) {
      var writer = ByteWriter(buffer.mutableSpan)
      transmission = try link.pollTransmit(into: &writer, at: now)
      count = writer.count
    } catch {
      preconditionFailure("a datagram has at most 1,472 bytes")
    }
    return transmission.map { (Array(buffer[..<count]), $0) }
  }

  /// Closes the radio's account.
  func finish(at end: Instant) { radio.meter.advance(to: Double(end.milliseconds)) }
}

/// What all devices of a fleet have in common, so that each needs less memory.
struct FleetShare {
  /// The radios of coverage classes 0 to 2.
  let radios: [RadioKind]
  let ciphers = FleetCiphers()

  init(_ model: RadioModel) {
    radios = (0...2).map { RadioKind(model, RadioHabits(coverage: $0)) }
  }
}

/// What all devices write to, each in its turn.
struct FleetScratch {
  /// Datagrams that have reached the platform's network.
  var up: [[UInt8]] = []
  /// How long reports took.
  var times = DeliveryTimes()
  /// Where datagrams are written.
  var buffer = [UInt8](repeating: 0, count: 1_472)
}
