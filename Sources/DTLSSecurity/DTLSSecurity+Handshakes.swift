// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import ConstrainedCore
internal import OpenSSLSupport
internal import SecurityLayer

/// When an association starts and ends, and what happens to its session.
extension DTLSSecurity {
  var state: DTLSConnection.State? {
    switch connection {
    case .some(let connection): connection.state
    case .none: nil
    }
  }

  func isDoubtful(at now: Instant) -> Bool {
    // Two silent associations in a row mean the server is down, not a NAT rebinding.
    if unanswered >= settings.silentMessages, hasAnswered || !wasSilent { return true }
    guard let limit = settings.idleLimit else { return false }
    return now - lastDatagram > limit
  }

  // Functions, because ending an association costs 50 bytes at each place.

  /// Ends the association.
  @inline(never)
  mutating func drop() { connection = nil }

  /// Ends the association that was given up.
  @inline(never)
  mutating func dropPrevious() { previous = nil }

  /// Goes on with the association that was given up.
  @inline(never)
  mutating func goBack() { connection = previous.take() }

  /// Makes the next handshake a whole one.
  @inline(never)
  mutating func forgetSession() { session = nil }

  /// Lets the server forget the association that was given up.
  mutating func sayGoodbye() {
    guard previous != nil, !hasSaidGoodbye else { return }
    previous?.close()
    hasSaidGoodbye = true
  }

  mutating func noteMessage(at now: Instant) {
    lastDatagram = now
    unanswered = 0
    hasAnswered = true
    wasSilent = false
    isUsed = true
    wasUseless = false
    failures = 0
  }

  mutating func countUp(_ bytes: Int) {
    // IPv4 and UDP add 28 bytes.
    handshakeBytes += bytes + 28
  }

  @inline(never)
  static func makeConnection(
    _ context: borrowing DTLSContext,
    _ settings: DTLSSettings
  ) throws(DTLSConfigurationError) -> DTLSConnection {
    do throws(OpenSSLError) {
      return try DTLSConnection(
        context,
        patience: settings.patience,
        linkMTU: min(settings.linkMTU, 1_500),
        clock: settings.clock
      )
    } catch {
      throw .library(code: error.code)
    }
  }

  mutating func connect(at now: Instant) {
    if state == .handshaking { return }
    if let waitsUntil, waitsUntil > now { return }
    // RFC 7252 Section 4.7 in spirit: a server that has just refused is not asked again at once.
    guard now >= notBefore else {
      waitsUntil = notBefore
      return
    }
    if let reason = doubt {
      doubt = nil
      if now - begunAt >= settings.patience.span(of: settings.patience.limit + 1) {
        forgetSession()
        return fail(reason, at: now)
      }
    } else {
      startsOver = 0
      refusals = 0
      refused = nil
      begunAt = now
    }
    begin(at: now)
  }

  mutating func begin(at now: Instant) {
    handshakeBytes = 0
    helloBytes = 0
    isUsed = false
    do throws(DTLSConfigurationError) {
      var next = try Self.makeConnection(context, settings)
      switch session {
      case .some(let session) where settings.resumption != .none:
        isResuming = next.resume(session.bytes)
      default: isResuming = false
      }
      switch mode {
      case .certificate:
        let isSent = !isResuming || settings.namesServerOnResumption
        let isGood = next.setServerName(
          name.bytes,
          isSent: isSent,
          allowsCommonName: settings.allowsCommonName
        )
        guard isGood else { throw .serverName }
      case .preSharedKey:
        do throws(CapacityError) {
          switch key {
          case .some(let key): try next.setPreSharedKey(identity: name.bytes, key: key.bytes)
          case .none: break
          }
        } catch {
          throw .preSharedKey
        }
      }
      next.start(at: now)
      connection = consume next
    } catch {
      fail(.library(code: 0), at: now)
      return
    }
    if case .ended(let failure)? = state { handleEnd(failure, at: now) }
  }

  mutating func handleEstablishment(at now: Instant) {
    let isResumed = connection?.isResumed ?? false
    if hasSaidGoodbye {
      goodbyesNeeded += 1
    } else if previous != nil {
      goodbyesNeeded = 0
    }
    hasSaidGoodbye = false
    dropPrevious()
    notBefore = Instant(milliseconds: .min)
    lastDatagram = now
    unanswered = 0
    hasAnswered = false
    hasJoined = false
    if !isResumed { keepSession() }
    event = .established(isResumed: isResumed)
  }

  /// Keeps the new session, unless it cannot be resumed or a whole handshake is cheaper.
  mutating func keepSession() {
    forgetSession()
    guard settings.resumption != .none, let made = connection?.session() else { return }
    let added = connection?.resumptionBytes ?? 0
    // A resumed handshake: two hellos with the identifier or ticket, 48 bytes for the cookie, 173
    // for the server's flight, 67 for the device's (both measured, with an AEAD overhead of 29
    // bytes), and the headers of five datagrams.
    let expected = 2 * (helloBytes + added) + 48 + 173 + 67 + 5 * 28
    if expected < handshakeBytes { session = consume made }
  }

  mutating func handleEnd(_ failure: DTLSFailure, at now: Instant) {
    var reason = HandshakeFailure(failure, usesPreSharedKey: mode == .preSharedKey)
    if connection?.hasBeenEstablished == true {
      // RFC 5246 Section 7.2.2: a fatal alert ends the session, a goodbye does not.
      if failure != .closed || isResuming && !isUsed { forgetSession() }
      if settings.saysGoodbye, failure == .closed {
        connection?.close()
      } else {
        drop()
      }
      if isUsed || !wasUseless {
        wasUseless = !isUsed
        event = .closed
        return
      }
      // Over before anything was sent, and not for the first time: treat it as a refusal, otherwise
      // a server without memory would be asked again and again.
      return fail(reason, at: now)
    }
    if case .alert = failure, connection?.lacksCertificate == true { reason = .certificateWanted }
    switch failure {
    case .timedOut(hasAnswer: false):
      // During a handshake a server may accept no other hello.
      if let refused { reason = refused }
    case .alert where isResuming, .closed where isResuming:
      // The session alone was offered, in one suite: now everything is.
      forgetSession()
      return begin(at: now)
    case .timedOut where startsOver == 0 && connection?.isSayingHello == true:
      // A rejected cookie may be forged, and hides the server's own. It is known earlier if that
      // one comes as well: see `handleTimeout`.
      startsOver = 1
      return begin(at: now)
    case .library(let code):
      refused = reason
      let isRefusal = OpenSSLError(packed: code).reason != .other
      if startOver(because: reason, isRefusal: isRefusal, at: now) { return }
      forgetSession()
    case .alert, .closed:
      if startOver(because: reason, isRefusal: true, at: now) { return }
      forgetSession()
    default: forgetSession()
    }
    fail(reason, at: now)
  }

  /// Starts over after something that anybody can have sent; returns `false` at the third refusal.
  ///
  /// RFC 6347 Section 4.1.2.7: a refusal in the clear may be forged, although a server that refuses
  /// does so each time; an invalid message may also be a late datagram of an earlier handshake.
  ///
  /// The first time it starts over at once, unless it was a refusal. Later it does so when a flight
  /// would be retransmitted, until the retransmissions are used up: a forger causes no more hellos
  /// than a lossy network.
  private mutating func startOver(
    because reason: HandshakeFailure,
    isRefusal: Bool,
    at now: Instant
  ) -> Bool {
    if isRefusal { refusals += 1 }
    guard refusals < Self.mostRefusals else { return false }
    let waits = startsOver + (isRefusal ? 1 : 0)
    startsOver += 1
    if waits == 0 {
      begin(at: now)
      return true
    }
    drop()
    doubt = reason
    let limit = settings.patience.limit + 1
    let until = begunAt + settings.patience.span(of: min(waits, limit))
    // A device that slept past that time starts over with the next message.
    waitsUntil = until > now ? until : nil
    return true
  }

  /// The number of refusals in the clear after which they are believed.
  private static var mostRefusals: Int { 3 }

  mutating func fail(_ failure: HandshakeFailure, at now: Instant) {
    let wait = settings.timing.acknowledgementTimeout * (1 << Int64(min(failures, 8)))
    failures += 1
    doubt = nil
    notBefore = now + wait
    event = .failed(failure)
  }
}
