// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DurableReports
public import ReportLink
internal import SystemClocks
internal import UDPTransport

/// A durable device over a link whose traffic is one file descriptor, as MQTT's: what every program around one does
/// with both.
///
/// Order of calls, in a loop: `pollEvent` until it gives `nil`, then wait for `descriptor` until `timeout`, with
/// whatever else the program waits for, or by `wait`. At the end `close`.
public struct DescriptorDriver<Link: DescriptorLink & ~Copyable>: ~Copyable {
  /// The device, with what it still has to deliver.
  public var reports: DurableReports<Link>

  /// A device that is made already; nothing is connected yet.
  public init(reports: consuming DurableReports<Link>) { self.reports = reports }

  /// What to wait for; -1 where nothing can be.
  public var descriptor: Int32 { reports.descriptor }

  /// How long to wait at most, as `poll` takes it: milliseconds, -1 for no end.
  public mutating func timeout() -> Int32 { MonotonicClock.timeout(until: reports.pollTimeout()) }

  /// Does what is due, and tells what happened; `nil` when that is all.
  ///
  /// `date` is now, in seconds since 1970; 0 when the clock is not set.
  public mutating func pollEvent(at now: Instant, date: UInt64) -> DurableEvent? {
    reports.handleTimeout(at: now)
    return reports.pollEvent(at: now, date: date)
  }

  /// Waits until the link has something to take in, or something is due; not longer than until `limit`.
  public mutating func wait(until limit: Instant? = nil) {
    var deadline = reports.pollTimeout()
    deadline = earlier(deadline, limit)
    MonotonicClock.wait(for: descriptor, until: deadline)
  }

  /// Says goodbye, and waits for that for so long at most; what is under way stays in the outbox.
  public mutating func close(within patience: Milliseconds = Milliseconds(3_000)) {
    reports.close()
    let end = MonotonicClock.now() + patience
    while reports.isClosing, MonotonicClock.now() < end {
      MonotonicClock.wait(for: descriptor, until: end)
      reports.settle(at: MonotonicClock.now())
    }
  }
}
