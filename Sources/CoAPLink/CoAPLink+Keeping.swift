internal import CoAPExchange
public import ConstrainedCore
public import DeviceStore
internal import Platform
internal import PlatformCoAP
public import ReportLink
internal import SecurityLayer

/// How a session goes on after a restart; `DurableReports` does all of it over a `SessionStore`.
extension CoAPLink where Security: ~Copyable {
  /// Goes on with what an earlier session has written into `record`.
  ///
  /// A token that is not `isUsable`, for it may have expired, is remembered all the same: should the
  /// platform give it once more, its numbers go on. The key is made anew of the device secret and the
  /// record's random, so that a disk holds one secret less.
  public mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {
    security.importChannel(record.channel.bytes)
    do throws(SecurityError) {
      try Self.establish(&security, secret: secret, random: record.random.bytes)
    } catch {
      // Without a key the token is of no use; `/auth` brings another one.
      return
    }
    token = record.token
    keyRandom = record.random
    tracker = SequenceTracker(offset: record.ceiling, limit: record.ceiling)
    isTokenKept = true
    isKeyConfirmed = false
    authentication = isUsable ? .done : .none
  }

  /// What the owner has to write down now; `nil` when nothing.
  ///
  /// A report waits for it. Look after each step.
  public var unkept: Unkept? {
    @inline(never)
    get {
      guard settings.isKept, authentication == .done else { return nil }
      guard isTokenKept else { return .token }
      guard security.usesSequence, report.phase == .awaitingStore, let tracker,
        tracker.last == tracker.limit, !tracker.isExhausted
      else { return nil }
      return .numbers
    }
  }

  /// Writes the token, what its key is made of and the secure channel into `record`, and as its ceiling the
  /// last sequence number used.
  ///
  /// The owner raises the ceiling before it writes: numbers up to there may then be used (`keep`), and after
  /// a restart the session starts above it.
  public func write(into record: inout SessionRecord) {
    record.token = token
    record.random = keyRandom
    record.ceiling = tracker?.last ?? 0
    record.channel.write { (writer: inout ByteWriter) in
      // A channel that is too long for the record is made anew after a restart.
      try? security.exportChannel(into: &writer)
    }
  }

  /// Takes in that the owner has kept the token, and that numbers up to `ceiling` may be used: they are not
  /// used again after a restart.
  public mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) {
    isTokenKept = true
    tracker?.raiseLimit(to: ceiling)
    guard report.phase == .awaitingStore else { return }
    if authentication == .done { return sendReport(at: now) }
    report.phase = .awaitingToken
    connect(at: now)
  }

  /// `delay` with a random half added, so that many devices do not come back at once.
  public mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    let half = Int64(nextSpread() >> 1) * (delay.count / 2) / Int64(Int32.max)
    return delay + Milliseconds(half)
  }
}
