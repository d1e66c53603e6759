// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

extension DTLSSecurity {
  /// Whether messages can be sent without a handshake.
  public var isEstablished: Bool { state == .established }

  /// The cipher suite's OpenSSL name; empty before one is negotiated.
  public var suite: FixedBytes<64> {
    switch connection {
    case .some(let connection): connection.suite
    case .none: FixedBytes()
    }
  }

  /// Whether a handshake is running, or delayed after a failed one.
  public var holdsBack: Bool {
    waitsUntil != nil || state == .handshaking
  }

  /// Whether the last datagram contained another message.
  public var hasPendingMessage: Bool {
    switch connection {
    case .some(let connection): connection.hasPendingMessage
    case .none: false
    }
  }

  /// Whether the last flight waits for the first message; see `DTLSSettings.joinsLastFlight`.
  public var joinsNextMessage: Bool {
    settings.joinsLastFlight && !cannotJoin && isEstablished && queuedBytes > 0
  }

  private var maxMessage: Int {
    switch connection {
    case .some(let connection): connection.maxMessage
    case .none: 0
    }
  }

  private var queuedBytes: Int {
    switch connection {
    case .some(let connection): connection.queuedBytes
    case .none: 0
    }
  }

  /// Appends the record that carries `message`; starts a handshake if there is no association, or
  /// the existing one is probably lost.
  public mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    if isEstablished, isDoubtful(at: now) {
      wasSilent = !hasAnswered
      if hasJoined, !hasAnswered { cannotJoin = true }
      previous = connection.take()
      hasSaidGoodbye = false
      if needsGoodbye { sayGoodbye() }
    }
    guard isEstablished else {
      connect(at: now)
      throw .notEstablished
    }
    guard message.count <= maxMessage else { throw .messageTooLong }
    if joinsNextMessage {
      // If both do not fit, the flight is sent first, alone.
      let joined = queuedBytes + message.count + DTLSConnection.maxOverhead
      guard joined <= min(settings.linkMTU - 48, output.remaining) else { throw .notEstablished }
      _ = try pollTransmit(into: &output, at: now)
      hasJoined = true
    }
    do throws(CapacityError) {
      // conformance: 7252-9.1.1-a
      try connection?.seal(message, into: &output)
    } catch {
      throw .capacity
    }
    if case .ended(let failure)? = state {
      handleEnd(failure, at: now)
      throw .notEstablished
    }
    lastDatagram = now
    isUsed = true
    // RFC 7252 Section 3: bits 4 and 5 of the first byte are the type; 0 is confirmable.
    if message.count > 0, message[0] & 0x30 == 0 { unanswered += 1 }
  }

  /// Appends the first message in `datagram`, cut off if it does not fit.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    let start = output.count
    defer { if output.count > start { noteMessage(at: now) } }
    // RFC 6347 Section 4.1: content type 23. During a handshake only the old association can send
    // it.
    if previous != nil, datagram.count > 0, datagram[0] == 23 {
      previous?.receive(datagram, into: &output, at: now)
      hasCutMessage = previous?.hasCutMessage ?? false
      if output.count > start {
        // It is alive after all; the server keeps it until a new one stands (Section 4.2.8), which may
        // be as soon as it has the device's last flight, or until it hears goodbye.
        let isReplaced = hasSaidGoodbye || connection?.hasSentFinished == true
        if !isReplaced { goBack() }
      }
      return
    }
    guard let before = state else { return }
    // The reply to it could not be sent.
    if case .ended = before { return }
    if before == .handshaking { countUp(datagram.count) }
    // conformance: 7252-9.1.2-a
    connection?.receive(datagram, into: &output, at: now)
    hasCutMessage = connection?.hasCutMessage ?? false
    guard let after = state, after != before else { return }
    switch after {
    case .handshaking: break
    case .established: handleEstablishment(at: now)
    case .ended(let failure): handleEnd(failure, at: now)
    }
  }

  /// Writes the next datagram of the handshake, or a goodbye.
  @inline(never)  // As `interrupt`: called from three places.
  public mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool {
    let start = output.count
    var isThere = false
    do throws(CapacityError) {
      if try previous?.pollDatagram(into: &output) ?? false { return true }
      isThere = try connection?.pollDatagram(into: &output) ?? false
    } catch {
      throw .capacity
    }
    if isThere {
      if helloBytes == 0 { helloBytes = output.count - start }
      countUp(output.count - start)
      lastDatagram = now
    } else if case .ended? = state {
      drop()
    }
    return isThere
  }

  /// The time of the next retransmission, or of a delayed handshake.
  public func pollTimeout() -> Instant? {
    if let waitsUntil { return waitsUntil }
    switch connection {
    case .some(let connection): return connection.pollTimeout
    case .none: return nil
    }
  }

  /// Retransmits a flight, or gives up.
  public mutating func handleTimeout(at now: Instant) {
    if let until = waitsUntil, until <= now { waitsUntil = nil }
    guard state == .handshaking else { return }
    if let due = connection?.pollTimeout, due <= now {
      if connection?.hasAnswer == false { sayGoodbye() }
      if startsOver == 0, connection?.doubtsCookie == true {
        startsOver = 1
        return begin(at: now)
      }
    }
    connection?.handleTimeout(at: now)
    if case .ended(let failure)? = state { handleEnd(failure, at: now) }
  }

  /// The next event since the last call.
  public mutating func pollEvent() -> SecurityEvent? { event.take() }

  /// Gives up a handshake that is under way; an association stays.
  @inline(never)
  public mutating func interrupt() {
    waitsUntil = nil
    doubt = nil
    if state == .handshaking {
      goBack()
      isUsed = true
      hasSaidGoodbye = false
    }
  }

  /// Ends the association, and notifies the server if `saysGoodbye` is set; the session stays.
  public mutating func close() {
    interrupt()
    dropPrevious()
    if settings.saysGoodbye {
      connection?.close()
    } else {
      drop()
    }
  }
}
