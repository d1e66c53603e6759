// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore
internal import HTTPSLayer
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
public import ReportLink

/// What an outbox asks of its link.
extension HTTPSLink: ReportLink where Layer: ~Copyable {
  /// Whether a report can begin.
  public var isFree: Bool { phase == .idle && report == nil && !hasEnded }

  /// Whether nothing is under way, and nothing waits to be told.
  public var isIdle: Bool {
    phase == .idle && report == nil && !hasEnded && authenticationEvent == nil && !isClockToTell
  }

  /// Whether the platform has given the device a token, and has not refused it since.
  public var isAuthenticated: Bool { !token.isEmpty }

  #if !SMALL_REPORTS
  /// The settings' limit, at most 131,072 bytes.
  public var payloadLimit: Int { settings.maxBody }
  #endif

  /// Begins to deliver a report: it authenticates first where it must.
  ///
  /// HTTPS says nothing of a payload's format: each is `application/octet-stream` (device guide 3.8).
  public mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    self.now = now
    endedID = id
    guard isFree else {
      ending = ReportEnding(.later)
      return false
    }
    guard payload.count <= settings.maxBody, let topic = try? Topic(topic) else {
      ending = ReportEnding(.final)
      return false
    }
    messageID.removeAll()
    message.removeAll()
    report = Report(
      id: id,
      topic: topic,
      topicKey: FNVHash.of(topic.bytes.bytes),
      count: payload.count
    )
    if layer.hold(payload) {
      goOn()
    } else {
      failure = .memory
      endReport(.unreachable)
    }
    return true
  }

  /// Authenticates now, without a report, where there is no token; an event follows if it does.
  public mutating func authenticate(at now: Instant) {
    self.now = now
    if let tokenSince, now - tokenSince >= settings.tokenLifetime { wipeToken() }
    if phase == .idle, token.isEmpty { authenticate() }
  }

  /// Ends the request under way, because the network failed.
  public mutating func interrupt(at now: Instant) {
    self.now = now
    guard phase != .idle else { return }
    if case .reporting = phase, layer.sends > 0 { report?.wasSent = true }
    phase = .idle
    layer.close()
    failure = .transfer(.broken)
    endReport(.unreachable, wasInterrupted: true)
  }

  /// Drops the token; the next report authenticates.
  public mutating func forgetAuthentication() { wipeToken() }

  /// Ends whatever is under way, without an event, and closes the connection; the token stays.
  public mutating func close() {
    phase = .idle
    report = nil
    hasEnded = false
    authenticationEvent = nil
    isClockToTell = false
    layer.close()
    _ = layer.hold(Span())
  }

  // MARK: - Time and events

  /// Takes in what time it is; call it before `pollEvent`, whenever the descriptor is readable or `pollTimeout` has
  /// come.
  public mutating func handleTimeout(at now: Instant) {
    self.now = now
    switch phase {
    case .idle: break
    case .authenticating(let until), .reporting(let until):
      guard now >= until else { break }
      let wasSent = layer.sends > 0
      layer.cancel()
      takeFailure(.timedOut, wasSent: wasSent)
    case .pausing(let until):
      guard now >= until else { break }
      phase = .idle
      goOn()
    }
  }

  /// When `handleTimeout` is to be called next, an instant of the past when an event waits; `nil` while only the
  /// descriptor is waited for.
  public mutating func pollTimeout() -> Instant? {
    if hasEnded || authenticationEvent != nil || isClockToTell {
      return Instant(milliseconds: .min)
    }
    switch phase {
    case .idle: return nil
    case .authenticating(let until), .reporting(let until), .pausing(let until): return until
    }
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> HTTPSLinkEvent? {
    while true {
      if isClockToTell {
        isClockToTell = false
        return .wrongClock(seconds: clockDifference)
      }
      if let event = authenticationEvent {
        authenticationEvent = nil
        return event
      }
      if hasEnded {
        hasEnded = false
        return .report
      }
      switch layer.pollEvent() {
      case nil: return nil
      case .failed(let reason, let wasSent): takeFailure(reason, wasSent: wasSent)
      case .answered:
        switch phase {
        case .idle, .pausing: continue
        case .authenticating: takeAuthenticationAnswer()
        case .reporting: takeReportAnswer()
        }
      }
    }
  }

  /// What happened since the last call, as far as an outbox has to know; `nil` when that is all.
  public mutating func pollLinkEvent() -> LinkEvent? {
    while let event = pollEvent() {
      switch event {
      case .authenticated: return .authenticated
      case .authenticationFailed: return .authenticationFailed
      case .report: return .report
      case .wrongClock: continue
      }
    }
    return nil
  }

  /// Two seconds with a random half.
  public mutating func firstRetryDelay() -> Milliseconds { spread(settings.retry) }

  /// `delay` with a random half added.
  public mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    delay.spread(by: randomness.nextUInt32())
  }

  // MARK: - State that outlives the process

  /// The token, until the owner has stored it.
  public var unkept: Unkept? { isTokenUnkept ? .token : nil }

  /// None that a later process could resume.
  public var channelCount: Int { 0 }

  /// Takes the token of an earlier process, if it is still good.
  public mutating func restore(
    _ record: borrowing @_addressable SessionRecord,
    isUsable: Bool
  ) {
    wipeToken()
    if isUsable { try? token.replace(with: record.token.bytes) }
  }

  /// Writes the token into `record`; there are no numbers and no channel.
  public func write(into record: inout SessionRecord) {
    record.token = token
    record.random = FixedBytes()
    record.channel = FixedBytes()
    record.ceiling = 0
  }

  /// Notes that the owner has stored the token.
  public mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) { isTokenUnkept = false }
}

extension HTTPSLink: DescriptorLink where Layer: ~Copyable {}
