internal import CoAPExchange
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

/// The platform's DTLS mode on port 5684: DTLS 1.2 (RFC 6347) under every message, without a socket.
///
/// It shakes hands when the first message is to be sent, and again when the association is lost:
/// after `idleLimit` without a datagram, after `silenceLimit` messages without an answer, when the
/// server closes it. Then it resumes the session, or makes a new one where the server has forgotten it.
/// An association that is given up is still listened to until the next one stands: an answer that was
/// long on its way is not lost. Where the server does not answer the new hello, it is told goodbye first:
/// RFC 6347 Section 4.2.8 lets it take a hello amid an association, but libcoap's servers do not.
public struct DTLSSecurity: ~Copyable, SecurityLayer {
  enum Mode {
    case certificate
    case preSharedKey
  }

  let context: DTLSContext
  let settings: DTLSSettings
  let mode: Mode
  let serverName: FixedBytes<256>
  let identity: FixedBytes<256>
  let key: SecretBytes?
  /// SHA-256 of all that a session depends on: an exported one is for this alone.
  let binding: FixedBytes<32>

  var connection: DTLSConnection?
  /// An association that was given up, as long as its successor is made.
  var previous: DTLSConnection?
  var isResuming = false
  var session: DTLSSession?

  /// Whether the previous association was told goodbye, and whether the server is known to need that.
  var hasSaidGoodbye = false
  var needsGoodbye: Bool { goodbyesNeeded > 1 }
  /// How often a hello was answered only after a goodbye: once may have been a loss.
  var goodbyesNeeded = 0

  var lastDatagram = Instant(milliseconds: 0)
  var unanswered = 0
  /// Whether a message has come over the association, and whether its predecessor was given up without
  /// one.
  var hasAnswered = false
  var wasSilent = false
  /// Whether a message has gone over the association, either way, and whether an earlier one was over
  /// before that.
  var isUsed = false
  var wasUseless = false
  /// Whether its last flight went with a message, and whether the server turned out not to take that.
  var hasJoined = false
  var cannotJoin = false

  /// Whether the message that was unwrapped last is only the beginning of one that had no room.
  public internal(set) var hasCutMessage = false

  var handshakeBytes = 0
  var helloBytes = 0

  /// How often the handshake has started over, and how often because of a refusal; when it began, and the last
  /// reason, while the next start waits.
  var startsOver = 0
  var refusals = 0
  var begunAt = Instant(milliseconds: 0)
  var doubt: HandshakeFailure?
  /// What OpenSSL refused of the server's in this handshake.
  var refused: HandshakeFailure?
  var failures = 0
  var notBefore = Instant(milliseconds: .min)
  var waitsUntil: Instant?
  var event: SecurityEvent?

  /// Reports carry no sequence number: the channel has its own.
  public var usesSequence: Bool { false }

  /// A datagram is a record.
  @inlinable
  public var wrapsDatagrams: Bool { true }
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
    // RFC 6066 Section 3: without the dot at its end, which makes a name absolute to DNS.
    let isAbsolute = serverName.count > 1 && serverName[serverName.count - 1] == UInt8(ascii: ".")
    let plain = serverName.extracting(droppingLast: isAbsolute ? 1 : 0)
    if plain.count > 0, plain[plain.count - 1] == UInt8(ascii: ".") { throw .serverName }
    do throws(CapacityError) { try name.replace(with: plain) } catch { throw .serverName }
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
    guard trial.setServerName(name.bytes) else { throw .serverName }
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
