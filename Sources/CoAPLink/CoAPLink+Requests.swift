// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import PlatformCoAP
internal import PlatformCredentials
internal import SecurityLayer

/// Builds the two kinds of requests; each starts an exchange.
extension CoAPLink where Security: ~Copyable {
  /// The wait before the retry after 5.00: ACK_TIMEOUT, doubled each time, with the random factor
  /// that keeps many devices from returning at once.
  mutating func retryDelay(_ retries: Int) -> Milliseconds {
    settings.timing.initialTimeout(random: nextSpread()) * (1 << min(retries, 16))
  }

  /// The next random number for a timer, without a call to the operating system (Marsaglia's
  /// xorshift).
  mutating func nextSpread() -> UInt32 {
    spread ^= spread << 13
    spread ^= spread >> 17
    spread ^= spread << 5
    return spread
  }

  /// Sends `POST /auth`, or the registration, unless the platform has put it off.
  mutating func startAuthentication(at now: Instant, isFirst: Bool = false) {
    if isFirst {
      authenticationRetries = 0
      wasAuthenticationReset = false
    }
    if now < putOffUntil {
      return failAuthentication(.putOff(putOffCode, retryAfter: putOffUntil - now), at: now)
    }
    isRequestAcknowledged = false
    if let registration { return registration.start(&self, now) }
    var fields = AuthenticationRequest(
      signMethod: settings.signMethod,
      acknowledgementMode: settings.acknowledgementMode,
      timestamp: settings.timestamp
    )
    // The platform's own SDK v3 chooses the number of /auth from 0 to 9999.
    if security.usesSequence {
      let random = UInt64(widening: randomness.nextUInt32())
      fields.sequence = UInt32(truncatingIfNeeded: random &* 10_000 &>> 32)
    }
    var payload = FixedBytes<640>()
    do throws(SecurityError) {
      try Self.sign(fields, identity, secret, authenticationForm, into: &payload)
      let token = newToken()
      let format = authenticationForm?.format ?? .json
      authentication = .inFlight(
        try Self.startExchange(&endpoint, token, random: nextSpread()) {
          (message: inout MessageWriter) throws(MessageWriterError) in
          try PlatformRequest.writeAuthentication(
            payload: payload.bytes,
            format: format,
            into: &message
          )
        }
      )
    } catch {
      failAuthentication(.security(error), at: now)
    }
  }

  /// Sends the report in flight, under a new number if the mode has numbers.
  mutating func sendReport(at now: Instant) {
    report.phase = .awaitingStore
    guard unkept == nil else { return }
    isRequestAcknowledged = false
    var sequence = FixedBytes<32>()
    do throws(SecurityError) {
      if security.usesSequence {
        guard let number = tracker?.next() else {
          forgetToken()
          return finishReport(.sequenceExhausted, code: nil, at: now)
        }
        report.result.sequence = number
        try Self.seal(number, &security, into: &sequence)
      }
      let messageToken = newToken()
      report.phase = .inFlight(
        try Self.startReport(
          &endpoint,
          &security,
          messageToken,
          nextSpread(),
          report.topic.bytes.bytes,
          (report.format, report.accept, report.block),
          settings.tokenOption,
          token.bytes,
          sequence.bytes,
          report.payload.bytes
        )
      )
    } catch {
      finishReport(.unsealable(error), code: nil, at: now)
    }
  }

  // Static, because for closures over `self` an ordinary build would have to look up its type.

  private static func seal(
    _ sequence: UInt64,
    _ security: inout Security,
    into output: inout FixedBytes<32>
  ) throws(SecurityError) {
    try output.write { (writer: inout ByteWriter) throws(SecurityError) in
      try security.sealSequence(sequence, into: &writer)
    }
  }

  /// Writes the report, whose payload is sealed where it is to stand.
  private static func startReport(
    _ endpoint: inout Exchanges,
    _ security: inout Security,
    _ messageToken: Token,
    _ random: UInt32,
    _ topic: Span<UInt8>,
    _ form: (format: ContentFormat, accept: ContentFormat?, block: BlockOption?),
    _ tokenOption: TokenOption,
    _ token: Span<UInt8>,
    _ sequence: Span<UInt8>,
    _ payload: Span<UInt8>
  ) throws(SecurityError) -> ExchangeID {
    var failure = SecurityError.capacity
    do throws(SecurityError) {
      return try startExchange(&endpoint, messageToken, random: random) {
        (message: inout MessageWriter) throws(MessageWriterError) in
        try PlatformRequest.writeReport(
          topic: topic,
          contentFormat: form.format,
          accept: form.accept,
          block: form.block,
          tokenOption: tokenOption,
          token: token,
          sequence: sequence,
          into: &message
        )
        // A request for a further block of the answer has no payload.
        if form.block != nil { return }
        try message.payload { (writer: inout ByteWriter) throws(MessageWriterError) in
          do throws(SecurityError) {
            try security.seal(payload: payload, into: &writer)
          } catch {
            failure = error
            throw .capacity
          }
        }
      }
    } catch {
      throw failure
    }
  }

  /// Writes the payload of `/auth`.
  private static func sign(
    _ fields: AuthenticationRequest,
    _ identity: borrowing @_addressable DeviceIdentity,
    _ secret: borrowing SecretBytes,
    _ form: AuthenticationForm?,
    into payload: inout FixedBytes<640>
  ) throws(SecurityError) {
    let signature = try fields.signMethod.signature(key: secret.bytes) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try fields.writeSigningContent(identity, into: &writer)
    }
    do throws(CapacityError) {
      try payload.fill { (storage) throws(CapacityError) in
        guard let form else {
          return try fields.writePayload(identity, signature: signature.bytes, into: storage)
        }
        var writer = ByteWriter(storage)
        try form.write(fields, copy identity, signature.bytes, &writer)
        return writer.count
      }
    } catch {
      throw .capacity
    }
  }

  /// The token of the next request.
  ///
  /// In symmetric mode it is the only protection against forged answers: 4 unpredictable bytes (RFC
  /// 7252 Section 5.3.1 recommends 32 bits of randomness). In a secure channel it only has to
  /// distinguish a request from those whose answers may still arrive. With one request at a time it
  /// is empty until one has ended without an answer, or with one that was not piggybacked (Section
  /// 5.3.1), and has a byte or two from then on.
  @inline(never)
  mutating func newToken() -> Token {
    guard security.wrapsDatagrams else { return endpoint.newToken() }
    return Token(counting: tokensInUse)
  }

  /// Starts the exchange of a confirmable POST; `build` writes its options and payload.
  static func startExchange(
    _ endpoint: inout Exchanges,
    _ token: Token,
    random: UInt32,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(SecurityError) -> ExchangeID {
    do throws(ExchangeError) {
      return try endpoint.send(.post, token: token, random: random, isPlain: true, build)
    } catch {
      switch error {
      case .message: throw .capacity
      case .tableFull, .tokenInUse, .notARequest, .notAnObservation:
        preconditionFailure("a session has one request under way at a time")
      }
    }
  }
}
