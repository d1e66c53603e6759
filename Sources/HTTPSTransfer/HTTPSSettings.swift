// SPDX-License-Identifier: Apache-2.0
/// Trusted authorities and timeouts of HTTPS.
///
/// There is no time limit for a whole transfer, which may take hours over a slow link.
public struct HTTPSSettings: Sendable {
  /// The certificates of the trusted authorities in PEM; `nil` for those of the system.
  public var authorities: [UInt8]?

  /// Whether the common name counts as the server's name in a certificate without alternative
  /// names, which RFC 9525 Section 6.3 forbids.
  ///
  /// A libcurl without OpenSSL always accepts such names.
  public var allowsCommonName = false

  /// The time limit for connecting, including the TLS handshake, in seconds.
  public var connectTimeout = 60

  /// How long the rate may stay below `slowestRate` before the connection counts as broken, in
  /// seconds.
  public var patience = 60

  /// The rate below which a connection counts as stalled, in bytes per second.
  public var slowestRate = 10

  /// The maximum number of redirects for a GET; a POST follows none.
  public var maxRedirects = 5

  /// Cancels a transfer in progress.
  public var interruption = Interruption()

  /// Trusts the system's authorities, with timeouts of a minute.
  public init() {}
}
