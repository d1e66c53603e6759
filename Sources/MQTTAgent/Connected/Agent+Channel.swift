// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import PlatformMQTT
internal import ReportLink
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif

/// The connection of the agent over MQTT.
extension Agent {
  /// Whether lines or requests can come after the end of standard input.
  var staysOpen: Bool {
    #if GATEWAY
    if configuration.has(.onConfiguration) { return true }
    #endif
    return datagrams.isOpen || configuration.has(.onRequest)
  }

  /// What the link waits for.
  var linkDescriptor: Int32 { driver.descriptor }

  /// When the link has something to do.
  var linkDeadline: Instant? { mutating get { driver.reports.pollTimeout() } }

  /// Says goodbye; work in flight stays in the outbox.
  mutating func close() { driver.close(within: Milliseconds(2_000)) }

  /// Looks after what is not the link's own: requests whose time is over, and the command.
  mutating func look(at now: Instant) {
    while let expired = extras.exchange.pollExpired(over: &driver.reports, at: now) {
      extras.command.forget(expired.number)
      warn("warning request-unanswered id=", expired.number)
      log(&line)
    }
    if let ended = extras.command.look(at: now) { answer(ended, at: now) }
    startCommand(at: now)
    #if GATEWAY
    lookAfterConfigurations(at: now)
    #endif
  }

  /// Tells what the link's events do not: refused subscriptions, and why the connection is gone.
  mutating func watch(at now: Instant) {
    while let filter = driver.reports.pollRefusedFilter() {
      line.start("warning subscription-refused filter=")
      line.add(filter.bytes)
      log(&line)
    }
    // The channel tells of one reason at a time.
    let drops = driver.reports.link.counters.dropped
    if drops != extras.toldDrops, let drop = driver.reports.link.lastDrop {
      tell("warning message-dropped", drop.word, UInt64(drops - extras.toldDrops))
      extras.toldDrops = drops
    }
    if let held = extras.drops.take(at: now) {
      tell("warning message-dropped", extras.drops.reason, held)
    }
    if let held = extras.refusals.take(at: now) {
      tell("warning request-refused", extras.refusals.reason, held)
    }
    #if GATEWAY
    watchSubDevices()
    #endif
    let rest = driver.reports.link.rest
    if rest.until != extras.toldRest {
      extras.toldRest = rest.until
      showRest(rest.reason, wait: rest.until - now)
    }
  }

  private mutating func tell(_ what: StaticString, _ reason: StaticString, _ count: UInt64) {
    line.start(what)
    line.add(" reason=")
    line.add(reason)
    line.add(" count=")
    line.add(count)
    log(&line)
  }

  /// Reports why the connection is gone.
  private mutating func showRest(_ reason: RestReason, wait: Milliseconds) {
    var word: StaticString = "broken"
    switch reason {
    case .none, .failed, .refused, .unauthenticated: return
    case .lost: break
    case .malformed: word = "malformed"
    case .oversized: word = "oversized"
    case .closed: word = "closed"
    case .kicked, .suspectedTwin: word = ""
    }
    if word.utf8CodeUnitCount > 0 {
      line.start("warning disconnected reason=")
      line.add(word)
    } else {
      line.start(reason == .kicked ? "warning kicked" : "warning kicked reason=closed-twice")
      extras.isKicked = configuration.arguments.isOnce
    }
    line.add(" wait=")
    line.add(UInt64(max(wait.count, 0) + 999) / 1_000)
    log(&line)
  }

  /// Tells the platform what the configuration asks for after each connect.
  mutating func tell() {
    if configuration.has(.firmwareVersion) { tellFirmware() }
    #if GATEWAY
    if configuration.choice(.fetchConfiguration) == 1 { askForConfiguration() }
    #endif
    guard configuration.has(.desired) else { return }
    var storage = InlineArray<2_048, UInt8>(repeating: 0)
    var topic = Topic()
    let count = writeDesired(
      configuration.bytes(.desired),
      of: extras.identity,
      id: UInt32(truncatingIfNeeded: extras.random.next() >> 33),
      into: storage.mutableSpan,
      &topic
    )
    transmit(topic.bytes.bytes, storage.span.extracting(0..<count))
  }

  /// Tells the platform which firmware runs, or why another one is not fetched.
  @inline(never)
  mutating func tellFirmware(_ failure: UpgradeFailure? = nil) {
    var storage = InlineArray<512, UInt8>(repeating: 0)
    var topic = Topic()
    var count = 0
    let id = UInt32(truncatingIfNeeded: extras.random.next() >> 33)
    do throws(AlinkError) {
      if let failure {
        var request = try AlinkRequest<FirmwareProgress, JSONWriter>(storage.mutableSpan, id: id)
        try request.progress(.failed(failure))
        topic = try request.topic(of: extras.identity)
        count = try request.finish()
      } else {
        var request = try AlinkRequest<FirmwareInform, JSONWriter>(storage.mutableSpan, id: id)
        try request.version(configuration.bytes(.firmwareVersion))
        topic = try request.topic(of: extras.identity)
        count = try request.finish()
      }
    } catch {
      // Version and names were checked.
      return
    }
    transmit(topic.bytes.bytes, storage.span.extracting(0..<count))
  }

  /// Sends what the next connect brings again; it is not kept.
  mutating func transmit(_ topic: Span<UInt8>, _ payload: Span<UInt8>) {
    let isSent = driver.reports.send(
      topic: topic,
      payload: payload,
      quality: .atLeastOnce,
      at: MonotonicClock.now()
    )
    if !isSent { log(Span("warning not-told" as StaticString)) }
  }
}

/// Writes the request for the desired values of properties, whose names have commas between them, and its topic; its
/// length, 0 where one of them is none.
func writeDesired(
  _ names: Span<UInt8>,
  of identity: DeviceIdentity,
  id: UInt32,
  into storage: consuming MutableSpan<UInt8>,
  _ topic: inout Topic
) -> Int {
  do throws(AlinkError) {
    var request = try AlinkRequest<DesiredGet, JSONWriter>(storage, id: id)
    var index = 0
    while true {
      let name = names.word(index, by: UInt8(ascii: ","))
      if name.isEmpty { break }
      let range = name.trimmed(0..<name.count)
      try request.add(name.extracting(range))
      index += 1
    }
    topic = try request.topic(of: identity)
    return try request.finish()
  } catch {
    return 0
  }
}

extension MQTTDrop {
  /// A word for a line.
  fileprivate var word: StaticString {
    switch self {
    case .tooLong: "too-long"
    case .noRoom: "no-room"
    case .topic: "bad-topic"
    case .quality: "quality-2"
    case .acknowledgement: "unsolicited-puback"
    }
  }
}
