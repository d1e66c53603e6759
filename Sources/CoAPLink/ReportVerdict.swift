// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import Platform
public import ReportLink
internal import SecurityLayer

extension ReportResult {
  /// What to do with the report next.
  public var verdict: ReportVerdict {
    switch outcome {
    case .acknowledged: .delivered
    case .unsealable: .final
    case .rejected: isFinal ? .final : .later
    case .unauthenticated(.refused(let code)) where code.class == 4: .credentials
    case .timedOut, .interrupted, .reset, .handshake, .sequenceExhausted, .unauthenticated:
      .unreachable
    #if !hasFeature(Embedded)
    case .unreadable: .later
    #endif
    }
  }

  /// Whether the server has answered in the end; if not, another socket or address may do better.
  public var isAnswered: Bool {
    switch outcome {
    case .acknowledged, .rejected, .unsealable, .sequenceExhausted: true
    case .unauthenticated(.refused), .unauthenticated(.putOff): true
    case .timedOut, .interrupted, .reset, .handshake, .unauthenticated: false
    #if !hasFeature(Embedded)
    case .unreadable: true
    #endif
    }
  }

  /// Whether the server sent nothing at all: it may answer at another of its addresses.
  public var isSilence: Bool {
    switch outcome {
    case .timedOut, .handshake(.noAnswer): true
    case .unauthenticated(let failure): failure.isSilence
    default: false
    }
  }

  /// Whether the platform would answer the same report in the same way later.
  private var isFinal: Bool {
    #if !hasFeature(Embedded)
    if mayBeTakenLater { return false }
    #endif
    if let replyCode { return !PlatformReply.putsOff(code: replyCode) }
    guard let code else { return true }
    // 4.01 is about the token, and has come under a new one as well; 4.29 (RFC 8516) is about time;
    // 5.xx about the server. 4.02 can be about the token: in that case a new one has helped.
    switch code {
    case .unauthorized, .tooManyRequests: return false
    default: return code.class != 5
    }
  }
}

extension AuthenticationFailure {
  /// Whether the server sent nothing at all.
  public var isSilence: Bool { self == .timedOut || self == .handshake(.noAnswer) }
}
