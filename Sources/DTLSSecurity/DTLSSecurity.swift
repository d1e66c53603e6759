// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

/// The platform's DTLS mode on port 5684: DTLS 1.2 (RFC 6347) for every message, without a socket.
///
/// It performs a handshake before the first message, and again when the association is lost: after
/// `idleLimit` without a datagram, after `silenceLimit` messages without an answer, or when the
/// server closes it. It then resumes the session, or starts a new one if the server no longer has
/// it. It still reads the old association until the next one is established, so that a late answer
/// is not lost. If the server does not answer the new hello, the device closes the old association
/// first: RFC 6347 Section 4.2.8 has a server accept a hello during an association, but libcoap's
/// servers do not.
public struct DTLSSecurity: ~Copyable, SecurityLayer {
  enum Mode {
    case certificate
    case preSharedKey
  }

  let context: DTLSContext
  let settings: DTLSSettings
  let mode: Mode
  /// The server's name, or with a pre-shared key the device's identity.
  let name: FixedBytes<256>
  let key: SecretBytes?
  /// SHA-256 over everything that a session depends on: an exported session is valid for this only.
  let binding: FixedBytes<32>

  var connection: DTLSConnection?
  /// The old association, while its successor is being established.
  var previous: DTLSConnection?
  var isResuming = false
  var session: DTLSSession?

  /// Whether the previous association was closed, and whether the server is known to need that.
  var hasSaidGoodbye = false
  var needsGoodbye: Bool { goodbyesNeeded > 1 }
  /// The number of hellos that were answered only after a close_notify: once may have been a loss.
  var goodbyesNeeded = 0

  var lastDatagram = Instant(milliseconds: 0)
  var unanswered = 0
  /// Whether a message was received over the association, and whether its predecessor was given up
  /// without one.
  var hasAnswered = false
  var wasSilent = false
  /// Whether a message has travelled over the association in either direction, and whether an
  /// earlier association ended before that.
  var isUsed = false
  var wasUseless = false
  /// Whether its last flight travelled with a message, and whether the server is known not to
  /// accept that.
  var hasJoined = false
  var cannotJoin = false

  /// Whether the last unwrapped message was cut off because it did not fit.
  public internal(set) var hasCutMessage = false

  var handshakeBytes = 0
  var helloBytes = 0

  /// The number of restarts of the handshake, and of those due to a refusal; its start, and the
  /// last reason while the next start waits.
  var startsOver = 0
  var refusals = 0
  var begunAt = Instant(milliseconds: 0)
  var doubt: HandshakeFailure?
  /// OpenSSL's reason for rejecting the server in this handshake.
  var refused: HandshakeFailure?
  var failures = 0
  var notBefore = Instant(milliseconds: .min)
  var waitsUntil: Instant?
  var event: SecurityEvent?

  /// `false`: the channel has its own sequence numbers.
  public var usesSequence: Bool { false }

  /// `true`: a datagram is a record.
  @inlinable
  public var wrapsDatagrams: Bool { true }
}

// MARK: - Initialisers

extension DTLSSecurity {
  /// Verifies the server's certificate: it must chain to one of `authorities` (PEM), and be for
  /// `serverName`, a host name or an address in digits.
  ///
  /// `certificate` and `key` (PEM) are the device's own, for servers that require them.
  public init(
    serverName: Span<UInt8>,
    authorities: Span<UInt8>,
    certificate: Span<UInt8>? = nil,
    key: Span<UInt8>? = nil,
    settings: DTLSSettings = DTLSSettings()
  ) throws(DTLSConfigurationError) {
    var name = FixedBytes<256>()
    // RFC 6066 Section 3: without the trailing dot, which makes a name absolute in DNS.
    let isAbsolute = serverName.count > 1 && serverName[serverName.count - 1] == UInt8(ascii: ".")
    let plain = serverName.extracting(droppingLast: isAbsolute ? 1 : 0)
    if plain.count > 0, plain[plain.count - 1] == UInt8(ascii: ".") { throw .serverName }
    do throws(CapacityError) { try name.replace(with: plain) } catch { throw .serverName }
    let context = try Self.makeContext(settings, .certificate)
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
    // Only an association can tell whether the name is valid.
    let trial = try Self.makeConnection(context, settings)
    guard trial.setServerName(name.bytes) else { throw .serverName }
    let binding: FixedBytes<32>
    if let certificate {
      binding = try Self.digest(name.bytes, authorities, certificate)
    } else {
      binding = try Self.digest(name.bytes, authorities, Span())
    }
    self.init(context, settings, .certificate, name, nil, binding)
  }

  /// Authenticates both ends with a pre-shared key (RFC 4279) of 1 to 128 bytes, under an identity
  /// of 1 to 255 bytes.
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
    let binding = try Self.digest(name.bytes, key, Span())
    self.init(context, settings, .preSharedKey, name, consume secret, binding)
  }

  @inline(never)  // It has so many fields that each copy would cost 600 bytes.
  private init(
    _ context: consuming DTLSContext,
    _ settings: DTLSSettings,
    _ mode: Mode,
    _ name: FixedBytes<256>,
    _ key: consuming SecretBytes?,
    _ binding: FixedBytes<32>
  ) {
    self.context = context
    self.settings = settings
    self.mode = mode
    self.name = name
    self.key = key
    self.binding = binding
  }

  @inline(never)
  private static func makeContext(
    _ settings: DTLSSettings,
    _ mode: Mode
  ) throws(DTLSConfigurationError) -> DTLSContext {
    do throws(OpenSSLError) {
      let context = try DTLSContext(.client)
      let isTicket = settings.resumption == .ticket && mode != .certificate
      context.setResumption(isTicket ? .sessionID : settings.resumption)
      if let length = settings.maxFragmentLength { try context.setMaxFragmentLength(length) }
      try setSuites(context, settings, mode)
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
      try context.setGroups(DTLSSuites.groups)
      try context.setSignatures(DTLSSuites.signatures)
    case .preSharedKey:
      suites = isLegacy ? DTLSSuites.legacyPreSharedKey : DTLSSuites.preSharedKey
      try context.setSignatures(DTLSSuites.noSignatures)
    }
    // OpenSSL ends an association over a single record with a wrong MAC where encrypt-then-MAC (RFC 7366) has been
    // agreed on: anybody who can send the device a datagram could do that. Without, it drops the record (RFC 6347
    // Section 4.1.2.7), and checks the padding in constant time.
    // conformance: 6347-4.1.2-d
    try context.setSuites(suites, needsEncryptThenMAC: false)
  }

  /// SHA-256 over the SHA-256 of each part.
  static func digest(
    _ first: Span<UInt8>,
    _ second: Span<UInt8>,
    _ third: Span<UInt8>
  ) throws(DTLSConfigurationError) -> FixedBytes<32> {
    var parts = FixedBytes<96>()
    do throws(OpenSSLError) {
      try append(first, to: &parts)
      try append(second, to: &parts)
      try append(third, to: &parts)
      return try Hash.sha256.digest(of: parts.bytes)
    } catch {
      throw .library(code: error.code)
    }
  }

  private static func append(
    _ part: Span<UInt8>,
    to digests: inout FixedBytes<96>
  ) throws(OpenSSLError) {
    let digest = try Hash.sha256.digest(of: part)
    do throws(CapacityError) {
      try digests.append(digest.bytes)
    } catch {
      preconditionFailure("three digests have 96 bytes")
    }
  }
}

// MARK: - The payload seam, which is unused

extension DTLSSecurity {
  /// Does nothing: the channel has its own keys.
  public mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) {}

  /// Appends `payload` unchanged.
  public mutating func seal(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    do throws(CapacityError) { try output.append(payload) } catch { throw .capacity }
  }

  /// Appends `payload` unchanged.
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
