public import ReportLink

/// What a modem may be told before a datagram, so that it can leave the radio early (release assistance
/// indication, 3GPP TS 24.301).
public enum RadioHint: Equatable, Sendable {
  /// Nothing is expected, and nothing is to be sent.
  case lastUplink
  /// One answer is expected, and nothing is to be sent after it.
  case oneAnswer
  /// More is to be sent.
  case moreToCome

  /// What is known when a datagram of this kind is sent while so many reports wait, with the one under way.
  public init(for transmission: DeviceTransmission, pendingReports: Int) {
    self =
      switch transmission {
      case .authentication, .handshake: .moreToCome
      case .report: pendingReports > 1 ? .moreToCome : .oneAnswer
      case .control: pendingReports > 0 ? .moreToCome : .lastUplink
      }
  }
}
