// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
public import ConstrainedCore
internal import OpenSSLSupport
public import Platform
internal import PlatformCoAP
internal import PlatformCredentials
internal import SecurityLayer

/// Dynamic registration (device guide 6.2) over CoAP.
extension CoAPLink where Security: ~Copyable {
  /// Requests the device's own secret from the platform, signed with the product's secret, which
  /// the session was created with and has until then.
  ///
  /// After the event `registered` the session has the new secret and authenticates with it, over
  /// the same channel. Registration works over DTLS with the platform's certificate only: a
  /// pre-shared key would have to be derived from the requested secret. `connect`, `publish` and
  /// `request` wait for it meanwhile, and fail with it.
  ///
  /// Unverified: the platform's C SDK v4 registers this way; the device guide describes HTTPS and
  /// MQTT only. A SMALL build cannot register, and traps here.
  public mutating func register(
    signMethod: SignMethod = .hmacSHA256,
    at now: Instant
  ) throws(DeviceError) {
    guard security.wrapsDatagrams else { throw .registrationNeedsDTLS }
    guard report.phase == .none else { throw .busy }
    switch authentication {
    case .inFlight, .waiting: throw .busy
    case .none, .done: break
    }
    registration = Registration(
      start: { $0.startRegistration(signMethod, at: $1) },
      take: { $0.takeRegistration($1, at: $2) }
    )
    startAuthentication(at: now, isFirst: true)
  }

  /// Abandons the running registration; no event follows.
  ///
  /// Anything that waits for it authenticates with the session's current secret. The platform may
  /// or may not have issued a secret.
  public mutating func cancelRegistration(at now: Instant) {
    guard registration != nil else { return }
    if case .inFlight(let exchange) = authentication { abandon(exchange) }
    authentication = .none
    if endRegistration() { connect(at: now) } else { security.interrupt() }
  }

  /// Abandons the registration; returns whether something waits for a token.
  mutating func endRegistration() -> Bool {
    defer { connectsAfterRegistration = false }
    registration = nil
    return connectsAfterRegistration || report.phase != .none
  }

  /// Passes `body` the device's secret, which must be stored after the event `registered`.
  public borrowing func withSecret<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(secret.bytes)
  }

  /// The two steps of a registration.
  ///
  /// Functions, so that programs that never register do not link their code: some 12 KB.
  struct Registration {
    let start: (inout CoAPLink, Instant) -> Void
    let take: (inout CoAPLink, Span<UInt8>, Instant) -> Void
  }

  private mutating func startRegistration(_ signMethod: SignMethod, at now: Instant) {
    let request = RegistrationRequest(identity, drawing: &randomness, signMethod: signMethod)
    do throws(SecurityError) {
      let payload = try signedPayload(request)
      authentication = .inFlight(
        try Self.startExchange(&endpoint, newToken(), random: nextSpread()) {
          (message: inout MessageWriter) throws(MessageWriterError) in
          try PlatformRequest.writeRegistration(payload: payload.bytes, into: &message)
        }
      )
    } catch {
      failAuthentication(.security(error), at: now)
    }
  }

  private mutating func takeRegistration(_ payload: Span<UInt8>, at now: Instant) {
    do throws(RegistrationAnswerError) {
      var answer = try RegistrationAnswer(json: payload)
      defer { answer.withDeviceSecretStorage { wipe(&$0) } }
      guard answer.isSuccess else {
        return failAuthentication(.registrationRefused(code: answer.code ?? 0), at: now)
      }
      guard answer.isFor(identity) else { throw .names }
      guard let own = SecretBytes(copying: answer.deviceSecret.bytes) else { throw .deviceSecret }
      secret = own
    } catch {
      return failAuthentication(.unusableRegistration(error), at: now)
    }
    authentication = .none
    events.append(.registered)
    if endRegistration() { connect(at: now) }
  }

  private func signedPayload(
    _ request: RegistrationRequest
  ) throws(SecurityError) -> FixedBytes<384> {
    let signature = try request.signMethod.signature(key: secret.bytes) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(into: &writer)
    }
    var payload = FixedBytes<384>()
    do throws(CapacityError) {
      try payload.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeJSON(signature: signature.bytes, into: &writer)
      }
    } catch {
      throw .capacity
    }
    return payload
  }
}
