internal import CoAPMessage

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

extension ReportResult {
  /// What is to become of the report.
  public var verdict: ReportVerdict {
    switch outcome {
    case .acknowledged: .delivered
    case .unsealable: .final
    case .rejected: isFinal ? .final : .later
    case .unreadableAnswer: .later
    case .unauthenticated(.refused(let code)) where code.class == 4: .credentials
    case .timedOut, .interrupted, .reset, .handshake, .sequenceExhausted, .unauthenticated:
      .unreachable
    }
  }

  /// Whether the platform would answer the same to the same report later.
  private var isFinal: Bool {
    guard let code else { return false }
    // 4.01 and 4.02 are about the token, 4.29 (RFC 8516) about the time; 5.xx about the server.
    switch code {
    case .unauthorized, .badOption, Code(4, 29): return false
    default: return code.class == 4
    }
  }
}
