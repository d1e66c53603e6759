// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension HandshakeFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .noAnswer:
      "no answer to the DTLS handshake: check host and port, and that UDP gets through"
    case .unconfirmed:
      "the DTLS server answered, but did not finish the handshake: with a pre-shared key, check the "
        + "device secret or the key; else the link loses too much"
    case .unknownAuthority:
      "the server's certificate is not vouched for by any authority in the CA file: give the file of "
        + "the platform's root certificate"
    case .wrongName:
      "the server's certificate is for another host: check the endpoint, or give the server name that "
        + "the certificate has; its common name counts only where that is allowed"
    case .expired:
      "the server's certificate has expired: check the device's clock, then the server"
    case .notYetValid:
      "the server's certificate is not valid yet: the device's clock is probably wrong, set it"
    case .invalidAuthority:
      "a certificate in the server's chain was issued by one that is not an authority (CA:FALSE): the "
        + "server is misconfigured, or somebody is in between"
    case .weakSignature:
      "the server signs with SHA-1 or MD5, which can be forged: it needs a certificate signed with "
        + "SHA-256"
    case .weakKey:
      "a key in the server's chain is too short: RSA needs 2,048 bits, ECDSA on P-256 is better"
    case .wrongPurpose:
      "the server's certificate is not for servers: its extended key usage lacks serverAuth"
    case .certificate(let code):
      "the server's certificate is not good (X509_V_ERR \(code); see openssl-verify(1))"
    case .oldVersion:
      "the server does not support DTLS 1.2, only older versions, which are insecure"
    case .nothingInCommon:
      "the server accepts none of the cipher suites and curves: it may know only static RSA or CBC, which "
        + "are offered only when asked for, or have a key on another curve than P-256"
    case .certificateWanted:
      "the server demands a client certificate, and the device has none"
    case .unknownIdentity:
      "the server does not know the identity of the pre-shared key: check product key and device name, or "
        + "the identity of a key of your own"
    case .wrongKey:
      "the server says that the pre-shared key is wrong: check the device secret or the key"
    case .alert(let number):
      "the server refused the DTLS handshake with alert \(number) (RFC 5246, section 7.2)"
    case .library(let code):
      "the DTLS handshake failed (openssl errstr \(String(code, radix: 16)) explains)"
    }
  }
}
#endif
