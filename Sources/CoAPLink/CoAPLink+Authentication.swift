// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer

extension CoAPLink where Security: ~Copyable {
  mutating func handleAuthenticationAnswer(
    _ message: borrowing MessageView,
    isCut: Bool,
    at now: Instant
  ) {
    switch ResponseMeaning(ofAuthentication: message.code) {
    case .success: break
    case .retryLater where settings.allows(retry: authenticationRetries):
      authentication = .waiting(until: now + retryDelay(authenticationRetries))
      authenticationRetries += 1
      return
    case .putOff:
      let wait = message.retryAfter
      keepDiagnostic(message, isCut: isCut)
      putOffCode = message.code
      putOffUntil = now + wait
      return failAuthentication(.putOff(putOffCode, retryAfter: wait), at: now)
    default:
      keepDiagnostic(message, isCut: isCut)
      failAuthentication(.refused(message.code), at: now)
      return
    }
    if !isCut, let registration { return registration.take(&self, message.payload, now) }
    do throws(AuthenticationFailure) {
      if isCut || message.block(.block2)?.isMore == true { throw .unusableAnswer(.incomplete) }
      try adopt(message.payload)
    } catch {
      failAuthentication(error, at: now)
      return
    }
    authentication = .done
    counters.authentications += 1
    events.append(.authenticated)
    if report.phase == .awaitingToken { sendReport(at: now) }
  }

  private mutating func adopt(_ payload: Span<UInt8>) throws(AuthenticationFailure) {
    var answer = AuthenticationAnswer()
    do throws(AuthenticationAnswerError) {
      if let authenticationForm {
        try authenticationForm.read(payload, &answer)
      } else {
        try answer.read(payload)
      }
    } catch {
      throw .unusableAnswer(error)
    }
    if security.usesSequence {
      guard !answer.random.isEmpty else { throw .unusableAnswer(.random) }
      guard let offset = answer.sequenceOffset else { throw .unusableAnswer(.sequenceOffset) }
      // If the platform issues the same token and key again, its numbers continue.
      let isSame =
        answer.token.bytes.isEqual(to: token.bytes)
        && answer.random.bytes.isEqual(to: keyRandom.bytes)
      if tracker == nil || !isSame {
        tracker = SequenceTracker(offset: offset, limit: settings.isKept ? offset : .max)
      }
    }
    do throws(SecurityError) {
      try Self.establish(&security, secret: secret, random: answer.random.bytes)
    } catch {
      throw .security(error)
    }
    token = answer.token
    keyRandom = answer.random
    isTokenKept = false
    isKeyConfirmed = false
    expectsUnreadable = false
  }

  static func establish(
    _ security: inout Security,
    secret: borrowing SecretBytes,
    random: Span<UInt8>
  ) throws(SecurityError) {
    try security.establish(secret: secret.bytes, random: random)
  }

  @inline(never)
  mutating func failAuthentication(_ failure: AuthenticationFailure, at now: Instant) {
    authentication = .none
    hasStartedOver = false
    if registration != nil {
      events.append(.registrationFailed, because: failure)
      // Without a completed registration, `/auth` would have no secret that the platform accepts.
      guard endRegistration() else { return }
    }
    events.append(.authenticationFailed, because: failure)
    if report.phase != .none { finishReport(.unauthenticated(failure), code: nil, at: now) }
  }
}
