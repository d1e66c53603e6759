// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// When a device connects again: a state machine without a clock and without randomness.
///
/// Order of calls: connect at or after `notBefore`; `handleConnected` when the platform has accepted, `handleEnding`
/// when the connection has ended or did not come about. `random` is 32 random bits.
///
/// Two devices with one identity throw each other out. The platform says so to a client that asked for it; without
/// a word a second orderly close within the hour is taken for it. Both together connect at most four times in the
/// first hour either way.
public struct ReconnectPolicy: Sendable {
  /// Nothing is sent before this instant.
  public private(set) var notBefore = Instant(milliseconds: .min)

  /// Why it rests until then.
  public private(set) var reason = RestReason.none

  private let settings: ReconnectSettings
  /// Tries in a row without a connection that lasted.
  private var failures = 0
  private var kicks = 0
  private var refusals = 0
  private var connectedAt: Instant?
  /// When the platform closed a connection in order, which was answered by connecting at once.
  private var closedAt: Instant?

  /// A device that may connect at once.
  public init(_ settings: ReconnectSettings = ReconnectSettings()) { self.settings = settings }

  /// Whether a connection stands.
  public var isConnected: Bool { connectedAt != nil }

  /// Takes in that the platform has accepted the device.
  public mutating func handleConnected(at now: Instant) {
    connectedAt = now
    refusals = 0
    reason = .none
  }

  /// Takes in how a connection, or the try to make one, has ended.
  public mutating func handleEnding(
    _ ending: ConnectionEnding,
    at now: Instant,
    random: UInt32
  ) {
    settle(at: now)
    switch ending {
    case .failed: backOff(.failed, at: now, random)
    case .lost: backOff(.lost, at: now, random)
    case .malformed: backOff(.malformed, at: now, random)
    case .oversized: backOff(.oversized, at: now, random)
    case .closed:
      if let first = closedAt, now - first < settings.closePeriod {
        reason = .suspectedTwin
        rest(until: first + settings.closePeriod)
      } else {
        closedAt = now
        reason = .closed
        rest(until: now)
      }
    case .closedAtReport: backOff(.closed, at: now, random)
    case .kicked:
      reason = .kicked
      let wait = doubled(settings.kickRest, kicks, limit: settings.restLimit)
      kicks += 1
      rest(until: now + wait + half(of: wait, random))
    case .refused(.unavailable):
      backOff(.refused(.unavailable), at: now, random)
    case .refused(let code):
      reason = .refused(code)
      restAfterRefusal(at: now, random)
    case .unauthenticated:
      reason = .unauthenticated
      restAfterRefusal(at: now, random)
    }
  }

  private mutating func restAfterRefusal(at now: Instant, _ random: UInt32) {
    let wait = doubled(settings.refusalRest, refusals, limit: settings.restLimit)
    refusals += 1
    rest(until: now + wait + half(of: wait, random))
  }

  private mutating func backOff(_ why: RestReason, at now: Instant, _ random: UInt32) {
    reason = why
    let wait = doubled(settings.retry, failures, limit: settings.retryLimit)
    failures += 1
    rest(until: now + wait + half(of: wait, random))
  }

  /// Draws from how long the connection lasted whether earlier trouble is over.
  private mutating func settle(at now: Instant) {
    guard let start = connectedAt else { return }
    connectedAt = nil
    if now - start >= settings.steadyAfter { failures = 0 }
    if now - start >= settings.kickMemory { kicks = 0 }
  }

  private mutating func rest(until instant: Instant) { notBefore = instant }

  private func doubled(_ first: Milliseconds, _ times: Int, limit: Milliseconds) -> Milliseconds {
    var wait = first
    for _ in 0..<min(times, 16) where wait < limit { wait = wait + wait }
    return min(wait, limit)
  }

  /// A random part of half of a wait.
  private func half(of wait: Milliseconds, _ random: UInt32) -> Milliseconds {
    Milliseconds((wait.count / 2 &* Int64(widening: random &>> 16)) &>> 16)
  }
}

/// How a connection, or the try to make one, has ended.
public enum ConnectionEnding: Equatable, Sendable {
  /// No connection came about: no network, no server, or a TLS handshake that failed.
  case failed
  /// The platform did not accept the device.
  case refused(ConnackCode)
  /// The platform did not authenticate it over HTTPS, or does not take the token that it has just given (device guide
  /// 3.2).
  case unauthenticated
  /// It broke: an error of the network, or silence.
  case lost
  /// The platform sent what is not MQTT: the device ended it.
  case malformed
  /// The platform announced or sent more than the device takes: the device ended it.
  case oversized
  /// The platform closed it in order, without a word.
  case closed
  /// The same, at a report to a topic at which it has closed one before: it is the topic, not another device.
  case closedAtReport
  /// The platform said that the same identity has connected elsewhere.
  case kicked
}

/// Why a device does not connect yet.
public enum RestReason: Equatable, Sendable {
  /// It may connect.
  case none
  /// The last try failed.
  case failed
  /// The connection broke.
  case lost
  /// The device ended the connection, because the platform sent what is not MQTT.
  case malformed
  /// The device ended the connection, because the platform announced or sent more than it takes.
  case oversized
  /// The platform closed the connection in order: the device may connect at once.
  case closed
  /// The same identity has connected elsewhere, as the platform said.
  case kicked
  /// The platform closed two connections within the hour: another device may have the same identity.
  case suspectedTwin
  /// The platform does not accept the device.
  case refused(ConnackCode)
  /// The platform does not authenticate the device over HTTPS, or does not take its token.
  case unauthenticated
}

/// How long a device rests; the values that fit most devices are set.
public struct ReconnectSettings: Sendable {
  #if DEVICE_ONLY
  // As they are: neither the agent nor the C library exposes them.
  /// The wait after the first failure; it doubles each time, and a random half is added.
  public var retry: Milliseconds { Milliseconds(1_000) }
  /// The longest such wait, without the random half.
  public var retryLimit: Milliseconds { Milliseconds(300_000) }
  /// The rest after the first kick; it doubles each time, and a random half is added.
  public var kickRest: Milliseconds { Milliseconds(1_800_000) }
  /// The rest after the first refusal; it doubles each time, and a random half is added.
  public var refusalRest: Milliseconds { Milliseconds(1_800_000) }
  /// The longest rest after a kick or a refusal, without the random half: 4 hours.
  public var restLimit: Milliseconds { Milliseconds(14_400_000) }
  /// Within this time of an orderly close that was answered at once another one is not.
  public var closePeriod: Milliseconds { Milliseconds(3_600_000) }
  /// So long a topic waits at whose report the platform has closed a connection.
  public var suspicion: Milliseconds { Milliseconds(120_000) }
  #else
  /// The wait after the first failure; it doubles each time, and a random half is added.
  public var retry = Milliseconds(1_000)
  /// The longest such wait, without the random half.
  public var retryLimit = Milliseconds(300_000)
  /// The rest after the first kick; it doubles each time, and a random half is added.
  public var kickRest = Milliseconds(1_800_000)
  /// The rest after the first refusal; it doubles each time, and a random half is added.
  public var refusalRest = Milliseconds(1_800_000)
  /// The longest rest after a kick or a refusal, without the random half: 4 hours.
  public var restLimit = Milliseconds(14_400_000)
  /// Within this time of an orderly close that was answered at once another one is not.
  public var closePeriod = Milliseconds(3_600_000)
  /// So long a topic waits at whose report the platform has closed a connection: longer than two devices of one identity,
  /// which connect within 40 s each, take to close each other's connections.
  public var suspicion = Milliseconds(120_000)
  #endif

  /// After so long a connection counts as one that lasted.
  var steadyAfter: Milliseconds { Milliseconds(60_000) }
  /// After so long a connection earlier kicks are forgotten: a day.
  var kickMemory: Milliseconds { Milliseconds(86_400_000) }

  /// The settings that fit most devices.
  public init() {}
}
