// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
public import ConstrainedCore
public import DeviceStore
internal import Platform
internal import PlatformCoAP
public import ReportLink
internal import SecurityLayer

/// How a session continues after a restart; `DurableReports` does all of this over a
/// `SessionStore`.
extension CoAPLink where Security: ~Copyable {
  /// Continues from the `record` written by an earlier session.
  ///
  /// A token that is not `isUsable`, because it may have expired, is still remembered: if the
  /// platform issues it again, its numbers continue. The key is derived again from the device
  /// secret and the record's random, so that there is one secret less on disk.
  public mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {
    security.importChannel(record.channel.bytes)
    do throws(SecurityError) {
      try Self.establish(&security, secret: secret, random: record.random.bytes)
    } catch {
      // Without a key the token is useless; `/auth` gets another one.
      return
    }
    token = record.token
    keyRandom = record.random
    tracker = SequenceTracker(offset: record.ceiling, limit: record.ceiling)
    isTokenKept = true
    isKeyConfirmed = false
    authentication = isUsable ? .done : .none
  }

  /// The state that the owner has to store now; `nil` if there is none.
  ///
  /// A report waits for it. Check it after each step.
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

  /// Writes the token, the random from which its key is derived and the secure channel into
  /// `record`, and the last used sequence number as its ceiling.
  ///
  /// The owner raises the ceiling before storing it. Numbers up to the ceiling may then be used
  /// (`keep`), and after a restart the session starts above it.
  public func write(into record: inout SessionRecord) {
    record.token = token
    record.random = keyRandom
    record.ceiling = tracker?.last ?? 0
    record.channel.write { (writer: inout ByteWriter) in
      // A channel that is too long for the record is created again after a restart.
      try? security.exportChannel(into: &writer)
    }
  }

  /// Records that the owner has stored the token, and that numbers up to `ceiling` may be used:
  /// they are not used again after a restart.
  public mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) {
    isTokenKept = true
    tracker?.raiseLimit(to: ceiling)
    guard report.phase == .awaitingStore else { return }
    if authentication == .done { return sendReport(at: now) }
    report.phase = .awaitingToken
    connect(at: now)
  }

  /// `delay` plus a random time of up to half of it, so that many devices do not return at once.
  public mutating func spread(_ delay: Milliseconds) -> Milliseconds {
    delay + delay.scaled(by: Int64(widening: nextSpread() >> 1), over: .max)
  }
}
