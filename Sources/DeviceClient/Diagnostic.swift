// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform
internal import PlatformCoAP

/// The reason in a refusal (RFC 7252 Section 5.5.2).
enum Diagnostic {
  /// The payload if it is text in UTF-8, trimmed; otherwise empty.
  static func text(_ payload: [UInt8]) -> String {
    guard !payload.contains(0) else { return "" }
    let words = payload.span.trimmed
    return String(validating: words.indices.map { words[$0] }, as: UTF8.self) ?? ""
  }

  /// The text in quotation marks, made safe for a terminal.
  static func quoted(_ text: String) -> String {
    ReadableText.quoted(text.utf8Span.span) ?? ""
  }
}

extension ReportResult {
  /// Whether the answer is a refusal, with its payload as the reason.
  var isRefused: Bool {
    switch outcome {
    case .unauthenticated(let failure): failure.isAnswer
    default: code.map { $0.class == 4 || $0.class == 5 } ?? false
    }
  }
}

extension AuthenticationFailure {
  /// Whether the platform has answered with an error code.
  var isAnswer: Bool {
    switch self {
    case .refused, .putOff: true
    default: false
    }
  }

  /// States what happened, then the platform's own reason, or without one what to do.
  func description(because reason: String) -> String {
    if reason.isEmpty { return description }
    let reason = Diagnostic.quoted(reason)
    if case .refused(let code) = self {
      return ResponseMeaning.advice(onAuthentication: code, because: reason)
    }
    return "\(self): \(reason)"
  }
}

extension DeviceClientError {
  /// The platform's text for its refusal; empty if there is none.
  public var diagnostic: String {
    switch self {
    case .authentication(_, let reason), .registration(_, let reason): reason
    case .undelivered(let receipt): receipt.diagnostic
    case .httpsAuthentication(_, let reason, _), .httpsReport(_, let reason, _): reason
    default: ""
    }
  }
}

extension Receipt {
  /// States what happened to the report, then the platform's own reason, or without one what to do;
  /// `nil` for an acknowledged report.
  public var advice: String? {
    let reason = diagnostic
    guard !reason.isEmpty else { return result.advice }
    if case .unauthenticated(let failure) = result.outcome {
      return failure.description(because: reason)
    }
    guard result.retryAfter.count == 0 else {
      return result.advice.map { "\($0): \(Diagnostic.quoted(reason))" }
    }
    return ResponseMeaning.advice(
      onReport: result.code ?? .empty,
      because: Diagnostic.quoted(reason)
    )
  }
}
