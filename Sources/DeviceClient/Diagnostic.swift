internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform
internal import PlatformCoAP

/// What a refusal says of its reason (RFC 7252 Section 5.5.2).
enum Diagnostic {
  /// The payload where it is text in UTF-8, without white space at its ends; else nothing.
  static func text(_ payload: [UInt8]) -> String {
    guard !payload.contains(0) else { return "" }
    let words = payload.span.trimmed
    return String(validating: words.indices.map { words[$0] }, as: UTF8.self) ?? ""
  }

  /// The text between quotation marks, fit for a terminal.
  static func quoted(_ text: String) -> String {
    ReadableText.quoted(text.utf8Span.span) ?? ""
  }
}

extension ReportResult {
  /// Whether the answer is one that refuses, and its payload the reason.
  var isRefused: Bool {
    switch outcome {
    case .unauthenticated(let failure): failure.isAnswer
    default: code.map { $0.class == 4 || $0.class == 5 } ?? false
    }
  }
}

extension AuthenticationFailure {
  /// Whether the platform has answered with an error's code.
  var isAnswer: Bool {
    switch self {
    case .refused, .putOff: true
    default: false
    }
  }

  /// What happened, then the platform's own reason where it gives one, else what to do.
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
  /// What the platform says in words of why it refused what it was asked for; empty where it says nothing.
  public var diagnostic: String {
    switch self {
    case .authentication(_, let reason), .registration(_, let reason): reason
    case .undelivered(let receipt): receipt.diagnostic
    default: ""
    }
  }
}

extension Receipt {
  /// What happened to the report, then the platform's own reason where it gives one, else what to do; `nil` for an
  /// acknowledged one.
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
