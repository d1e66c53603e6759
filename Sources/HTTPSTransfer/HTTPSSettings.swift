/// Whom HTTPS trusts and how patient it is.
///
/// There is no time limit for a whole transfer, which may take hours over a slow link.
public struct HTTPSSettings: Sendable {
  /// The certificates of the authorities that may vouch for a server, in PEM; without them those of
  /// the system count.
  public var authorities: [UInt8]?

  /// Whether the server's name may stand in the subject's common name of a certificate without alternative
  /// names, which RFC 9525 Section 6.3 forbids.
  ///
  /// A libcurl without OpenSSL takes such names in any case.
  public var allowsCommonName = false

  /// How long a connection and its TLS handshake may take, in seconds.
  public var connectTimeout = 60

  /// How long fewer than `slowestRate` bytes a second may come before the connection counts as
  /// broken, in seconds.
  public var patience = 60

  /// The rate under which a connection counts as stalled, in bytes a second.
  public var slowestRate = 10

  /// How many redirects a GET follows; a POST follows none.
  public var maxRedirects = 5

  /// Ends a transfer before it is through.
  public var interruption = Interruption()

  /// The system's authorities, and a minute's patience.
  public init() {}
}
