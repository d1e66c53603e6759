// SPDX-License-Identifier: Apache-2.0
/// An event in a security layer that has associations.
public enum SecurityEvent: Equatable, Sendable {
  /// Both ends have authenticated, in a full handshake or by resuming an earlier session.
  case established(isResumed: Bool)
  /// The peer closed the association; the next message starts another one.
  case closed
  /// The handshake failed.
  case failed(HandshakeFailure)
}

/// Why there is no association with the peer.
public enum HandshakeFailure: Error, Equatable, Sendable {
  /// The peer never answered.
  case noAnswer
  /// The peer answered, but the handshake did not finish: the pre-shared key is wrong, or the link
  /// loses too many datagrams.
  case unconfirmed
  /// The certificate was not issued by a trusted authority.
  case unknownAuthority
  /// The certificate names another host.
  case wrongName
  /// The certificate has expired.
  case expired
  /// The certificate is not valid yet.
  case notYetValid
  /// A certificate in the chain was issued by one that is not an authority.
  case invalidAuthority
  /// A signature was made with SHA-1 or MD5.
  case weakSignature
  /// A key is too short, such as RSA with fewer than 2,048 bits.
  case weakKey
  /// The certificate is not valid for servers.
  case wrongPurpose
  /// The certificate was rejected for another reason, OpenSSL's `X509_V_ERR_…`.
  case certificate(code: Int32)
  /// The peer does not support DTLS 1.2.
  case oldVersion
  /// The peer accepts no cipher suite or curve on offer.
  case nothingInCommon
  /// The peer requires a client certificate, and the device has none.
  case certificateWanted
  /// The peer does not know the identity of the pre-shared key.
  case unknownIdentity
  /// The peer reports that the pre-shared key is wrong.
  case wrongKey
  /// The peer refused with this alert (RFC 5246 Section 7.2).
  case alert(UInt8)
  /// OpenSSL refused what the peer sent, with its packed error code.
  case library(code: UInt)
}
