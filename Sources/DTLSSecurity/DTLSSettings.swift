// SPDX-License-Identifier: Apache-2.0
public import CoAPExchange
public import ConstrainedCore
public import OpenSSLSupport

/// A device's settings for DTLS; the defaults are for a radio on which every byte costs energy.
public struct DTLSSettings: Sendable {
  /// The retransmissions of a handshake's flights: ACK_TIMEOUT, doubling, MAX_RETRANSMIT times (RFC
  /// 7925 Section 11 recommends starting with 9 seconds on such radios).
  public var timing = TransmissionParameters.standard

  /// Whether the server's name may stand in the subject's common name of a certificate without alternative
  /// names, as that of an old platform may.
  ///
  /// RFC 9525 Section 6.3 forbids it: an authority vouches for the alternative names alone.
  public var allowsCommonName = false

  #if DEVICE_ONLY
  // Neither the agent nor the C library exposes these settings; the compiler drops the code for other values.
  package var idleLimit: Milliseconds? { Milliseconds(30_000) }
  package var silenceLimit: Int { 3 }
  package var linkMTU: Int { 1_280 }
  package var maxFragmentLength: Int? { nil }
  package var resumption: DTLSContext.Resumption { .sessionID }
  package var namesServerOnResumption: Bool { true }
  package var joinsLastFlight: Bool { false }
  package var saysGoodbye: Bool { false }
  package var allowsLegacySuites: Bool { false }
  package var chainDepth: Int { 4 }
  package var clock: DTLSConnection.Clock { .machine }
  #else
  /// After how long a silence the association counts as lost, because NAT has forgotten the device;
  /// `nil` for never.
  ///
  /// NAT bindings live 30 to 60 seconds. OpenSSL has no connection IDs (RFC 9146), so that a message
  /// from another port reaches nobody.
  public var idleLimit: Milliseconds? = Milliseconds(30_000)

  /// The number of unanswered transmissions of confirmable messages after which the association
  /// counts as lost, 1 or more; it never exceeds those of a whole request.
  ///
  /// A request sent again over another association is a new message to the server: if it had
  /// arrived and only its answers were lost, the server gets it twice. So the device is patient.
  public var silenceLimit = 3

  /// The link's MTU in bytes, including the headers of IP and UDP, 256 to 1,500; flights are
  /// fragmented to fit, assuming the 48 bytes of IPv6.
  public var linkMTU = 1_280

  /// Asks for records of at most 512, 1,024, 2,048 or 4,096 bytes (RFC 6066 Section 4); `nil` for any.
  public var maxFragmentLength: Int?

  /// How sessions are resumed.
  ///
  /// An identifier costs 64 bytes in two hellos; a ticket costs twice its length, some 400 bytes, and
  /// is for servers that keep no sessions themselves. With a pre-shared key, where a whole handshake costs less
  /// than a ticket, `ticket` means the identifier. With `none` each handshake is a whole one.
  public var resumption = DTLSContext.Resumption.sessionID

  /// Whether the hello that resumes a session names the server, as RFC 6066 Section 3 recommends.
  ///
  /// Leaving it out saves 9 bytes and the name in each of two hellos; a server for several names at
  /// one address may then not find the session.
  public var namesServerOnResumption = true

  /// Whether the last flight of a resumed handshake and the first message share a datagram, which
  /// saves the headers of one datagram and a transmission.
  ///
  /// Servers should accept handshake and application records in one datagram, as RFC 6347 Section
  /// 4.1.1 allows. libcoap 4.3.1 over OpenSSL never answers then; the device notices the silence
  /// and stops doing it.
  public var joinsLastFlight = false

  /// Whether to send close_notify (RFC 5246 Section 7.2.1) when the device closes, and in reply to
  /// the server's.
  ///
  /// The RFC requires both; each costs a transmission, and the session can be resumed without them.
  public var saysGoodbye = false

  /// Whether suites without forward secrecy or with CBC are offered too, after all others: static RSA
  /// and CBC with certificates, CBC with a pre-shared key.
  ///
  /// The platform's own C SDKs have no others. Encrypt-then-MAC (RFC 7366) is not offered for CBC: with it OpenSSL
  /// ends an association over one forged record.
  public var allowsLegacySuites = false

  /// How many authorities may stand between the server's certificate and the trusted one.
  public var chainDepth = 4

  /// Whose time the instants are.
  package var clock = DTLSConnection.Clock.machine
  #endif

  /// Uses the settings for a radio on which every byte costs energy.
  public init() {}

  /// The number of transmissions of a request that ends without an answer.
  var silentMessages: Int { max(1, min(silenceLimit, timing.maxRetransmit + 1)) }

  var patience: DTLSConnection.Patience {
    DTLSConnection.Patience(timeout: timing.acknowledgementTimeout, limit: timing.maxRetransmit)
  }
}

/// Why an association cannot be created; nothing was sent.
public enum DTLSConfigurationError: Error, Equatable, Sendable {
  /// The authorities contain no certificate in PEM, or a broken one.
  case authorities
  /// The server's name is empty, longer than 255 bytes, or contains invalid characters.
  case serverName
  /// The device's certificate and key, in PEM, are broken, encrypted or do not match.
  case deviceCertificate
  /// The identity is empty, has more than 255 bytes or a zero byte, or the key does not have 1 to
  /// 128 bytes.
  case preSharedKey
  /// The session was exported for another server, other authorities or another key, or is not a
  /// session.
  case foreignSession
  /// OpenSSL failed, with its packed error code.
  case library(code: UInt)
}
