// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
public import ConstrainedCore
internal import DeviceStore
internal import Platform
public import ReportLink
internal import SecurityLayer

/// The functions that an outbox needs of its link; all others remain `CoAPLink`'s own.
extension CoAPLink: ReportLink where Security: ~Copyable {
  /// Whether a report can start.
  public var isFree: Bool { report.phase == .none }

  /// The result of the last report.
  public var ending: ReportEnding {
    ReportEnding(
      result.verdict,
      retryAfter: result.retryAfter,
      wasSent: result.transmissions > 0,
      wasInterrupted: result.outcome == .interrupted
    )
  }

  /// Begins to deliver a report to a topic that was checked when it was accepted; `false` without a topic, or
  /// where it or the payload is too long.
  public mutating func begin(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    at now: Instant
  ) -> Bool {
    if topic.isEmpty { return refuse() }
    do throws(CapacityError) {
      try report.topic.take(checked: topic)
      try report.payload.replace(with: payload)
    } catch {
      return refuse()
    }
    _ = begin(format: ContentFormat(rawValue: format), accept: settings.accept, at: now)
    return true
  }

  private mutating func refuse() -> Bool {
    result = ReportResult()
    result.outcome = .rejected
    return false
  }

  /// Drops the token, so that the next report authenticates.
  public mutating func forgetAuthentication() { forgetToken() }

  /// The next event since the last call; `nil` if there are no more.
  public mutating func pollLinkEvent() -> LinkEvent? {
    while true {
      switch events.removeFirst() {
      case .authenticated: return .authenticated
      case .authenticationFailed: return .authenticationFailed
      case .report: return result.outcome == .acknowledged && isPull ? .downlink : .report
      case .registered, .registrationFailed, .answerBlock: continue
      default: return nil
      }
    }
  }

  /// Whether the last report was a request for the platform's messages.
  private var isPull: Bool { report.topic.bytes.isEmpty }

  /// ACK_TIMEOUT with the random factor.
  public mutating func firstRetryDelay() -> Milliseconds { retryDelay(0) }

  /// The number of full handshakes; a resumed session is already stored.
  public var channelCount: Int { counters.handshakes - counters.resumptions }
}

extension CoAPLink: DatagramLink where Security: ~Copyable {
  /// A DTLS record is opened completely or not at all; of a CoAP message the head can be used.
  public var needsWholeDatagrams: Bool { security.wrapsDatagrams }
}
