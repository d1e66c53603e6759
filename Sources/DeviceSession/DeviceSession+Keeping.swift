internal import AliyunIoT
public import CoAPSecurity
public import ConstrainedCore

/// What a session goes on with after a restart.
///
/// The key of the symmetric mode is not among it: it is made anew of the device secret and `random`, so
/// that a disk holds one secret less.
public struct KeptToken: Sendable {
  /// The token.
  public var token = FixedBytes<192>()

  /// What the key is made of, in symmetric mode; else empty.
  public var random = FixedBytes<32>()

  /// No sequence number above it has been used under the token.
  public var lastSequence: UInt64 = 0

  /// One without a token.
  public init() {}
}

/// What the owner has to write down before a session goes on; see `DeviceSettings.isKept`.
public enum Unkept: Equatable, Sendable {
  /// A new token.
  case token
  /// Sequence numbers to come: those that were kept are used up.
  case numbers
}

extension DeviceSession where Security: ~Copyable {
  /// Goes on with a token of an earlier session.
  ///
  /// One that is not `isUsable`, for it may have expired, is remembered all the same: should the platform
  /// give it once more, its numbers go on. Throws when there is no key to be made of it.
  public mutating func restore(
    _ kept: borrowing KeptToken,
    isUsable: Bool
  ) throws(SecurityError) {
    try Self.establish(&security, secret: secret, random: kept.random)
    token = kept.token
    keyRandom = kept.random
    tracker = SequenceTracker(offset: kept.lastSequence, limit: kept.lastSequence)
    isTokenKept = true
    isKeyConfirmed = false
    authentication = isUsable ? .done : .none
  }

  /// What the owner has to write down now; `nil` when nothing.
  ///
  /// A report waits for it. Look after each step.
  public var unkept: Unkept? {
    guard settings.isKept, authentication == .done else { return nil }
    guard isTokenKept else { return .token }
    guard security.usesSequence, report.phase == .awaitingStore, let tracker,
      tracker.last == tracker.limit, !tracker.isExhausted
    else { return nil }
    return .numbers
  }

  /// What is to be written down.
  ///
  /// Not `lastSequence` itself, but a number ahead of it: after a restart the session starts above what was
  /// written, however many of the numbers before it were used.
  public var keptToken: KeptToken {
    var kept = KeptToken()
    kept.token = token
    kept.random = keyRandom
    kept.lastSequence = tracker?.last ?? 0
    return kept
  }

  /// Takes in that the owner has kept the token, and that numbers up to `limit` may be used: they are not
  /// used again after a restart.
  public mutating func keep(numbersUpTo limit: UInt64, at now: Instant) {
    isTokenKept = true
    tracker?.raiseLimit(to: limit)
    guard report.phase == .awaitingStore else { return }
    if authentication == .done { return sendReport(at: now) }
    report.phase = .awaitingToken
    connect(at: now)
  }
}
