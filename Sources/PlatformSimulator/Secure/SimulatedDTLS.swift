public import ConstrainedCore
public import OpenSSLSupport

/// The platform's end of its DTLS associations.
public struct SimulatedDTLS: Sendable {
  /// The server's certificate, with those of its authorities behind it, in PEM; empty for none.
  public var certificate: [UInt8] = []

  /// The certificate's private key in PEM.
  public var key: [UInt8] = []

  /// A certificate with an RSA key beside the other one, for devices without elliptic curves; empty for none.
  public var rsaCertificate: [UInt8] = []

  /// The private key of the certificate with an RSA key, in PEM.
  public var rsaKey: [UInt8] = []

  /// Whether a device may prove itself with a pre-shared key made of its secret, as the platform's C
  /// SDK v4 does, instead of verifying a certificate.
  public var takesPreSharedKeys = true

  /// Whether suites with static RSA or CBC are taken, too.
  public var allowsLegacySuites = false

  /// What a handshake's failure for lack of those suites calls the setting that takes them.
  public var legacySuitesName = "SimulatedDTLS.allowsLegacySuites"

  /// Where sessions are kept to be resumed.
  public var resumption = DTLSContext.Resumption.sessionID

  /// How long a session can be resumed.
  public var sessionLifetime = Milliseconds(24 * 3_600 * 1_000)

  /// After how long without a datagram the server closes an association; `nil` for never.
  public var idleLimit: Milliseconds? = Milliseconds(300_000)

  /// How patiently a flight is sent again.
  public var patience = DTLSConnection.Patience(timeout: Milliseconds(2_000), limit: 5)

  /// What fits the link with the headers of IP and UDP.
  public var linkMTU = 1_280

  /// Whose time the instants are.
  package var clock = DTLSConnection.Clock.machine

  /// A server without a certificate, for devices with pre-shared keys.
  public init() {}
}
