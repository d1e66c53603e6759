// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import OpenSSLSupport

/// The configuration of the platform's DTLS associations.
public struct SimulatedDTLS: Sendable {
  /// The server's certificate in PEM, followed by intermediate certificates; empty for none.
  public var certificate: [UInt8] = []

  /// The certificate's private key in PEM.
  public var key: [UInt8] = []

  /// An additional certificate with an RSA key, for devices without elliptic curves; empty for
  /// none.
  public var rsaCertificate: [UInt8] = []

  /// The private key of the RSA certificate in PEM.
  public var rsaKey: [UInt8] = []

  /// Whether devices may authenticate with a pre-shared key derived from their secret, as the
  /// platform's C SDK v4 does, instead of verifying a certificate.
  public var takesPreSharedKeys = true

  /// Whether suites with static RSA or CBC are accepted as well.
  public var allowsLegacySuites = false

  /// The name of that setting in the message for a handshake that failed for lack of those suites.
  public var legacySuitesName = "SimulatedDTLS.allowsLegacySuites"

  /// Where sessions are stored for resumption.
  public var resumption = DTLSContext.Resumption.sessionID

  /// How long a session can be resumed.
  public var sessionLifetime = Milliseconds(24 * 3_600 * 1_000)

  /// The time without a datagram after which the server closes an association; `nil` for no limit.
  public var idleLimit: Milliseconds? = Milliseconds(300_000)

  /// The schedule of a flight's retransmissions.
  public var patience = DTLSConnection.Patience(timeout: Milliseconds(2_000), limit: 5)

  /// The link's MTU in bytes, including the headers of IP and UDP.
  public var linkMTU = 1_280

  /// The clock of the instants.
  package var clock = DTLSConnection.Clock.machine

  /// A server without a certificate, for devices with pre-shared keys.
  public init() {}
}
