// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDriver
internal import DurableReports
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformMQTT
internal import ReportLink
internal import SystemClocks

/// The link of a gateway.
typealias AgentLink = GatewayLink<AgentLayer, SystemRandom>

/// Puts the sub-devices of the configuration on the gateway's link; an error ends the process.
@inline(never)
func makeGatewayLink(
  _ configuration: borrowing Configuration,
  _ identity: DeviceIdentity,
  _ device: consuming MQTTLink<AgentLayer, SystemRandom>
) -> AgentLink {
  var settings = GatewaySettings()
  settings.readsReplies = configuration.choice(.replies) == 0
  settings.isForOnce = configuration.arguments.isOnce
  // With `--once` the gateway does not listen, and nor do they.
  if settings.isForOnce { settings.downlinks = DownlinkKinds() }
  let method: SubDeviceSignMethod =
    switch configuration.signMethod {
    case .hmacSHA1: .hmacSHA1
    case .hmacMD5: .hmacMD5
    case .hmacSHA256: .hmacSHA256
    }
  var random = SystemRandom()
  let now = MonotonicClock.now()
  var link = AgentLink(
    identity: identity,
    device: device,
    settings: settings,
    firstRequestID: UInt32(truncatingIfNeeded: random.next() >> 33),
    randomness: SystemRandom()
  )
  link.device.staysConnected = !configuration.arguments.isOnce
  SubDeviceList.read(configuration) { identity, secret in
    do throws(SubDeviceError) {
      let number = try link.sessions.add(identity, secret: secret, signMethod: method)
      if !settings.isForOnce { try link.sessions.logIn(number, at: now) }
      return nil
    } catch {
      switch error {
      case .unknown: return "it is not there"
      case .isGateway: return "it is the gateway itself"
      case .isThere: return "it is given twice"
      case .tooMany: return "a gateway has at most 1500 sub-devices"
      case .secret: return "its secret has 1 to 128 bytes"
      }
    }
  }
  return link
}

/// What the agent asks of its own device's link.
extension GatewayLink where Layer: ~Copyable {
  var counters: MQTTLinkCounters { device.counters }
  var lastDrop: MQTTDrop? { device.lastDrop }
  var rest: (reason: RestReason, until: Instant) { device.rest }
  var failure: MQTTLinkFailure { device.failure }

  /// The code of the reply that refused a report.
  func replyCode(of id: UInt64) -> UInt64? { device.replyCode(of: id) }
}

/// Sub-devices, and what is told of them.
extension Agent {
  /// The sub-device that the message of the last event `downlink` is for.
  var subDevice: DeviceIdentity? {
    guard let number = driver.reports.link.sessions.number(ofTopic: driver.reports.downlinkTopic)
    else { return nil }
    return driver.reports.link.sessions.identity(of: number)
  }

  /// Whether a topic is the gateway's own, one of its sub-devices', or nobody's.
  func isKnown(_ topic: Span<UInt8>) -> Bool {
    driver.reports.link.sessions.number(ofTopic: topic) != nil
      || driver.reports.link.sessions.book.isOpen(topic)
  }

  /// Why a line with that topic is not taken; `nil` where it is.
  ///
  /// Reports of sub-devices that are not let in may take half of the outbox, and then 16 more of each as long as an
  /// eighth is free: the rest is for the others.
  mutating func objection(to topic: Span<UInt8>) -> LineOutcome? {
    // It would wait for its login for ever.
    guard isKnown(topic) else { return .device }
    guard !driver.reports.hasHalf, let number = driver.reports.link.shutOutDevice(of: topic) else {
      return nil
    }
    if driver.reports.hasAmpleRoom, driver.reports.link.takeSpare(number) { return nil }
    if driver.reports.link.noteShare(number) {
      show("warning sub-device-share ", number, nil, Milliseconds(0))
    }
    return .shutOut
  }

  /// Whether all that is left waits for sub-devices which nobody is about to let in.
  var isLeftWaiting: Bool {
    isShut && !driver.reports.link.awaitsLogins
  }

  /// Whether all that waits is for sub-devices that are not let in, by a platform that lets in the gateway.
  private var isShut: Bool { driver.reports.isShut && driver.reports.link.isAuthenticated }

  /// Notes since when nothing that waits can be sent.
  mutating func noteShut(at now: Instant) {
    if !isShut { extras.shutSince = nil } else if extras.shutSince == nil { extras.shutSince = now }
  }

  /// Whether lines are read although there is no room: nothing that waits can be sent before a sub-device is let in,
  /// and none is on the way, or for a minute nothing has come of it.
  var isStuck: Bool {
    if isLeftWaiting { return true }
    guard let since = extras.shutSince else { return false }
    return MonotonicClock.now() - since >= AgentExtras.shutPatience
  }

  /// Tells what has happened to sub-devices.
  mutating func watchSubDevices() {
    while let event = driver.reports.link.pollGatewayEvent() {
      switch event {
      case .session(.online), .listening: continue
      case .session(.offline(_, .disconnected, _)): continue
      case .session(.offline(let number, let reason, let wait)):
        show("warning sub-device-offline ", number, reason, wait)
      case .session(.refused(let number, let reason, let wait)):
        show("warning sub-device-refused ", number, reason, wait)
      case .session(.unnamed(let reason, let id)):
        line.start("warning sub-device-error id=")
        line.add(id)
        add(reason)
        log(&line)
      case .deaf(let number): show("warning sub-device-deaf ", number, nil, Milliseconds(0))
      }
    }
    while let path = driver.reports.link.pollStranger() {
      line.start("warning reports-of-unknown-device ")
      line.add(path.span)
      log(&line)
    }
    guard driver.reports.link.sessions.count > 0 else { return }
    let (online, expected) = (
      driver.reports.link.sessions.onlineCount, driver.reports.link.sessions.expectedCount
    )
    // Once nobody is on the way.
    guard expected == 0, online != extras.toldOnline else { return }
    extras.toldOnline = online
    line.start("info sub-devices online=")
    line.add(UInt64(online))
    line.add(" of=")
    line.add(UInt64(driver.reports.link.sessions.count))
    log(&line)
  }

  private mutating func show(
    _ text: StaticString,
    _ number: Int,
    _ reason: SubDeviceReason?,
    _ wait: Milliseconds?
  ) {
    guard let identity = driver.reports.link.sessions.identity(of: number) else { return }
    line.start(text)
    line.add(identity.productKey.bytes)
    line.add("/")
    line.add(identity.deviceName.bytes)
    if let reason { add(reason) }
    if let wait, wait.count > 0 {
      line.add(" wait=")
      line.add(UInt64(wait.count + 999) / 1_000)
    } else if wait == nil {
      // Nothing changes by itself.
      line.add(" given-up")
    }
    log(&line)
  }

  private mutating func add(_ reason: SubDeviceReason) {
    line.add(" reason=")
    switch reason {
    case .code(let code):
      line.add("code code=")
      line.add(UInt64(clamping: code))
    case .disconnected: line.add("disconnected")
    case .silence: line.add("silence")
    case .loggedOut: line.add("logged-out")
    case .signing: line.add("signing-failed")
    }
  }
}
