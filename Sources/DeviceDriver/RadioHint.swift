// SPDX-License-Identifier: Apache-2.0
public import ReportLink

/// A hint for the modem before a datagram, so that it can release the radio early (release
/// assistance indication, 3GPP TS 24.301).
public enum RadioHint: Equatable, Sendable {
  /// Nothing is expected, and nothing will be sent.
  case lastUplink
  /// One answer is expected, and nothing will be sent after it.
  case oneAnswer
  /// More will be sent.
  case moreToCome

  /// The hint for a datagram of that kind; `pendingReports` counts the one in flight.
  public init(for transmission: DeviceTransmission, pendingReports: Int) {
    self =
      switch transmission {
      case .authentication, .handshake: .moreToCome
      case .report: pendingReports > 1 ? .moreToCome : .oneAnswer
      case .control: pendingReports > 0 ? .moreToCome : .lastUplink
      }
  }
}
