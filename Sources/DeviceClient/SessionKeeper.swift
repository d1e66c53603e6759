// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import ReportLink
internal import SystemClocks

/// Stores the part of a client's session that outlives the process in a file: token, reserved
/// numbers, DTLS session.
///
/// It does for a link alone what `DurableReports` does for one with an outbox, over the same
/// store.
final class SessionKeeper {
  /// The state of the file when it was opened.
  let finding: SessionFinding

  /// Why the last write of the secure channel's session, or of a token that nothing waits for, failed; it costs the next
  /// start a handshake or an authentication.
  private(set) var failure: StoreError?

  private var store: SessionStore
  private var record = SessionRecord()
  private let settings = DurableSettings()
  private let boot = WallClock.boot()
  /// The number of secure channels established when the record was stored.
  private var keptChannels = 0

  /// Opens and locks the file at that path; refuses a session with another `fingerprint`.
  init(path: [UInt8], fingerprint: FixedBytes<32>) throws(SessionFileError) {
    let file = try SessionFile(path: path.span)
    store = SessionStore()
    store.join(file)
    var found = SessionFinding.none
    let result = store.load(for: fingerprint, into: &record, &found)
    guard result.isGood else { throw .store(result.error) }
    guard found != .foreign else { throw .foreign }
    finding = found == .none ? file.finding : found
    record.fingerprint = fingerprint
  }

  deinit {
    record.token.withStorage { wipe(&$0) }
    record.random.withStorage { wipe(&$0) }
    record.channel.withStorage { wipe(&$0) }
  }

  /// The random of the stored session, from which its key is derived; empty if there is none.
  var random: [UInt8] {
    finding == .found ? record.random.bytes.indices.map { record.random.bytes[$0] } : []
  }

  /// Restores the stored session into a new one.
  func restore<Link: ReportLink & ~Copyable>(_ session: inout Link) {
    guard finding == .found else { return }
    session.restore(record, isUsable: !settings.isExpired(record, at: now(MonotonicClock.now())))
  }

  /// Stores the state that the session waits for; returns `true` if there was any, after which the
  /// session continues.
  ///
  /// Write to disk first: otherwise a used number could be used again by the next process.
  func keep<Link: ReportLink & ~Copyable>(
    _ session: inout Link,
    at now: Instant
  ) throws(StoreError) -> Bool {
    let unkept = session.unkept
    // A resumed session is already on disk.
    let channels = session.channelCount
    guard let unkept else {
      if channels != keptChannels, session.isAuthenticated { keepChannel(of: session, channels) }
      return false
    }
    if unkept == .token {
      session.write(into: &record)
      record.obtainedAt = self.now(now).kept
    }
    let (raised, isOver) = record.ceiling.addingReportingOverflow(settings.reservation)
    record.ceiling = isOver ? .max : raised
    if unkept == .token {
      try store.replace(with: &record).check()
      keptChannels = channels
    } else {
      try store.reserve(upTo: record.ceiling).check()
    }
    session.keep(numbersUpTo: record.ceiling, at: now)
    return true
  }

  /// Stores a token that nothing waits for, if there is a new one; where the disk refuses, the next client authenticates
  /// anew.
  func keepToken<Link: ReportLink & ~Copyable>(of link: inout Link, at now: Instant) {
    guard link.unkept != nil else { return }
    do throws(StoreError) {
      _ = try keep(&link, at: now)
      failure = nil
    } catch {
      failure = error
      link.keep(numbersUpTo: 0, at: now)
    }
  }

  /// Stores a channel that was established under an already stored token.
  private func keepChannel<Link: ReportLink & ~Copyable>(
    of session: borrowing Link,
    _ channels: Int
  ) {
    let ceiling = record.ceiling
    session.write(into: &record)
    record.ceiling = ceiling
    // Tried once: the reports do not wait for it.
    keptChannels = channels
    let result = store.replace(with: &record)
    failure = result.isGood ? nil : result.error
  }

  private func now(_ instant: Instant) -> TimeStamp {
    TimeStamp(boot: boot, instant: instant, date: WallClock.now())
  }
}
