// SPDX-License-Identifier: Apache-2.0
/// The cipher suites, signature algorithms and groups offered to the server, by OpenSSL's names.
///
/// Every suite costs 4 bytes in two hellos. ChaCha20-Poly1305 and CCM_8 add 29 bytes to a record,
/// CCM and GCM 37, CBC with SHA-1 50 to 65.
enum DTLSSuites {
  /// With certificates: forward secrecy and authenticated encryption, the shortest records first.
  static var certificate: StaticString {  // conformance: 7252-9.1.3-b 6347-4.1.2-a
    """
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-CCM8:\
    ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
    """
  }

  static var legacyCertificate: StaticString {
    """
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-CCM8:\
    ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA:\
    AES128-CCM8:AES128-GCM-SHA256:AES128-SHA256:AES128-SHA:AES256-SHA
    """
  }

  /// With a pre-shared key.
  static var preSharedKey: StaticString {  // conformance: 7252-9.1.3-c
    "PSK-CHACHA20-POLY1305:PSK-AES128-CCM8:PSK-AES128-CCM:PSK-AES128-GCM-SHA256"
  }

  /// Unverified: the platform's C SDK v4 offers only the last one.
  static var legacyPreSharedKey: StaticString {
    """
    PSK-CHACHA20-POLY1305:PSK-AES128-CCM8:PSK-AES128-CCM:PSK-AES128-GCM-SHA256:\
    PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA
    """
  }

  /// The server's signature algorithms: certificates have ECDSA keys on P-256, or RSA keys.
  static var signatures: StaticString { "ECDSA+SHA256:RSA+SHA256" }

  /// A pre-shared key needs no signature, but OpenSSL always sends the extension.
  static var noSignatures: StaticString { "ECDSA+SHA256" }

  /// X25519 saves 33 bytes each way; P-256 is for the keys in certificates, and for servers without
  /// X25519.
  static var groups: StaticString { "X25519:P-256" }  // conformance: 7252-9.1.3-d
}
