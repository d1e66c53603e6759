// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import DurableReports
import Platform
import ReportLink
import TestSupport

/// A platform that has reports under way until a test ends them.
final class SeveralPlatform {
  struct Report: Equatable {
    var id: UInt64
    var topic: String
    var payload: [UInt8]
  }

  let capacity: Int
  var underWay: [Report] = []
  /// All that has begun, in that order.
  var begun: [Report] = []
  var ended: [(id: UInt64, ending: ReportEnding)] = []
  /// How the link refuses to begin a report, while it does.
  var refusal: ReportEnding?
  /// Called as a report begins.
  var onBegin: (Report) -> Void = { _ in }

  init(capacity: Int) { self.capacity = capacity }

  /// Ends a report, if it is under way.
  @discardableResult
  func end(_ id: UInt64, _ ending: ReportEnding) -> Report? {
    guard let index = underWay.firstIndex(where: { $0.id == id }) else { return nil }
    ended.append((id, ending))
    return underWay.remove(at: index)
  }

  func deliver(_ id: UInt64) { end(id, ReportEnding(.delivered, wasSent: true)) }

  /// Ends all that is under way, as a connection does that is lost.
  func lose() {
    for report in underWay { end(report.id, ReportEnding(.unreachable, wasSent: true)) }
  }
}

/// A link over it.
struct SeveralLink: ~Copyable, ReportLink {
  typealias Taken = TakenTable<16>

  let platform: SeveralPlatform
  private(set) var ending = ReportEnding(.unreachable)
  private(set) var endedID: UInt64 = 0

  init(_ platform: SeveralPlatform) { self.platform = platform }

  var capacity: Int { platform.capacity }
  // As over MQTT, a place is free again when the end is told.
  var isFree: Bool { platform.underWay.count + platform.ended.count < platform.capacity }
  var isIdle: Bool { platform.underWay.isEmpty && platform.ended.isEmpty }
  var isAuthenticated: Bool { true }
  var unkept: Unkept? { nil }
  var channelCount: Int { 0 }

  mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    begin(id: 0, topic: topic, payload: payload, format: format, at: now)
  }

  mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    if let refusal = platform.refusal {
      (endedID, ending) = (id, refusal)
      return false
    }
    let report = SeveralPlatform.Report(
      id: id,
      topic: String(decoding: array(topic), as: UTF8.self),
      payload: array(payload)
    )
    platform.onBegin(report)
    platform.begun.append(report)
    platform.underWay.append(report)
    return true
  }

  mutating func interrupt(at now: Instant) { platform.lose() }
  mutating func forgetAuthentication() {}
  mutating func close() {
    platform.underWay = []
    platform.ended = []
  }
  mutating func handleTimeout(at now: Instant) {}
  mutating func pollTimeout() -> Instant? {
    platform.ended.isEmpty ? nil : Instant(milliseconds: .min)
  }
  mutating func pollLinkEvent() -> LinkEvent? {
    if platform.ended.isEmpty { return nil }
    (endedID, ending) = platform.ended.removeFirst()
    return .report
  }
  mutating func firstRetryDelay() -> Milliseconds { Milliseconds(1_000) }
  mutating func spread(_ delay: Milliseconds) -> Milliseconds { delay }
  mutating func restore(_ record: borrowing @_addressable SessionRecord, isUsable: Bool) {}
  func write(into record: inout SessionRecord) {}
  mutating func keep(numbersUpTo ceiling: UInt64, at now: Instant) {}
}

/// A durable device over that link, on a virtual clock.
final class SeveralDevice {
  let platform: SeveralPlatform
  var device: DurableReports<SeveralLink>
  var now = Instant(milliseconds: 1_000_000)

  init(
    _ workspace: Workspace,
    _ platform: SeveralPlatform,
    settings: DurableSettings = DurableSettings()
  ) throws {
    self.platform = platform
    device = try DurableReports(
      link: SeveralLink(platform),
      settings: settings,
      directory: workspace.open(),
      fingerprint: FixedBytes<32>(),
      now: TimeStamp(boot: 1, instant: now, date: 0)
    )
  }

  /// Accepts a report on a topic of that number.
  @discardableResult
  func accept(
    _ topic: Int,
    _ payload: [UInt8] = [0x7B, 0x7D],
    priority: UInt8 = 0,
    lifetime: UInt32 = 0,
    key: UInt64 = 0
  ) throws -> UInt64 {
    let name = Array("/pk/device/user/t\(topic)".utf8)
    return try device.accept(
      topic: Topic(name.span),
      payload: payload.span,
      priority: priority,
      lifetime: lifetime,
      key: key,
      at: now,
      date: 0
    )
  }

  /// All events until now, as a test compares them.
  func events() -> [String] {
    device.handleTimeout(at: now)
    var events: [String] = []
    while let event = device.pollEvent(at: now, date: 0) { events.append("\(event)") }
    return events
  }

  /// Lets time pass until something is due.
  func sleep() {
    if let due = device.pollTimeout() { now = max(now, due) }
  }

  var syncs: Int { device.outboxWrites.syncs }
  var isDone: Bool { device.isDone }
  var pendingReports: Int { device.pendingReports }
  func close() { device.close() }
}
