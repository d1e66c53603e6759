public import CoAPExchange
public import ConstrainedCore
package import OpenSSLSupport

/// How a device uses DTLS; the defaults are for a radio that costs energy for every byte.
public struct DTLSSettings: Sendable {
  /// How patiently a flight of the handshake is sent again: ACK_TIMEOUT, doubling, MAX_RETRANSMIT
  /// times (RFC 7925 Section 11 recommends to start with 9 seconds on such radios).
  public var timing = TransmissionParameters.standard

  /// After how long a silence the association counts as lost, because NAT has forgotten the device;
  /// `nil` for never.
  ///
  /// NAT bindings live 30 to 60 seconds. OpenSSL has no connection IDs (RFC 9146), so that a message
  /// from another port reaches nobody.
  public var idleLimit: Milliseconds? = Milliseconds(30_000)

  /// After how many transmissions of confirmable messages without any answer the association counts as
  /// lost, 1 or more; never later than when a request ends without an answer.
  ///
  /// A request that is sent again over another association is a new message to the server: where it
  /// had arrived and its answers were lost, the server gets it twice. So the device is not hasty.
  public var silenceLimit = 3

  /// What fits the link with the headers of IP and UDP, in bytes, 256 to 1,500; flights are cut so, with
  /// the 48 bytes that IPv6 needs.
  public var linkMTU = 1_280

  /// Asks for records of at most 512, 1,024, 2,048 or 4,096 bytes (RFC 6066 Section 4); `nil` for any.
  public var maxFragmentLength: Int?

  /// How a session is resumed.
  public enum Resumption: Sendable {
    /// Never: each handshake is a whole one.
    case none
    /// By the identifier under which the server keeps it.
    case sessionID
    /// By a ticket of the server's that the device keeps (RFC 5077); with a pre-shared key, where a whole
    /// handshake costs less, by the identifier.
    case ticket
  }

  /// How sessions are resumed.
  ///
  /// An identifier costs 64 bytes in two hellos; a ticket costs twice its length, some 400 bytes, and
  /// is for servers that keep no sessions themselves.
  public var resumption = Resumption.sessionID

  /// Whether the hello that resumes a session names the server, as RFC 6066 Section 3 recommends.
  ///
  /// Without it each of two hellos is 9 bytes and the name shorter; a server that serves several names
  /// at one address may then not find the session.
  public var namesServerOnResumption = true

  /// Whether the last flight of a resumed handshake and the first message go in one datagram, which saves
  /// the headers of another one and a transmission.
  ///
  /// Servers should take records of the handshake and of the application in one datagram, as RFC 6347
  /// Section 4.1.1 allows. libcoap 4.3.1 over OpenSSL never answers then; the device finds that out by
  /// the silence and does not do it again.
  public var joinsLastFlight = false

  /// Whether the server is told goodbye (close_notify, RFC 5246 Section 7.2.1) when the device closes, and
  /// answered when it says so itself.
  ///
  /// The RFC demands both; each costs a transmission, and the session can be resumed without.
  public var saysGoodbye = false

  /// Whether suites without forward secrecy or with CBC are offered too, after all others: static RSA
  /// and CBC with certificates, CBC with a pre-shared key.
  ///
  /// The platform's own C SDKs have no others. Encrypt-then-MAC (RFC 7366) is not offered for CBC: with it OpenSSL
  /// ends an association over one forged record.
  public var allowsLegacySuites = false

  /// Whether the server's name may stand in the subject's common name of a certificate without alternative
  /// names, as that of an old platform may.
  ///
  /// RFC 9525 Section 6.3 forbids it: an authority vouches for the alternative names alone.
  public var allowsCommonName = false

  /// How many authorities may stand between the server's certificate and the trusted one.
  public var chainDepth = 4

  /// Whose time the instants are.
  package var clock = DTLSConnection.Clock.machine

  /// The settings for a radio that costs energy.
  public init() {}

  /// A request that has ended without an answer was sent so often.
  var silentMessages: Int { max(1, min(silenceLimit, timing.maxRetransmit + 1)) }

  var patience: DTLSConnection.Patience {
    DTLSConnection.Patience(timeout: timing.acknowledgementTimeout, limit: timing.maxRetransmit)
  }
}

/// Why an association cannot be made of what was given; nothing was sent.
public enum DTLSConfigurationError: Error, Equatable, Sendable {
  /// There is no certificate in PEM among the authorities, or one that is broken.
  case authorities
  /// The server's name is empty, longer than 255 bytes, or contains what no name can.
  case serverName
  /// The device's certificate and key, in PEM, are broken, encrypted or do not fit together.
  case deviceCertificate
  /// The identity has more than 255 bytes, none, or a zero among them, or the key not 1 to 128 bytes.
  case preSharedKey
  /// A session that was exported for another server, other authorities or another key, or no session.
  case foreignSession
  /// OpenSSL refused, with its packed error code.
  case library(code: UInt)
}
