// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import Platform

/// Decides what becomes of a configuration that the platform offers (device guide 6.7 and 6.12): it is fetched until it
/// is there, and then handed over until somebody has taken or refused it, over restarts too.
///
/// Order of calls: `take` for each offer; when `wantsFile` says so, fetch it, then `fetched` or `fetchFailed`; when
/// `wantsTaker` says so, hand it over, then `taken`, `refused` or `takerFailed`. The owner keeps what `writeState` writes
/// after each change, and begins with `init(kept:)` after a restart. No heap.
public struct ConfigurationPush: Sendable {
  private enum Stage: UInt8 {
    case none, wanted, fetched, taken, refused, givenUp
  }

  /// A configuration's id; empty for one of sub-devices.
  public private(set) var id = FixedBytes<128>()
  /// Where it is.
  public private(set) var url = FixedBytes<1_024>()
  /// The SHA-256 of the file.
  public private(set) var digest = FixedBytes<32>()
  /// The size in bytes; `nil` where the platform has not said it.
  public private(set) var size: UInt64?
  private var stage = Stage.none
  private var failures: UInt8 = 0
  private var next = Instant(milliseconds: .min)

  /// How often a file or its taker is tried: for a day, as long as the address of a file is good.
  private static var maxTries: UInt8 { 150 }
  private static var firstWait: Milliseconds { Milliseconds(5_000) }
  private static var longestWait: Milliseconds { Milliseconds(600_000) }

  /// Starts without a configuration.
  public init() {}

  /// Takes in an offer of at most `limit` bytes.
  ///
  /// One of SHA-256 alone: the dispatcher has refused others.
  public mutating func take(
    _ offer: borrowing @_addressable FileOffer,
    limit: UInt64,
    at now: Instant
  ) -> ConfigurationDecision {
    guard case .sha256(let sum) = offer.digest else { return .unknownDigest }
    if offer.size > limit { return .tooLarge }
    let isSame = stage != .none && digest.bytes.isEqual(to: sum.bytes)
    if isSame, stage == .taken { return .known }
    url = offer.url
    id = offer.version
    size = offer.givenSize
    digest = sum
    failures = 0
    next = now
    if isSame, stage == .fetched { return .goesOn }
    let goesOn = isSame && stage == .wanted
    stage = .wanted
    return goesOn ? .goesOn : .start
  }

  /// Whether it is to be fetched now.
  public func wantsFile(at now: Instant) -> Bool { stage == .wanted && now >= next }

  /// Whether it is to be handed over now.
  public func wantsTaker(at now: Instant) -> Bool { stage == .fetched && now >= next }

  /// When one of these is due; `nil` where neither will be.
  public var deadline: Instant? { stage == .wanted || stage == .fetched ? next : nil }

  /// Whether it is being fetched, or has yet to be.
  public var isWanted: Bool { stage == .wanted }

  /// The file is there, and is the one that was offered.
  public mutating func fetched(at now: Instant) {
    guard stage == .wanted else { return }
    stage = .fetched
    failures = 0
    next = now
  }

  /// The file is not there any more, or is another one: it is fetched anew.
  public mutating func lost(at now: Instant) {
    guard stage == .fetched else { return }
    stage = .wanted
    next = now
  }

  /// The file could not be fetched; the wait before the next try, `nil` where there is none.
  ///
  /// `random` spreads the wait.
  public mutating func fetchFailed(
    mayPass: Bool,
    at now: Instant,
    random: UInt32
  ) -> Milliseconds? {
    guard stage == .wanted else { return nil }
    return fail(mayPass: mayPass, at: now, random)
  }

  /// The file that was handed over was taken; says nothing of one that was offered since.
  public mutating func taken() { if stage == .fetched { stage = .taken } }

  /// The file that was handed over was refused for good: only another offer brings it again.
  ///
  /// Says nothing of one that was offered since.
  public mutating func refused() { if stage == .fetched { stage = .refused } }

  /// Nobody could take it for now; the wait before the next try, `nil` where there is none.
  public mutating func takerFailed(at now: Instant, random: UInt32) -> Milliseconds? {
    guard stage == .fetched else { return nil }
    return fail(mayPass: true, at: now, random)
  }

  private mutating func fail(mayPass: Bool, at now: Instant, _ random: UInt32) -> Milliseconds? {
    failures &+= 1
    guard mayPass, failures < Self.maxTries else {
      stage = .givenUp
      return nil
    }
    var wait = Self.firstWait
    var doublings = failures &- 1
    while doublings > 0, wait < Self.longestWait {
      wait = wait + wait
      doublings &-= 1
    }
    wait = min(wait, Self.longestWait)
    // Up to a half more.
    let half = UInt64(bitPattern: wait.count) &>> 1
    let more = (UInt64(widening: random) &* half) &>> 32
    wait = wait + Milliseconds(Int64(bitPattern: more))
    next = now + wait
    return wait
  }

  // MARK: - Over a restart

  /// What stands before the id and the address: the stage, how often it has failed, the id's count, the address's count
  /// (2 bytes, the high one first), whether the size is known, the size (8 bytes, the highest first), the digest (32).
  private static var headCount: Int { digestPlace + 32 }
  private static var sizePlace: Int { 6 }
  private static var digestPlace: Int { sizePlace + 8 }

  /// Starts with what `writeState` wrote before the program ended; without a configuration where that is damaged.
  public init(kept state: Span<UInt8>) {
    let head = Self.headCount
    guard state.count >= head, let stage = Stage(rawValue: state[0]) else { return }
    let idCount = Int(state[2])
    let urlCount = Int(state[3]) << 8 | Int(state[4])
    guard state.count == head + idCount + urlCount else { return }
    do throws(CapacityError) {
      try digest.replace(with: state.extracting(Self.digestPlace..<head))
      try id.replace(with: state.extracting(head..<(head + idCount)))
      try url.replace(with: state.extracting((head + idCount)..<state.count))
    } catch {
      return
    }
    if state[5] == 1 {
      var bytes: UInt64 = 0
      for index in 0..<8 { bytes = bytes &<< 8 | UInt64(widening: state[Self.sizePlace + index]) }
      size = bytes
    }
    self.stage = stage
    failures = state[1]
  }

  /// Writes what `init(kept:)` reads, at most 1,198 bytes; nothing without a configuration.
  public func writeState(into output: inout ByteWriter) throws(CapacityError) {
    guard stage != .none else { return }
    try output.append(stage.rawValue)
    try output.append(failures)
    try output.append(UInt8(truncatingIfNeeded: id.count))
    try output.append(UInt8(truncatingIfNeeded: url.count &>> 8))
    try output.append(UInt8(truncatingIfNeeded: url.count))
    try output.append(size == nil ? 0 : 1)
    let bytes = size ?? 0
    for index in 0..<8 {
      try output.append(
        UInt8(truncatingIfNeeded: bytes &>> UInt64(widening: UInt32(56 - 8 * index)))
      )
    }
    try output.append(digest.bytes)
    try output.append(id.bytes)
    try output.append(url.bytes)
  }
}

/// What becomes of a configuration that was offered.
public enum ConfigurationDecision: Sendable {
  /// It is new, and will be fetched.
  case start
  /// It is the one that is under way: its address may be another one.
  case goesOn
  /// It was taken already.
  case known
  /// It is larger than the limit, and not fetched.
  case tooLarge
  /// Its digest is not SHA-256, and it is not fetched.
  case unknownDigest
}
