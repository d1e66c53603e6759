// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

extension DTLSConnection {
  /// Requires the peer's certificate to be for `name`, a host name or an address in digits, and
  /// sends the name to the server (RFC 6066 Section 3) unless it is an address.
  ///
  /// Without `isSent` the name is not sent, which saves 9 bytes and the name in each hello. With
  /// `allowsCommonName` a name in the subject's common name alone is accepted; RFC 9525 Section 6.3
  /// forbids that. Returns `false` if a certificate cannot contain the name.
  public func setServerName(
    _ name: Span<UInt8>,
    isSent: Bool = true,
    allowsCommonName: Bool = false
  ) -> Bool {
    // OpenSSL treats a name with a leading dot as any name that ends in it.
    guard name.count > 0, name.count <= 255, name[0] != UInt8(ascii: ".") else { return false }
    for index in name.indices where name[index] <= 0x20 || name[index] >= 0x7F { return false }
    let ssl = unsafe ssl
    return unsafe withCString(name) { text in
      let parameters = unsafe SSL_get0_param(ssl)
      if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, text) == 1 { return true }
      OpenSSLError.emptyQueue()
      var flags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
      if !allowsCommonName { flags |= UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) }
      unsafe SSL_set_hostflags(ssl, flags)
      // conformance: 7252-9.1.3-f
      guard unsafe SSL_set1_host(ssl, text) == 1 else { return false }
      // conformance: 7252-9.1.3-a
      return unsafe !isSent || nbiot_set_server_name(ssl, text) == 1
    }
  }

  /// Authenticates with a pre-shared key (RFC 4279); the identity has at most 255 bytes, none of
  /// them zero, the key at most 128.
  public func setPreSharedKey(
    identity: Span<UInt8>,
    key: Span<UInt8>
  ) throws(CapacityError) {
    guard identity.count <= 255 else { throw CapacityError() }
    try unsafe io.pointee.identity.replace(with: identity)
    try unsafe io.pointee.key.replace(with: key)
    unsafe SSL_set_psk_client_callback(ssl) { ssl, _, identity, maxIdentity, key, maxKey in
      guard let io = unsafe DatagramBIO.of(ssl) else { return 0 }
      // SAFETY: OpenSSL provides room for `maxIdentity` characters and a zero byte, and for
      // `maxKey` bytes.
      return unsafe io.pointee.givePreSharedKey(identity, Int(maxIdentity), key, Int(maxKey))
    }
  }

  /// Offers to resume a session returned by `session`, in the fewest bytes: its suite only, one
  /// group and one signature algorithm.
  ///
  /// Returns `false` for bytes that are not a session, for a suite that the context does not offer,
  /// and if the server's certificate has expired since; the handshake is then a full one.
  public func resume(_ session: Span<UInt8>) -> Bool {
    // SAFETY: the pointer covers exactly the span and does not outlive the call.
    let decoded = unsafe session.withUnsafeBufferPointer {
      unsafe nbiot_decode_session($0.baseAddress, $0.count)
    }
    guard let decoded = unsafe decoded else {
      OpenSSLError.emptyQueue()
      return false
    }
    defer { unsafe SSL_SESSION_free(decoded) }
    if let certificate = unsafe SSL_SESSION_get0_peer(decoded),
      unsafe nbiot_is_expired(certificate) != 0
    {
      return false
    }
    guard let suite = unsafe SSL_SESSION_get0_cipher(decoded),
      unsafe nbiot_offers(ssl, suite) == 1,
      unsafe SSL_set_cipher_list(ssl, SSL_CIPHER_get_name(suite)) == 1,
      // Of the two groups, the one that every server supports, in case it no longer has the
      // session.
      unsafe nbiot_set_groups(ssl, cString("P-256")) == 1,
      unsafe nbiot_set_own_signatures(
        ssl,
        cString(nbiot_has_rsa(suite) == 1 ? "RSA+SHA256" : "ECDSA+SHA256")
      ) == 1,
      unsafe SSL_set_session(ssl, decoded) == 1
    else {
      OpenSSLError.emptyQueue()
      return false
    }
    return true
  }
}
