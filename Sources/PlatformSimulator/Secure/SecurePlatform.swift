// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
public import ConstrainedCore
public import OpenSSLSupport
public import PlatformCore

/// The platform's side of the DTLS mode (device guide 3.6), as a state machine without I/O: a
/// `SimulatedPlatform` behind DTLS associations.
///
/// It handles devices as a server without connection IDs: an association belongs to an address and
/// port, and records from others are dropped. It keeps at most 1,000 associations and as many
/// handshakes; beyond that it drops the one that was silent longest.
public struct SecurePlatform<Peer: Hashable> {
  /// A device's address, and the number of its association.
  struct SecurePeer: Hashable, CustomStringConvertible {
    let peer: Peer
    let association: UInt64

    var description: String { "\(peer)" }
  }

  /// A datagram to send.
  public struct Outgoing {
    /// The destination.
    public let peer: Peer
    /// The UDP payload.
    public let bytes: [UInt8]
  }

  /// The result of one input.
  public struct Output {
    /// The datagrams to send, in order.
    public var datagrams: [Outgoing] = []
    /// The records of the inputs, in order.
    public var records: [RequestRecord] = []
  }

  private let configuration: SimulatorConfiguration
  private let context: DTLSContextBox
  private let cookieKey: [UInt8]
  private var platform: SimulatedPlatform<SecurePeer>
  private var handshaking: [Peer: SecureAssociation<Peer>] = [:]
  private var established: [Peer: SecureAssociation<Peer>] = [:]
  private var count: UInt64 = 0
  /// No association is closed for its silence before; `nil` before there is one.
  ///
  /// An association that speaks does not change it, so that a datagram costs no pass over all of them.
  private var idleDeadline: Instant?

  /// A test's replacement for the platform: the responses to a message, or `nil` to leave it to the
  /// platform.
  package var intercept: (([UInt8]) -> [[UInt8]]?)?

  /// An address as records have it.
  package var shown: (Peer) -> String = { "\($0)" }

  /// The maximum number of associations, and of handshakes.
  package var limit = 1_000

  /// Starts without associations; throws if the certificate or the key is invalid.
  public init(
    _ configuration: SimulatorConfiguration,
    random: any RandomSource
  ) throws(OpenSSLError) {
    var configuration = configuration
    configuration.protection = .dtls
    self.configuration = configuration
    var source = random
    cookieKey = (0..<4).flatMap { _ in
      let value = source.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
    }
    context = DTLSContextBox(try Self.makeContext(configuration.dtls))
    platform = SimulatedPlatform(configuration, random: source)
  }

  /// Drops the sessions that devices could resume, as after a restart of the server.
  public func forgetSessions() {
    context.value.forgetSessions()
  }

  /// Drops associations too, without a word to devices; with `isRestart` requests and responses as well.
  mutating func forgetAssociations(isRestart: Bool) {
    handshaking = [:]
    established = [:]
    forgetSessions()
    if isRestart { platform.forgetMessages() }
  }

  /// Who decides.
  package var core: PlatformCore { platform.core }

  /// The platform's state of its devices, and the console's operations on them.
  public var things: SimulatedThings {
    get { platform.things }
    set { platform.things = newValue }
  }

  /// The number of connected devices.
  public var associationCount: Int { established.count }

  /// Handles a received datagram.
  public mutating func handle(_ datagram: [UInt8], from peer: Peer, at now: Instant) -> Output {
    var output = Output()
    if let hello = ClientHello(datagram) {
      // A repeated hello, or a new one: RFC 6347 Section 4.2.8.
      if let known = handshaking[peer], known.random == hello.random {
        advance(known, with: datagram, at: now, &output)
      } else if established[peer]?.random != hello.random {
        greet(hello, datagram, from: peer, at: now, &output)
      }
    } else if let known = handshaking[peer], datagram.first != 23 || established[peer] == nil {
      advance(known, with: datagram, at: now, &output)
    } else if let known = established[peer] {
      advance(known, with: datagram, at: now, &output)
    } else if let first = datagram.first, !(20...23).contains(first) {
      var record = RequestRecord(kind: .malformed, time: now, peer: shown(peer))
      record.bytesUp = datagram.count
      record.note = "no DTLS record: is the device in symmetric mode?"
      output.records.append(record)
    }
    return output
  }

  /// The time of the next call of `handleTimeout`; `nil` if no timer runs.
  public func pollTimeout() -> Instant? {
    var deadlines = handshaking.values.compactMap { $0.connection.pollTimeout }
    if let idleDeadline, !established.isEmpty { deadlines.append(idleDeadline) }
    if let deadline = platform.pollTimeout() { deadlines.append(deadline) }
    return deadlines.min()
  }

  /// Retransmits flights and separate responses that are due, and closes silent associations.
  public mutating func handleTimeout(at now: Instant) -> Output {
    var output = Output()
    // In the order of their numbers: what one seed gives must not depend on that of a dictionary.
    for association in handshaking.values.sorted(by: { $0.number < $1.number }) {
      association.connection.handleTimeout(at: now)
      flush(association, &output)
      if case .ended(let failure) = association.connection.state {
        handshaking[association.peer] = nil
        note("handshake given up: \(failure.description)", association, at: now, &output)
      }
    }
    if let limit = configuration.dtls.idleLimit, let idleDeadline, idleDeadline <= now {
      let silent = established.values.filter { now - $0.lastDatagram >= limit }
      for association in silent.sorted(by: { $0.number < $1.number }) {
        association.connection.close()
        flush(association, &output)
        established[association.peer] = nil
        note("closed after \(limit.count / 1_000) s of silence", association, at: now, &output)
      }
      self.idleDeadline = established.values.map(\.lastDatagram).min().map { $0 + limit }
    }
    for datagram in platform.handleTimeout(at: now) { send(datagram, &output) }
    return output
  }

  // MARK: Private

  private static func makeContext(
    _ settings: SimulatedDTLS
  ) throws(OpenSSLError) -> DTLSContext {
    let context = try DTLSContext(.server)
    context.setCookies()
    context.setResumption(settings.resumption)
    context.setSessionLifetime(Int(settings.sessionLifetime.count / 1_000))
    var suites = [
      "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM8",
      "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
    ]
    if settings.takesPreSharedKeys {
      suites += [
        "PSK-CHACHA20-POLY1305", "PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256",
      ]
    }
    if settings.allowsLegacySuites {
      suites += LegacySuite.all.filter { settings.takesPreSharedKeys || !$0.isKeyed }.map(\.name)
    }
    let list = Array(suites.joined(separator: ":").utf8)
    try context.setSuites(list.span, needsEncryptThenMAC: settings.allowsLegacySuites)
    // Set last: if this one also has an RSA key, it is the one that is used.
    if !settings.rsaCertificate.isEmpty {
      try context.setCertificate(settings.rsaCertificate.span, key: settings.rsaKey.span)
    }
    if !settings.certificate.isEmpty {
      try context.setCertificate(settings.certificate.span, key: settings.key.span)
    }
    return context
  }

  /// Demands the cookie from a device that says hello, or starts a handshake if the hello has it.
  private mutating func greet(
    _ hello: ClientHello,
    _ datagram: [UInt8],
    from peer: Peer,
    at now: Instant,
    _ output: inout Output
  ) {
    let settings = configuration.dtls
    guard
      var connection = try? DTLSConnection(
        context.value,
        patience: settings.patience,
        linkMTU: settings.linkMTU,
        clock: settings.clock
      )
    else { return }
    connection.setPeer(Array("\(peer)".utf8), cookieKey: cookieKey)
    let keys = PreSharedKeys(
      platform.core.devices,
      LeniencyUse(configuration.platform),
      sdkOnly: configuration.assumptions.platform.takesSDKKeysOnly
    )
    if settings.takesPreSharedKeys { connection.setKeys { keys.find($0) } }
    let isGreeted = connection.listen(datagram)
    count += 1
    let association = SecureAssociation<Peer>(
      peer: peer,
      number: count,
      hello,
      keys: keys,
      connection: connection,
      at: now
    )
    association.bytesUp = datagram.count
    guard isGreeted else { return flush(association, &output) }
    makeRoom()
    handshaking[peer] = association
    // The connection already holds the hello.
    advance(association, with: [], at: now, &output)
  }

  private mutating func makeRoom() {
    while handshaking.count >= limit,
      let oldest = handshaking.values.min(by: { $0.number < $1.number })
    {
      handshaking[oldest.peer] = nil
    }
  }

  private mutating func makeRoomForEstablished() {
    while established.count >= limit,
      let oldest = established.values.min(by: { $0.lastDatagram < $1.lastDatagram })
    {
      established[oldest.peer] = nil
    }
  }

  private mutating func advance(
    _ association: SecureAssociation<Peer>,
    with datagram: [UInt8],
    at now: Instant,
    _ output: inout Output
  ) {
    let before = association.connection.state
    association.bytesUp += datagram.count
    if before == .handshaking, Self.holdsFinished(datagram) { association.hasSentFinished = true }
    var input = datagram
    repeat {
      let message = association.receive(input, at: now)
      input = []
      flush(association, &output)
      if association.connection.state != before { settle(association, at: now, &output) }
      guard !message.isEmpty else { break }
      association.lastDatagram = now
      let peer = SecurePeer(peer: association.peer, association: association.number)
      if let answers = intercept?(message) {
        for bytes in answers { send(.init(peer: peer, bytes: bytes), &output) }
        continue
      }
      let answer = platform.handle(message, from: peer, at: now)
      if var record = answer.record {
        record.peer = "\(association.peer)"
        output.records.append(record)
      }
      for datagram in answer.datagrams { send(datagram, &output) }
    } while association.connection.hasPendingMessage
    // Records that cannot be decrypted are dropped silently (RFC 6347 Section 4.1.2.7), including a
    // Finished under another key; a user who tries out a device needs to know.
    guard !association.isDoubtful, association.hasSentFinished,
      association.connection.awaitsFinished, association.connection.hasAgreedOnPreSharedKey
    else { return }
    association.isDoubtful = true
    note(Self.unreadableEnd, association, at: now, &output)
  }

  private static var unreadableEnd: String {
    "handshake's end cannot be read: with a pre-shared key most likely another secret"
  }

  /// Whether a datagram's records, with heads of 13 bytes, include an encrypted handshake message:
  /// type 22 in epoch 1.
  private static func holdsFinished(_ datagram: [UInt8]) -> Bool {
    var offset = 0
    while offset + 13 <= datagram.count {
      if datagram[offset] == 22, datagram[offset + 3] == 0, datagram[offset + 4] == 1 {
        return true
      }
      offset += 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
    }
    return false
  }

  /// Updates the tables after an association's state has changed.
  private mutating func settle(
    _ association: SecureAssociation<Peer>,
    at now: Instant,
    _ output: inout Output
  ) {
    switch association.connection.state {
    case .handshaking: break
    case .established:
      guard handshaking[association.peer] === association else { return }
      handshaking[association.peer] = nil
      if established[association.peer] == nil { makeRoomForEstablished() }
      established[association.peer] = association
      association.lastDatagram = now
      if let limit = configuration.dtls.idleLimit {
        idleDeadline = earlier(idleDeadline, now + limit)
      }
      let suite = association.connection.suite
      let name = String(decoding: suite.bytes.indices.map { suite.bytes[$0] }, as: UTF8.self)
      let how = association.connection.isResumed ? "session resumed" : "session made"
      note("\(how) with \(name)", association, association.keys.leniencies, at: now, &output)
    case .ended(let failure):
      if handshaking[association.peer] === association { handshaking[association.peer] = nil }
      if established[association.peer] === association { established[association.peer] = nil }
      note(ending(of: association, by: failure), association, at: now, &output)
    }
  }

  /// Why an association ended, and which setting would have let its handshake succeed.
  private func ending(of association: SecureAssociation<Peer>, by failure: DTLSFailure) -> String {
    if association.connection.hasBeenEstablished { return "ended: \(failure.description)" }
    // OpenSSL fails a handshake on a Finished under another key if the suite uses CBC and the
    // extension of RFC 7366; otherwise it drops the Finished.
    if failure.isUnreadableRecord, association.connection.hasAgreedOnPreSharedKey {
      return Self.unreadableEnd
    }
    let text = "handshake failed: \(failure.description)"
    if let refusal = association.keys.refusal { return "\(text): \(refusal)" }
    guard failure.isLackOfSuites else { return text }
    let names = LegacySuite.names(missedBy: association.suites, configuration.dtls)
    if names.isEmpty { return text }
    let list = names.joined(separator: ", ")
    return "\(text); \(configuration.dtls.legacySuitesName) takes \(list), which it offers"
  }

  private func note(
    _ text: String,
    _ association: SecureAssociation<Peer>,
    _ leniencies: LeniencyUse = LeniencyUse(),
    at now: Instant,
    _ output: inout Output
  ) {
    var record = RequestRecord(kind: .association, time: now, peer: shown(association.peer))
    record.note = text
    record.notes.leniencies = leniencies
    record.bytesUp = association.bytesUp
    record.bytesDown = association.bytesDown
    output.records.append(record)
  }

  private func flush(_ association: SecureAssociation<Peer>, _ output: inout Output) {
    while let datagram = association.nextDatagram() {
      association.bytesDown += datagram.count
      output.datagrams.append(Outgoing(peer: association.peer, bytes: datagram))
    }
  }

  /// Sends a message of the platform in a record, if its association still exists.
  private func send(
    _ datagram: SimulatedPlatform<SecurePeer>.Outgoing,
    _ output: inout Output
  ) {
    guard let association = established[datagram.peer.peer],
      association.number == datagram.peer.association,
      let record = association.seal(datagram.bytes)
    else { return }
    output.datagrams.append(Outgoing(peer: association.peer, bytes: record))
  }
}

/// Lets copies of the platform share OpenSSL's state.
private final class DTLSContextBox {
  let value: DTLSContext

  init(_ value: consuming DTLSContext) { self.value = value }
}
