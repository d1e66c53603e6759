// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableReports
import FileRecorder
import Foundation
import ReportLink
import TestSupport
import Testing

/// A link whose state is a test's.
private final class LinkState {
  var unkept: Unkept?
  var channelCount = 0
  var number: UInt64 = 0
  /// The ceilings that it was told.
  var kept: [UInt64] = []
}

private struct SessionLink: ~Copyable, ReportLink {
  let session: LinkState

  var isFree: Bool { true }
  var isIdle: Bool { true }
  var isAuthenticated: Bool { session.unkept != .token }
  var ending: ReportEnding { ReportEnding(.unreachable) }
  var unkept: Unkept? { session.unkept }
  var channelCount: Int { session.channelCount }

  mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool { true }

  mutating func interrupt(at now: Instant) {}
  mutating func forgetAuthentication() {}
  mutating func close() {}
  mutating func handleTimeout(at now: Instant) {}
  mutating func pollTimeout() -> Instant? { nil }
  mutating func pollLinkEvent() -> LinkEvent? { nil }
  mutating func firstRetryDelay() -> Milliseconds { Milliseconds(1_000) }
  mutating func spread(_ delay: Milliseconds) -> Milliseconds { delay }
  mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {}
  func write(into record: inout SessionRecord) { record.ceiling = session.number }
  mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) {
    session.kept.append(ceiling)
    session.unkept = nil
  }
}

@Suite("What a link has to have written down", .serialized)
struct KeepingTests {
  @Test func `numbers are reserved again after a channel that could not be written down`() throws {
    let workspace = Workspace()
    let session = LinkState()
    var now = Instant(milliseconds: 1_000_000)
    var device = try DurableReports(
      link: SessionLink(session: session),
      settings: DurableSettings(),
      directory: workspace.open(),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: now, date: 0)
    )
    func poll() -> String? { device.pollEvent(at: now, date: 0).map { "\($0)" } }
    session.unkept = .token
    #expect(poll() == nil && session.kept == [64])
    // A new channel, which the disk does not take.
    session.channelCount = 1
    session.number = 10
    recorder_start()
    recorder_fail(Int32(RECORDED_SYNC), 0, 1, EIO, 0)
    let failure = poll()
    recorder_stop()
    #expect(failure?.hasPrefix("storeFailed") == true)
    // Before it is tried again the numbers are used up.
    session.number = 64
    session.unkept = .numbers
    now = now + Milliseconds(5_000)
    #expect(
      poll() == nil,
      "a session that the disk does not have is not asked for numbers for ever"
    )
    #expect(session.kept == [64, 128] && session.unkept == nil)
    // It was written whole: nothing is left to be written.
    let writes = device.sessionWrites.syncs
    #expect(poll() == nil && device.sessionWrites.syncs == writes)
  }

  @Test func `a report for which the link has no place waits, and is not rejected`() throws {
    let workspace = Workspace()
    let platform = SeveralPlatform(capacity: 4)
    let device = try SeveralDevice(workspace, platform)
    let id = try device.accept(1)
    platform.refusal = ReportEnding(.later)
    #expect(device.events() == [] && device.pendingReports == 1)
    platform.refusal = nil
    #expect(device.events() == [])
    platform.deliver(id)
    #expect(device.events() == ["delivered(\(id))"] && device.pendingReports == 0)
    // One that can never be sent is rejected.
    let other = try device.accept(1)
    platform.refusal = ReportEnding(.final)
    #expect(device.events() == ["rejected(\(other))"])
  }
}
