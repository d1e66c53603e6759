internal import CoAPExchange
public import CoAPSecurity
public import ConstrainedCore
internal import OpenSSLSupport

/// The platform's DTLS mode on port 5684: DTLS 1.2 (RFC 6347) under every message, without a socket.
///
/// It shakes hands when the first message is to be sent, and again when the association is lost:
/// after `idleLimit` without a datagram, after `silenceLimit` messages without an answer, when the
/// server closes it. Then it resumes the session, or makes a new one where the server has forgotten it.
/// An association that is given up is still listened to until the next one stands: an answer that was
/// long on its way is not lost. Where the server does not answer the new hello, it is told goodbye first:
/// RFC 6347 Section 4.2.8 lets it take a hello amid an association, but libcoap's servers do not.
public struct DTLSSecurity: ~Copyable, SecurityLayer {
  private enum Mode {
    case certificate
    case preSharedKey
  }

  private let context: DTLSContext
  private let settings: DTLSSettings
  private let mode: Mode
  private let serverName: FixedBytes<256>
  private let identity: FixedBytes<256>
  private let key: SecretBytes?
  /// SHA-256 of all that a session depends on: an exported one is for this alone.
  private let binding: FixedBytes<32>

  private var connection: DTLSConnection?
  /// An association that was given up, as long as its successor is made.
  private var previous: DTLSConnection?
  private var isResuming = false
  private var session: DTLSSession?

  /// Whether the previous association was told goodbye, and whether the server is known to need that.
  private var hasSaidGoodbye = false
  private var needsGoodbye: Bool { goodbyesNeeded > 1 }
  /// How often a hello was answered only after a goodbye: once may have been a loss.
  private var goodbyesNeeded = 0

  private var lastDatagram = Instant(milliseconds: 0)
  private var unanswered = 0
  /// Whether a message has come over the association, and whether its predecessor was given up without
  /// one.
  private var hasAnswered = false
  private var wasSilent = false
  /// Whether a message has gone over the association, either way, and whether an earlier one was over
  /// before that.
  private var isUsed = false
  private var wasUseless = false
  /// Whether its last flight went with a message, and whether the server turned out not to take that.
  private var hasJoined = false
  private var cannotJoin = false

  private var handshakeBytes = 0
  private var helloBytes = 0

  private var startsOver = 0
  private var failures = 0
  private var notBefore = Instant(milliseconds: .min)
  private var waitsUntil: Instant?
  private var event: SecurityEvent?

  /// Reports carry no sequence number: the channel has its own.
  public var usesSequence: Bool { false }

  /// A datagram is a record.
  public static var wrapsDatagrams: Bool { true }
}

// MARK: - Making one

extension DTLSSecurity {
  /// Verifies the server's certificate: one of `authorities` (PEM) must vouch for it, and it must be for
  /// `serverName`, a host's name or its address in digits.
  ///
  /// `certificate` and `key` (PEM) are the device's own, for servers that demand one.
  public init(
    serverName: Span<UInt8>,
    authorities: Span<UInt8>,
    certificate: Span<UInt8>? = nil,
    key: Span<UInt8>? = nil,
    settings: DTLSSettings = DTLSSettings()
  ) throws(DTLSConfigurationError) {
    var name = FixedBytes<256>()
    do throws(CapacityError) { try name.replace(with: serverName) } catch { throw .serverName }
    let context = try Self.makeContext(settings, .certificate)
    do throws(OpenSSLError) {
      try Self.setSuites(context, settings, .certificate)
    } catch {
      throw .library(code: error.code)
    }
    let count: Int
    do throws(OpenSSLError) {
      count = try context.setAuthorities(authorities, depth: settings.chainDepth)
    } catch {
      throw .authorities
    }
    guard count > 0 else { throw .authorities }
    if let certificate, let key {
      do throws(OpenSSLError) {
        try context.setCertificate(certificate, key: key)
      } catch {
        throw .deviceCertificate
      }
    } else if certificate != nil || key != nil {
      throw .deviceCertificate
    }
    // Whether the name can be one is known to an association alone.
    let trial = try Self.makeConnection(context, settings)
    guard trial.setServerName(serverName) else { throw .serverName }
    let binding: FixedBytes<32>
    if let certificate {
      binding = try Self.digest(name.bytes, authorities, certificate)
    } else {
      binding = try Self.digest(name.bytes, authorities, Span())
    }
    self.context = context
    self.settings = settings
    mode = .certificate
    self.serverName = name
    identity = FixedBytes()
    self.key = nil
    self.binding = binding
  }

  /// Proves and demands knowledge of a key (RFC 4279), 1 to 128 bytes, under an identity of 1 to 255
  /// bytes.
  public init(
    identity: Span<UInt8>,
    key: Span<UInt8>,
    settings: DTLSSettings = DTLSSettings()
  ) throws(DTLSConfigurationError) {
    var name = FixedBytes<256>()
    guard identity.count > 0, identity.count <= 255 else { throw .preSharedKey }
    for index in identity.indices where identity[index] == 0 { throw .preSharedKey }
    do throws(CapacityError) { try name.replace(with: identity) } catch { throw .preSharedKey }
    guard let secret = SecretBytes(copying: key) else { throw .preSharedKey }
    let context = try Self.makeContext(settings, .preSharedKey)
    do throws(OpenSSLError) {
      try Self.setSuites(context, settings, .preSharedKey)
    } catch {
      throw .library(code: error.code)
    }
    let binding = try Self.digest(name.bytes, key, Span())
    self.context = context
    self.settings = settings
    mode = .preSharedKey
    serverName = FixedBytes()
    self.identity = name
    self.key = consume secret
    self.binding = binding
  }

  private static func makeContext(
    _ settings: DTLSSettings,
    _ mode: Mode
  ) throws(DTLSConfigurationError) -> DTLSContext {
    do throws(OpenSSLError) {
      let context = try DTLSContext(.client)
      switch settings.resumption {
      case .none: context.setResumption(.none)
      case .ticket where mode == .certificate: context.setResumption(.ticket)
      case .sessionID, .ticket: context.setResumption(.sessionID)
      }
      if let length = settings.maxFragmentLength { try context.setMaxFragmentLength(length) }
      return context
    } catch {
      throw .library(code: error.code)
    }
  }

  private static func setSuites(
    _ context: borrowing DTLSContext,
    _ settings: DTLSSettings,
    _ mode: Mode
  ) throws(OpenSSLError) {
    let isLegacy = settings.allowsLegacySuites
    let suites: StaticString
    switch mode {
    case .certificate:
      suites = isLegacy ? DTLSSuites.legacyCertificate : DTLSSuites.certificate
      try context.setGroups(text(DTLSSuites.groups).bytes)
      try context.setSignatures(text(DTLSSuites.signatures).bytes)
    case .preSharedKey:
      suites = isLegacy ? DTLSSuites.legacyPreSharedKey : DTLSSuites.preSharedKey
      try context.setSignatures(text(DTLSSuites.noSignatures).bytes)
    }
    try context.setSuites(text(suites).bytes, needsEncryptThenMAC: isLegacy)
  }

  private static func text(_ literal: StaticString) -> FixedBytes<512> {
    var result = FixedBytes<512>()
    result.write { (writer: inout ByteWriter) in try? writer.append(literal) }
    return result
  }

  /// SHA-256 over the SHA-256 of each part.
  private static func digest(
    _ first: Span<UInt8>,
    _ second: Span<UInt8>,
    _ third: Span<UInt8>
  ) throws(DTLSConfigurationError) -> FixedBytes<32> {
    var parts = FixedBytes<96>()
    do throws(OpenSSLError) {
      let one = try Hash.sha256.digest(of: first)
      let two = try Hash.sha256.digest(of: second)
      let three = try Hash.sha256.digest(of: third)
      parts.write { (writer: inout ByteWriter) in
        try? writer.append(one.bytes)
        try? writer.append(two.bytes)
        try? writer.append(three.bytes)
      }
      return try Hash.sha256.digest(of: parts.bytes)
    } catch {
      throw .library(code: error.code)
    }
  }
}

// MARK: - The payload seam, which has nothing to do

extension DTLSSecurity {
  /// Does nothing: the channel has keys of its own.
  public mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) {}

  /// Appends `payload` as it is.
  public mutating func seal(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(payload) } catch { throw .capacity }
  }

  /// Appends `payload` as it is.
  public mutating func open(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(payload) } catch { throw .capacity }
  }

  /// Appends nothing.
  public mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {}
}

// MARK: - The datagram seam

extension DTLSSecurity {
  /// Whether messages can be sent at once.
  public var isEstablished: Bool { state == .established }

  /// The suite in use, by OpenSSL's name; empty before there is one.
  public var suite: FixedBytes<64> {
    switch connection {
    case .some(let connection): connection.suite
    case .none: FixedBytes()
    }
  }

  /// Whether a handshake is under way, or put off after one that failed.
  public var holdsBack: Bool {
    waitsUntil != nil || state == .handshaking
  }

  /// Whether another message waits that came in the same datagram as the last one.
  public var hasPendingMessage: Bool {
    switch connection {
    case .some(let connection): connection.hasPendingMessage
    case .none: false
    }
  }

  /// Whether the last flight waits for the first message, see `DTLSSettings.joinsLastFlight`.
  public var joinsNextMessage: Bool {
    settings.joinsLastFlight && !cannotJoin && isEstablished && queuedBytes > 0
  }

  private var queuedBytes: Int {
    switch connection {
    case .some(let connection): connection.queuedBytes
    case .none: 0
    }
  }

  /// Appends the record that carries `message`; begins a handshake where there is no association, or
  /// none that is likely to be alive.
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
    if joinsNextMessage {
      // Where both do not fit, the flight goes first, alone.
      let joined = queuedBytes + message.count + DTLSConnection.maxOverhead
      guard joined <= min(settings.linkMTU - 48, output.remaining) else { throw .notEstablished }
      _ = try pollTransmit(into: &output, at: now)
      hasJoined = true
    }
    do throws(CapacityError) {
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
    // RFC 7252 Section 3: the type stands in bits 4 and 5 of the first byte; 0 is confirmable.
    if message.count > 0, message[0] & 0x30 == 0 { unanswered += 1 }
  }

  /// Appends the first message in `datagram`.
  public mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) {
    let start = output.count
    defer { if output.count > start { noteMessage(at: now) } }
    // RFC 6347 Section 4.1: content type 23. During a handshake only the old association can have it.
    if previous != nil, datagram.count > 0, datagram[0] == 23 {
      previous?.receive(datagram, into: &output, at: now)
      if output.count > start {
        // It is alive after all; the server keeps it until a new one stands (Section 4.2.8), which may
        // be as soon as it has the device's last flight, or until it hears goodbye.
        let isReplaced = hasSaidGoodbye || connection?.hasSentFinished == true
        if !isReplaced { connection = previous.take() }
      }
      return
    }
    guard let before = state else { return }
    // What would answer it could not be sent.
    if case .ended = before { return }
    if before == .handshaking { countUp(datagram.count) }
    connection?.receive(datagram, into: &output, at: now)
    guard let after = state, after != before else { return }
    switch after {
    case .handshaking: break
    case .established: handleEstablishment(at: now)
    case .ended(let failure): handleEnd(failure, at: now)
    }
  }

  /// Writes the next datagram of the handshake, or a goodbye.
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
      connection = nil
    }
    return isThere
  }

  /// When a flight is due again, or a handshake that was put off.
  public func pollTimeout() -> Instant? {
    if let waitsUntil { return waitsUntil }
    switch connection {
    case .some(let connection): return connection.pollTimeout
    case .none: return nil
    }
  }

  /// Sends a flight again, or gives up.
  public mutating func handleTimeout(at now: Instant) {
    if let until = waitsUntil, until <= now { waitsUntil = nil }
    guard state == .handshaking else { return }
    if let due = connection?.pollTimeout, due <= now, connection?.hasAnswer == false {
      sayGoodbye()
    }
    connection?.handleTimeout(at: now)
    if case .ended(let failure)? = state { handleEnd(failure, at: now) }
  }

  /// What happened since the last call.
  public mutating func pollEvent() -> SecurityEvent? { event.take() }

  /// Gives up a handshake that is under way; an association stays.
  public mutating func interrupt() {
    waitsUntil = nil
    if state == .handshaking {
      connection = previous.take()
      isUsed = true
      hasSaidGoodbye = false
    }
  }

  /// Ends the association, and tells the server where `saysGoodbye` is set; the session stays.
  public mutating func close() {
    interrupt()
    previous = nil
    if settings.saysGoodbye {
      connection?.close()
    } else {
      connection = nil
    }
  }
}

// MARK: - Sessions

extension DTLSSecurity {
  /// The room that an exported session takes at most, in bytes.
  public static var maxSessionSize: Int { 33 + 65_535 }

  /// Appends the session for a later process; `false`, and nothing appended, when there is none worth
  /// resuming.
  ///
  /// It holds the channel's master secret: keep it where nobody else reads, and wipe what you no longer
  /// need. Size: some 200 bytes and those of the server's certificate.
  public func exportSession(into output: inout ByteWriter) throws(CapacityError) -> Bool {
    switch session {
    case .none: return false
    case .some(let session):
      guard output.remaining >= 33 + session.count else { throw CapacityError() }
      let seal: FixedBytes<32>
      do throws(DTLSConfigurationError) {
        seal = try Self.digest(binding.bytes, session.bytes, Span())
      } catch {
        return false
      }
      try output.append(Self.sessionVersion)
      try output.append(seal.bytes)
      try output.append(session.bytes)
      return true
    }
  }

  /// Goes on with a session that `exportSession` gave; the server may have forgotten it since.
  public mutating func importSession(
    _ bytes: Span<UInt8>
  ) throws(DTLSConfigurationError) {
    guard bytes.count > 33, bytes[0] == Self.sessionVersion else { throw .foreignSession }
    let rest = bytes.extracting(droppingFirst: 33)
    // A flash memory forgets: secrets with a bit flipped would cost a handshake that never ends.
    let seal = try Self.digest(binding.bytes, rest, Span())
    guard constantTimeEqual(bytes.extracting(1..<33), seal.bytes),
      let imported = DTLSSession(copying: rest)
    else { throw .foreignSession }
    session = consume imported
  }

  private static var sessionVersion: UInt8 { 1 }
}

// MARK: - Inside

extension DTLSSecurity {
  private var state: DTLSConnection.State? {
    switch connection {
    case .some(let connection): connection.state
    case .none: nil
    }
  }

  private func isDoubtful(at now: Instant) -> Bool {
    // Where two associations in a row bring nothing, the server is at a loss, not NAT.
    if unanswered >= settings.silentMessages, hasAnswered || !wasSilent { return true }
    guard let limit = settings.idleLimit else { return false }
    return now - lastDatagram > limit
  }

  /// Lets the server forget the association that was given up.
  private mutating func sayGoodbye() {
    guard previous != nil, !hasSaidGoodbye else { return }
    previous?.close()
    hasSaidGoodbye = true
  }

  private mutating func noteMessage(at now: Instant) {
    lastDatagram = now
    unanswered = 0
    hasAnswered = true
    wasSilent = false
    isUsed = true
    wasUseless = false
    failures = 0
  }

  private mutating func countUp(_ bytes: Int) {
    // IPv4 and UDP add 28 bytes.
    handshakeBytes += bytes + 28
  }

  private static func makeConnection(
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

  private mutating func connect(at now: Instant) {
    if state == .handshaking { return }
    // RFC 7252 Section 4.7 in spirit: who has just refused is not asked again at once.
    guard now >= notBefore else {
      waitsUntil = notBefore
      return
    }
    startsOver = 0
    begin(at: now)
  }

  private mutating func begin(at now: Instant) {
    handshakeBytes = 0
    helloBytes = 0
    isUsed = false
    do throws(DTLSConfigurationError) {
      var next = try Self.makeConnection(context, settings)
      switch session {
      case .some(let session): isResuming = next.resume(session.bytes)
      case .none: isResuming = false
      }
      switch mode {
      case .certificate:
        let isSent = !isResuming || settings.namesServerOnResumption
        guard next.setServerName(serverName.bytes, isSent: isSent) else { throw .serverName }
      case .preSharedKey:
        do throws(CapacityError) {
          switch key {
          case .some(let key): try next.setPreSharedKey(identity: identity.bytes, key: key.bytes)
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

  private mutating func handleEstablishment(at now: Instant) {
    let isResumed = connection?.isResumed ?? false
    if hasSaidGoodbye {
      goodbyesNeeded += 1
    } else if previous != nil {
      goodbyesNeeded = 0
    }
    hasSaidGoodbye = false
    previous = nil
    notBefore = Instant(milliseconds: .min)
    lastDatagram = now
    unanswered = 0
    hasAnswered = false
    hasJoined = false
    if !isResumed { keepSession() }
    event = .established(isResumed: isResumed)
  }

  /// Keeps the new session, unless it cannot be resumed or a whole handshake is cheaper.
  private mutating func keepSession() {
    session = nil
    guard settings.resumption != .none, let made = connection?.session() else { return }
    let added = connection?.resumptionBytes ?? 0
    // A resumed handshake: two hellos with the identifier or ticket, 48 bytes to ask for the cookie,
    // 184 of the server's flight, 67 of the device's, and the headers of five datagrams.
    let expected = 2 * (helloBytes + added) + 48 + 184 + 67 + 5 * 28
    if expected < handshakeBytes { session = consume made }
  }

  private mutating func handleEnd(_ failure: DTLSFailure, at now: Instant) {
    if connection?.hasBeenEstablished == true {
      // RFC 5246 Section 7.2.2: a fatal alert ends the session, a goodbye does not.
      if failure != .closed || isResuming && !isUsed { session = nil }
      if settings.saysGoodbye, failure == .closed {
        connection?.close()
      } else {
        connection = nil
      }
      if isUsed || !wasUseless {
        wasUseless = !isUsed
        event = .closed
        return
      }
      // Over before anything was sent, and not for the first time: as good as refused, else a server
      // without room would be asked again and again.
      return fail(HandshakeFailure(failure, usesPreSharedKey: mode == .preSharedKey), at: now)
    }
    switch failure {
    case .timedOut(hasAnswer: false): break
    case .library(let code)
    where OpenSSLError(packed: code).reason == .other && startsOver < settings.timing.maxRetransmit:
      // What made no sense may have been a late datagram of an earlier handshake, which nothing
      // distinguishes, or a forged one; RFC 6347 Section 4.1.2.7 would have it discarded.
      startsOver += 1
      return begin(at: now)
    case .alert where isResuming, .closed where isResuming:
      // The session alone was offered, in one suite: now everything is.
      session = nil
      return begin(at: now)
    default: session = nil
    }
    if case .alert = failure, connection?.lacksCertificate == true {
      return fail(.certificateWanted, at: now)
    }
    fail(HandshakeFailure(failure, usesPreSharedKey: mode == .preSharedKey), at: now)
  }

  private mutating func fail(_ failure: HandshakeFailure, at now: Instant) {
    let wait = settings.timing.acknowledgementTimeout * (1 << Int64(min(failures, 8)))
    failures += 1
    notBefore = now + wait
    event = .failed(failure)
  }
}
