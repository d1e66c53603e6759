public import ConstrainedCore

/// What is to become of a report that has ended.
public enum ReportVerdict: Equatable, Sendable {
  /// The platform has it.
  case delivered
  /// The platform would answer the same to the same report at any later time.
  case final
  /// The platform has put this report off; others may be taken meanwhile.
  case later
  /// No report gets through now: there is no answer, or no link.
  case unreachable
  /// No report is taken until the platform accepts the device's credentials.
  case credentials
}

/// How a report ended, as far as an outbox has to know.
public struct ReportEnding: Equatable, Sendable {
  /// What is to become of it.
  public var verdict: ReportVerdict
  /// How long the platform asks to wait before the same is sent again; 0 where it asks for nothing.
  public var retryAfter: Milliseconds
  /// Whether it was on the air at least once.
  public var wasSent: Bool
  /// Whether the transport broke down, which says nothing of the platform.
  public var wasInterrupted: Bool

  /// An ending of that kind.
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
