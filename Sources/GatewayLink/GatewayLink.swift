// SPDX-License-Identifier: Apache-2.0
internal import Alink
public import ConstrainedCore
public import GatewaySessions
public import MQTTLayer
public import MQTTLink
internal import PayloadCoding
public import Platform
internal import ReportLink

/// A gateway on the platform over MQTT: its own link, and over the same connection those of its sub-devices (device
/// guide 5 and 6.2 to 6.4).
///
/// A report's topic says whose it is. One of a sub-device goes out while that is online; above an outbox
/// (`DurableReports`) the others wait there, without holding up anybody, and follow right after the login. A report that
/// was under way when its sub-device's session ended goes out again after the next login, because the platform may have
/// dropped it.
///
/// After each login one SUBSCRIBE asks for all that the platform sends to that sub-device. Nothing of this takes one of
/// the link's 32 places, because the filters follow from the names. There is no filter for all sub-devices: the platform has
/// no wildcard in place of a name that is not its own.
///
/// Order of calls: that of a `ReportLink`, and `pollGatewayEvent` until it gives `nil` after each `pollLinkEvent` or
/// `pollEvent` that gave `nil`. `sessions` takes commands at any time; `handleTimeout` carries them out. `setDate` or
/// `setClock` says the time for the signs.
///
/// Memory: that of the link, about 1 KB a sub-device, and what a batch or a request takes while it is written.
public struct GatewayLink<Layer: MQTTLayer & ~Copyable, Randomness: RandomSource>: ~Copyable {
  /// The gateway's own link.
  public var device: MQTTLink<Layer, Randomness>
  /// Who is online, and who is to be.
  public var sessions: SubDeviceSessions<Randomness>

  let settings: GatewaySettings
  /// The time of the last call that told it.
  var now = Instant(milliseconds: .min)
  /// The calendar's time at `clockInstant`, in milliseconds since 1970; 0 where it is not known.
  var clock: UInt64 = 0
  var clockInstant = Instant(milliseconds: 0)
  /// The indices of the filters of sessions.
  var sessionFilters: [Int] = []
  /// Whether the sessions know that the connection stands.
  var isReady = false
  /// When the outbox is told next of those that have come online.
  var nextOpening = Instant(milliseconds: .min)
  /// The sub-devices that are to be subscribed, in order of their logins.
  var listeners: [Int] = []
  /// By when the platform must have answered one of these requests; `nil` without any.
  var listeningEnd: Instant?
  var reports = InlineArray<16, SubDeviceReport>(repeating: SubDeviceReport())
  var events = EventQueue<GatewayEvent>()
  /// How the last report ended, where the link's own word is not the last one.
  var changedEnding: ReportEnding?
  #if !hasFeature(Embedded)
  /// Whether `takeObserved` gives what `pollLinkEvent` has seen.
  package var isObserved = false
  var observed: [ObservedEvent] = []
  #endif

  /// A report of a sub-device that the link has.
  struct SubDeviceReport {
    /// Its id in the outbox.
    var id: UInt64 = 0
    /// The sub-device; -1 where the place is free.
    var number = -1
    /// Which of its sessions it went out in.
    var sessionCount: UInt32 = 0
    /// The id in its payload.
    var messageID: UInt64 = 0
  }

  /// A gateway without sub-devices; ids of requests count on from `firstRequestID`.
  ///
  /// The link stays connected, which `device.staysConnected` changes.
  public init(
    identity: DeviceIdentity,
    device: consuming MQTTLink<Layer, Randomness>,
    settings: GatewaySettings = GatewaySettings(),
    firstRequestID: UInt32,
    randomness: Randomness
  ) {
    self.device = device
    self.settings = settings
    sessions = SubDeviceSessions(
      gateway: identity,
      settings: settings.sessions,
      firstRequestID: firstRequestID,
      randomness: randomness
    )
    guard settings.servesSubDevices else { return }
    self.device.staysConnected = true
    let filters = sessions.filters
    for place in filters.indices {
      let filter = filters[place]
      let isError = place == filters.count - 1
      do throws(SubscriptionError) {
        let index = try self.device.subscribe(
          to: filter.span,
          quality: isError ? .atLeastOnce : .atMostOnce
        )
        sessionFilters.append(index)
      } catch {
        // The names fit, and the table of a fresh link is empty.
      }
    }
  }

  /// Says what time it is, for the signs of logins: milliseconds since 1970, 0 where that is not known.
  public mutating func setClock(_ milliseconds: UInt64, at now: Instant) {
    clock = milliseconds
    clockInstant = now
  }

  /// What happened to sub-devices since the last call, in order; `nil` when that is all.
  public mutating func pollGatewayEvent() -> GatewayEvent? { events.next() }

  /// What happened since the last call, as the gateway's own link tells it; `nil` when that is all.
  public mutating func pollEvent() -> MQTTLinkEvent? {
    while true {
      guard let event = device.pollEvent() else {
        advance()
        return nil
      }
      switch event {
      case .connected:
        takeReadiness()
        return event
      case .disconnected, .closed, .connectFailed:
        loseConnection()
        return event
      case .subscription(let index, _) where sessionFilters.contains(index): takeReadiness()
      case .subscriptions(let number, let isGranted): takeSubscription(number, isGranted)
      case .downlink: if !takeMessage() { return event }
      case .report:
        takeReport()
        return event
      case .subscription, .registered, .registrationFailed, .dropped: return event
      }
    }
  }

  // MARK: - Time

  /// Takes in what time it is; call it before `pollEvent`, whenever the descriptor is readable or `pollTimeout` has
  /// come.
  public mutating func handleTimeout(at now: Instant) {
    self.now = now
    device.handleTimeout(at: now)
    // What is due goes out at the end of `pollEvent`, which follows.
  }

  /// When `handleTimeout` is to be called next, an instant of the past when an event waits; `nil` while only the
  /// descriptor is waited for.
  public mutating func pollTimeout() -> Instant? {
    if !events.isEmpty || sessions.book.hasNews || hasNewWants {
      return Instant(milliseconds: .min)
    }
    var earliest = device.pollTimeout()
    guard isReady else { return earliest }
    earliest = earlier(earliest, sessions.pollTimeout())
    if sessions.book.isOpening { earliest = earlier(earliest, nextOpening) }
    return earlier(earliest, listeningEnd)
  }

  /// Sends the requests that are due, and takes in what came of earlier ones.
  private mutating func advance() {
    takeWants()
    guard isReady, device.isConnected else { return }
    sessions.handleTimeout(at: now)
    while let request = sessions.pollTransmit(timestamp: timestamp, at: now) {
      // One for which there is no room is tried again like one that is lost.
      _ = device.send(
        topic: request.topic.span,
        payload: request.payload.span,
        quality: .atMostOnce,
        at: now
      )
    }
    takeSessionEvents()
    if sessions.book.isOpening, now >= nextOpening {
      // All that waits is gone through each time: amid 50 logins a second not for each of them.
      sessions.book.open()
      nextOpening = now + Milliseconds(200)
    }
    expireListening()
    listen()
  }

  /// Whether sub-devices are to log in because reports of theirs wait.
  private var hasNewWants: Bool { settings.isForOnce && sessions.book.hasAwaited }

  /// Has the sub-devices log in whose reports wait, each once, where only those are to.
  private mutating func takeWants() {
    guard hasNewWants else { return }
    for number in sessions.book.takeAwaited() {
      do throws(SubDeviceError) {
        try sessions.logIn(number, at: now)
      } catch {
        // It was removed meanwhile.
      }
    }
    device.staysConnected = sessions.hasWanted
  }

  /// Whether a login that reports wait for is under way or due, or has just come about.
  public var awaitsLogins: Bool {
    sessions.expectedCount > 0 || sessions.book.isOpening || sessions.book.hasNews || hasNewWants
  }

  /// The next device, as `PK/DN`, of which reports wait in the outbox above and which is none of the sub-devices; each
  /// is told once, 16 at most.
  public mutating func pollStranger() -> [UInt8]? { sessions.book.takeStranger() }

  /// The sub-device of a topic, where the platform has refused it, thrown it out, or not answered it, so that nobody
  /// knows how long its reports wait.
  public func shutOutDevice(of topic: Span<UInt8>) -> Int? {
    guard let entry = sessions.book.entry(ofTopic: topic), entry.isShutOut else { return nil }
    return entry.number
  }

  /// Notes that a report of such a sub-device finds no room; whether it is the first one since it was online.
  public mutating func noteShare(_ number: Int) -> Bool {
    guard let entry = sessions.book.entry(number), !entry.hasUsedShare else { return false }
    entry.hasUsedShare = true
    return true
  }

  /// Takes one of the reports that such a sub-device may have whatever others have; whether one was left.
  public mutating func takeSpare(_ number: Int) -> Bool {
    guard let entry = sessions.book.entry(number), entry.spareReports > 0 else { return false }
    entry.spareReports -= 1
    return true
  }

  var timestamp: UInt64 {
    guard clock > 0 else { return 0 }
    return clock &+ UInt64(clamping: (now - clockInstant).count)
  }

  // MARK: - The connection

  /// Tells the sessions of a connection once the platform has answered for all of their filters.
  private mutating func takeReadiness() {
    guard !isReady, device.isConnected else { return }
    for index in sessionFilters where !device.isSettled(index) { return }
    isReady = true
    sessions.handleConnected(at: now)
  }

  private mutating func loseConnection() {
    isReady = false
    listeners.removeAll()
    listeningEnd = nil
    sessions.handleDisconnected(at: now)
    takeSessionEvents()
    guard settings.isForOnce else { return }
    for place in 0..<sessions.book.placeCount {
      if let entry = sessions.book.entry(at: place) { giveUp(entry.number) }
    }
  }

  /// Has a sub-device wanted no more, where each is tried once.
  private mutating func giveUp(_ number: Int) {
    guard settings.isForOnce else { return }
    do throws(SubDeviceError) {
      try sessions.logOut(number, at: now)
    } catch {
      // It was removed meanwhile.
    }
    device.staysConnected = sessions.hasWanted
  }

  private mutating func takeSessionEvents() {
    while let event = sessions.pollEvent() {
      if case .online(let number) = event {
        sessions.book.entry(number)?.listening = .wanted
        listeners.append(number)
      } else if case .unnamed(.code(let code), let id) = event, let number = reporter(of: id) {
        sessions.takeError(code, of: number, at: now)
        continue
      }
      switch event {
      case .refused(let number, _, _): giveUp(number)
      // One that the platform has no session of (520) logs in again at once.
      case .offline(let number, _, let wait) where wait != Milliseconds(0): giveUp(number)
      case .online, .offline, .unnamed: break
      }
      events.append(.session(event))
    }
  }

  // MARK: - What the platform sends

  /// Takes a message of the sessions; whether it is nothing for the owner.
  private mutating func takeMessage() -> Bool {
    // Without sub-devices all messages are the device's own, errors too.
    guard sessions.count > 0 else { return false }
    if sessions.handle(topic: device.downlinkTopic, payload: device.downlinkPayload, at: now) {
      takeSessionEvents()
      return true
    }
    if device.downlinkTopic.ends(with: "/thing/topo/add/notify") { takeAddition() }
    guard let entry = sessions.book.entry(ofTopic: device.downlinkTopic) else { return false }
    // The owner answers all of these.
    switch ending(of: device.downlinkTopic) {
    case .disable: sessions.takeError(522, of: entry.number, at: now)
    case .delete: sessions.takeError(521, of: entry.number, at: now)
    case .enable: sessions.takeEnabled(entry.number, at: now)
    // The link has read the reply to a report.
    case .reply: return device.readsReplies
    case .other: return false
    }
    takeSessionEvents()
    return false
  }

  /// The platform says that sub-devices may be added (device guide 6.3): those of this gateway's that were given up are
  /// tried again.
  private mutating func takeAddition() {
    for number in sessions.numbers(addedBy: device.downlinkPayload) {
      sessions.takeEnabled(number, at: now)
    }
  }

  /// What a message for a sub-device means for its session.
  private enum TopicEnding {
    case disable, enable, delete, reply, other
  }

  private func ending(of topic: Span<UInt8>) -> TopicEnding {
    if topic.ends(with: "/thing/disable") { return .disable }
    if topic.ends(with: "/thing/enable") { return .enable }
    if topic.ends(with: "/thing/delete") { return .delete }
    return topic.ends(with: "/post_reply") ? .reply : .other
  }

  // MARK: - Subscriptions

  /// Asks for what the platform sends to sub-devices that have logged in, as far as there is room.
  private mutating func listen() {
    var count = 0
    while count < listeners.count {
      if let entry = sessions.book.entry(listeners[count]), entry.listening == .wanted {
        guard let filters = filters(of: entry.identity) else {
          entry.listening = .none
          count += 1
          continue
        }
        guard let number = device.subscribe(toAll: filters.span, at: now) else { break }
        let end = now + Milliseconds(60_000)
        entry.listening = .asked(number, until: end)
        listeningEnd = listeningEnd ?? end
      }
      count += 1
    }
    listeners.removeFirst(count)
  }

  /// The filters of a sub-device, each with a zero byte behind it; `nil` without any.
  private func filters(of identity: DeviceIdentity) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16 * 176)
    var count = 0
    do throws(CapacityError) {
      var writer = ByteWriter(bytes.mutableSpan)
      var filters = DownlinkFilters(settings.downlinks)
      while try filters.next(of: identity, into: &writer) != nil { try writer.append(0) }
      if settings.readsReplies {
        // `/sys/PK/DN/thing/event/+/post_reply`
        try writer.append("/sys/")
        try writer.append(identity.productKey.bytes)
        try writer.append(UInt8(ascii: "/"))
        try writer.append(identity.deviceName.bytes)
        try writer.append("/thing/event/+/post_reply")
        try writer.append(0)
      }
      count = writer.count
    } catch {
      preconditionFailure("a filter has 176 bytes at most, and there are 15 kinds")
    }
    guard count > 0 else { return nil }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  private mutating func takeSubscription(_ number: UInt32, _ isGranted: Bool) {
    var isAsked = false
    for place in 0..<sessions.book.placeCount {
      guard let entry = sessions.book.entry(at: place),
        case .asked(let asked, _) = entry.listening
      else { continue }
      guard asked == number else {
        isAsked = true
        continue
      }
      entry.listening = isGranted ? .granted : .refused
      events.append(isGranted ? .listening(entry.number) : .deaf(entry.number))
    }
    if !isAsked { listeningEnd = nil }
  }

  /// Gives up subscriptions that the platform does not answer.
  private mutating func expireListening() {
    guard let end = listeningEnd, now >= end else { return }
    var next: Instant?
    var silent: [Int] = []
    for place in 0..<sessions.book.placeCount {
      guard let entry = sessions.book.entry(at: place),
        case .asked(_, let until) = entry.listening
      else { continue }
      guard until <= now else {
        next = earlier(next, until)
        continue
      }
      entry.listening = .refused
      silent.append(entry.number)
    }
    listeningEnd = next
    for number in silent { events.append(.deaf(number)) }
  }

  // MARK: - Reports

  /// The sub-device of the report whose payload has that id, of those that the link has.
  private func reporter(of messageID: UInt64) -> Int? {
    guard messageID != 0 else { return nil }
    var found: Int?
    for index in 0..<16 where reports[index].number >= 0 {
      guard reports[index].messageID == messageID else { continue }
      // Of two nobody knows which one is meant.
      if let found, found != reports[index].number { return nil }
      found = reports[index].number
    }
    return found
  }

  /// Notes a report that is about to begin; the sub-device that it is of, `nil` for the gateway's own.
  mutating func noteReport(_ id: UInt64, _ topic: Span<UInt8>, _ payload: Span<UInt8>) -> Entry? {
    guard let entry = sessions.book.entry(ofTopic: topic) else { return nil }
    for index in 0..<16 where reports[index].number < 0 {
      reports[index].id = id
      reports[index].number = entry.number
      reports[index].sessionCount = entry.sessionCount
      reports[index].messageID = 0
      // Elsewhere a payload is the product's own affair.
      if topic.starts(with: "/sys/") {
        // One without an id, or none of Alink's, is nobody's error.
        reports[index].messageID = (try? AlinkMessageView<JSONReader>(payload))?.id ?? 0
      }
      break
    }
    return entry
  }

  /// Takes in how a report has ended: one whose sub-device was thrown out meanwhile is to go out again.
  mutating func takeReport() {
    changedEnding = nil
    for index in 0..<16 where reports[index].number >= 0 && reports[index].id == device.endedID {
      let report = reports[index]
      reports[index].number = -1
      let entry = sessions.book.entry(report.number)
      let isGood = entry.map { $0.isOnline && $0.sessionCount == report.sessionCount } ?? false
      guard !isGood, device.isConnected, device.ending.verdict == .delivered else { return }
      changedEnding = Self.shutEnding(wasSent: true)
      return
    }
  }

  /// How a report ends that waits for its sub-device's login.
  static func shutEnding(wasSent: Bool) -> ReportEnding {
    ReportEnding(.later, retryAfter: Milliseconds(-1), wasSent: wasSent)
  }
}
