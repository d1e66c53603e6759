/// What happened in a security layer that has associations.
public enum SecurityEvent: Equatable, Sendable {
  /// Both ends have proved who they are, by a whole handshake or by resuming an earlier session.
  case established(isResumed: Bool)
  /// The peer ended the association; the next message begins another one.
  case closed
  /// The two ends do not come together.
  case failed(HandshakeFailure)
}

/// Why there is no association with the peer.
public enum HandshakeFailure: Error, Equatable, Sendable {
  /// Nothing came.
  case noAnswer
  /// The peer answered, but not to the end: so looks a wrong pre-shared key, and a link that lost too
  /// much.
  case unconfirmed
  /// No authority that is trusted vouches for the certificate.
  case unknownAuthority
  /// The certificate is another host's.
  case wrongName
  /// The certificate's time is over.
  case expired
  /// The certificate's time has not begun.
  case notYetValid
  /// A certificate of the chain was issued by one that may not issue any.
  case invalidAuthority
  /// A signature was made with SHA-1 or MD5.
  case weakSignature
  /// A key is too short, as RSA's with less than 2,048 bits.
  case weakKey
  /// The certificate is not for servers.
  case wrongPurpose
  /// The certificate is not good for another reason, OpenSSL's `X509_V_ERR_…`.
  case certificate(code: Int32)
  /// The peer knows no DTLS 1.2.
  case oldVersion
  /// The peer accepts nothing of what is offered.
  case nothingInCommon
  /// The peer demands a certificate of the device's, and there is none.
  case certificateWanted
  /// The peer does not know the identity of the pre-shared key.
  case unknownIdentity
  /// The peer says that the pre-shared key is wrong.
  case wrongKey
  /// The peer refused with this alert (RFC 5246 Section 7.2).
  case alert(UInt8)
  /// OpenSSL refused what the peer sent, with its packed error code.
  case library(code: UInt)
}
