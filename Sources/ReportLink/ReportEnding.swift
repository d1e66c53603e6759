// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// What to do with a report that has ended.
public enum ReportVerdict: Equatable, Sendable {
  /// The platform has it.
  case delivered
  /// The platform would give the same answer at any later time.
  case final
  /// The platform has put this report off; others may be accepted meanwhile.
  case later
  /// No report can be delivered now: there is no answer, or no link.
  case unreachable
  /// No report is accepted until the platform accepts the device's credentials.
  case credentials
}

/// The end of a report, as far as an outbox needs it.
public struct ReportEnding: Equatable, Sendable {
  /// What to do with the report.
  public var verdict: ReportVerdict
  /// The time to wait before sending the same again; 0 if the platform asked for none.
  public var retryAfter: Milliseconds
  /// Whether it was transmitted at least once.
  public var wasSent: Bool
  /// Whether the transport failed, which says nothing about the platform.
  public var wasInterrupted: Bool

  /// Creates an ending of that kind.
  public init(
    _ verdict: ReportVerdict,
    retryAfter: Milliseconds = Milliseconds(0),
    wasSent: Bool = false,
    wasInterrupted: Bool = false
  ) {
    self.verdict = verdict
    self.retryAfter = retryAfter
    self.wasSent = wasSent
    self.wasInterrupted = wasInterrupted
  }
}
