#if !hasFeature(Embedded)
internal import COpenSSL
internal import ConstrainedCore

// What only a server needs; a device has none of it.

extension DTLSContext {
  /// Makes a server ask who says hello to come again with a cookie, before it remembers anything
  /// (RFC 6347 Section 4.2.1).
  public func setCookies() {
    unsafe SSL_CTX_set_cookie_generate_cb(handle) { ssl, cookie, count in
      guard let io = unsafe DatagramBIO.of(ssl), let made = unsafe io.pointee.cookie() else {
        return 0
      }
      // SAFETY: OpenSSL gives room for 255 bytes.
      for index in 0..<16 { unsafe cookie?[index] = made.bytes[index] }
      unsafe count?.pointee = 16
      return 1
    }
    unsafe SSL_CTX_set_cookie_verify_cb(handle) { ssl, cookie, count in
      guard count == 16, let cookie = unsafe cookie, let io = unsafe DatagramBIO.of(ssl),
        let made = unsafe io.pointee.cookie()
      else { return 0 }
      // SAFETY: the cookie has `count` bytes.
      let given = unsafe Span(_unsafeStart: cookie, count: 16)
      return constantTimeEqual(given, made.bytes.extracting(0..<16)) ? 1 : 0
    }
  }

  /// Forgets the sessions of a server's cache.
  public func forgetSessions() {
    unsafe nbiot_forget_sessions(handle)
  }

  /// How long a server remembers a session, in seconds.
  public func setSessionLifetime(_ seconds: Int) {
    unsafe SSL_CTX_set_timeout(handle, seconds)
  }
}

extension DTLSConnection {
  /// Says who is at the other end, in at most 64 bytes, and with which secret its cookies are made.
  public mutating func setPeer(_ peer: [UInt8], cookieKey: [UInt8]) {
    try? unsafe io.pointee.peer.replace(with: peer.span.extracting(0..<min(64, peer.count)))
    try? unsafe io.pointee.key.replace(with: cookieKey.span)
  }

  /// Looks up the pre-shared key of an identity; `nil` refuses it.
  public mutating func setKeys(_ find: @escaping ([UInt8]) -> [UInt8]?) {
    unsafe io.pointee.findKey = find
    unsafe SSL_set_psk_server_callback(ssl) { ssl, identity, key, maxKey in
      guard let io = unsafe DatagramBIO.of(ssl), let text = unsafe identity else { return 0 }
      // SAFETY: the identity ends with zero; there is room for `maxKey` bytes.
      let name = Array(unsafe String(cString: text).utf8)
      guard let found = unsafe io.pointee.findKey?(name), found.count <= Int(maxKey) else {
        return 0
      }
      for index in found.indices { unsafe key?[index] = found[index] }
      return UInt32(found.count)
    }
  }

  /// Whether the client has changed its cipher and its Finished is what comes next.
  public var awaitsFinished: Bool {
    unsafe state == .handshaking && nbiot_awaits_finished(ssl) == 1
  }

  /// Whether the handshake's suite has a pre-shared key and no certificate.
  public var hasAgreedOnPreSharedKey: Bool { unsafe nbiot_has_agreed_on_psk(ssl) == 1 }

  /// Takes in a hello; `true` when it had the right cookie, so that the association has begun and is
  /// to be given an empty datagram next.
  ///
  /// A hello without a cookie is answered with one; anything else is dropped. Nothing is kept of
  /// either.
  public mutating func listen(_ datagram: [UInt8]) -> Bool {
    var isGreeted = false
    unsafe datagram.withUnsafeBufferPointer { bytes in
      // SAFETY: the pointer is taken back below, before the array ends.
      unsafe io.pointee.input = bytes.baseAddress
      unsafe io.pointee.inputCount = bytes.count
      // It answers under the number of the hello's record (RFC 6347 Section 4.2.1).
      let expected = unsafe io.pointee.expected
      unsafe io.pointee.expected = 0
      isGreeted = unsafe nbiot_listen(ssl) == 1
      unsafe io.pointee.expected = expected
      unsafe io.pointee.input = nil
      unsafe io.pointee.inputCount = 0
    }
    ERR_clear_error()
    return isGreeted
  }
}

extension OpenSSLError {
  /// Whether a record could not be decrypted, or its MAC is wrong.
  public var isUnreadableRecord: Bool {
    Int(ERR_GET_REASON(code)) == Int(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC)
  }
}

extension DatagramBIO {
  /// The cookie of the peer: 16 bytes of an HMAC that nobody else can make.
  fileprivate func cookie() -> FixedBytes<32>? {
    try? Hash.sha256.hmac(key: key.bytes, content: peer.bytes)
  }
}
#endif
