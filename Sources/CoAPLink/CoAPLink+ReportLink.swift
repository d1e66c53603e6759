internal import CoAPMessage
public import ConstrainedCore
internal import DeviceStore
internal import Platform
public import ReportLink
internal import SecurityLayer

/// What an outbox asks of its link; what it does not ask for stays `CoAPLink`'s own.
extension CoAPLink: ReportLink where Security: ~Copyable {
  /// Whether a report can begin.
  public var isFree: Bool { report.phase == .none }

  /// How the last report ended.
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
  @inline(never)
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

  /// Forgets the token, so that the next report authenticates.
  public mutating func forgetAuthentication() { forgetToken() }

  /// What happened since the last call; `nil` when that is all.
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

  /// Whether the last report asked for the platform's messages.
  private var isPull: Bool { report.topic.bytes.isEmpty }

  /// ACK_TIMEOUT with the random factor.
  public mutating func firstRetryDelay() -> Milliseconds { retryDelay(0) }

  /// How many handshakes were whole; a resumed session is the one that was kept already.
  public var channelCount: Int { counters.handshakes - counters.resumptions }
}

extension CoAPLink: DatagramLink where Security: ~Copyable {
  /// A DTLS record is opened whole or not at all; of a CoAP message the head counts.
  public var needsWholeDatagrams: Bool { security.wrapsDatagrams }
}
