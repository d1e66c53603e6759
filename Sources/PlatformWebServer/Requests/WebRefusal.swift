// SPDX-License-Identifier: Apache-2.0
internal import PlatformCore

/// Why a request is refused, with the guide's code.
struct WebRefusal: Error {
  let code: Int
  let note: String

  /// The guide's words for a code (3.2, 3.8).
  static func message(of code: Int) -> String {
    switch code {
    case 10_000: "common error"
    case 10_001: "param error"
    case 20_000: "auth check error"
    case 20_001: "token is expired"
    case 20_002: "token is null"
    case 20_003: "check token error"
    case 20_004: "update session error"
    case 30_001: "publish message error"
    case 40_000: "request too many"
    case 401: "request auth error"
    case 429: "too many requests"
    case 460: "param error"
    case 500: "unknown error"
    case 5_001: "meta device not found"
    case 6_200: "auth type mismatch"
    default: "error"
    }
  }

  /// The status that a refusal has where `https-status` is its own.
  static func status(of code: Int) -> Int {
    switch code {
    case 10_000, 20_004, 30_001, 500: 500
    case 20_000...20_003, 401: 401
    case 40_000, 429: 429
    case 5_001: 404
    default: 400
    }
  }
}

extension WebFront {
  /// Asks the core, and says its refusals in the guide's codes.
  func ask<Result>(
    _ kind: WebRecord.Kind,
    _ question: () throws(Refusal) -> Result
  ) throws(WebRefusal) -> Result {
    do throws(Refusal) {
      return try question()
    } catch {
      throw refusal(error.reason, error.note, kind)
    }
  }

  /// A refusal for that reason.
  func refusal(
    _ reason: Refusal.Reason,
    _ note: String,
    _ kind: WebRecord.Kind
  ) -> WebRefusal {
    WebRefusal(code: kind.isOfReports ? code(reason, kind) : formCode(reason, kind), note: note)
  }

  /// A code of the guide's section 3.8.
  private func code(_ reason: Refusal.Reason, _ kind: WebRecord.Kind) -> Int {
    switch reason {
    case .malformed, .unknownMember, .brokenPayload, .usedSequence, .longTopic: 10_001
    case .longPayload: kind == .report ? assumptions.longPayload : 10_001
    case .unknownDevice, .badSign, .registrationRefused, .registrationBadSign: 20_000
    case .disabledDevice: kind == .report ? assumptions.disabledDevice : 20_000
    case .unknownToken: 20_003
    case .foreignTopic, .unknownTopic, .subscribeOnlyTopic: assumptions.refusedTopic
    }
  }

  /// A code of the guide's sections 3.2 and 6.2.
  private func formCode(_ reason: Refusal.Reason, _ kind: WebRecord.Kind) -> Int {
    switch reason {
    case .badSign, .registrationBadSign: 401
    case .unknownDevice: 5_001
    case .disabledDevice:
      kind == .registration ? assumptions.registrationRefused : assumptions.disabledConnection
    case .registrationRefused: assumptions.registrationRefused
    default: 460
    }
  }
}
