// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import COpenSSL
internal import ConstrainedCore

// Functions for servers only; a device does not link them.

extension DTLSContext {
  /// Makes a server demand a cookie from a client before it keeps any state (RFC 6347 Section
  /// 4.2.1).
  public func setCookies() {
    unsafe SSL_CTX_set_cookie_generate_cb(handle) { ssl, cookie, count in
      guard let io = unsafe DatagramBIO.of(ssl), let made = unsafe io.pointee.cookie() else {
        return 0
      }
      // SAFETY: OpenSSL provides room for 255 bytes.
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

  /// Removes all sessions from a server's cache.
  public func forgetSessions() {
    unsafe nbiot_forget_sessions(handle)
  }

  /// The lifetime of a session in the server's cache, in seconds.
  public func setSessionLifetime(_ seconds: Int) {
    unsafe SSL_CTX_set_timeout(handle, seconds)
  }
}

extension DTLSConnection {
  /// Sets the peer's identity, at most 64 bytes, and the secret for its cookies.
  public mutating func setPeer(_ peer: [UInt8], cookieKey: [UInt8]) {
    try? unsafe io.pointee.peer.replace(with: peer.span.extracting(0..<min(64, peer.count)))
    try? unsafe io.pointee.key.replace(with: cookieKey.span)
  }

  /// Sets the lookup of pre-shared keys by identity; `nil` refuses the identity.
  public mutating func setKeys(_ find: @escaping ([UInt8]) -> [UInt8]?) {
    unsafe io.pointee.findKey = find
    unsafe SSL_set_psk_server_callback(ssl) { ssl, identity, key, maxKey in
      guard let io = unsafe DatagramBIO.of(ssl), let text = unsafe identity else { return 0 }
      // SAFETY: the identity ends with a zero byte; there is room for `maxKey` bytes.
      let name = Array(unsafe String(cString: text).utf8)
      guard let found = unsafe io.pointee.findKey?(name), found.count <= Int(maxKey) else {
        return 0
      }
      for index in found.indices { unsafe key?[index] = found[index] }
      return UInt32(found.count)
    }
  }

  /// Whether the client has changed its cipher, so that its Finished comes next.
  public var awaitsFinished: Bool {
    unsafe state == .handshaking && nbiot_awaits_finished(ssl) == 1
  }

  /// Whether the negotiated suite uses a pre-shared key and no certificate.
  public var hasAgreedOnPreSharedKey: Bool { unsafe nbiot_has_agreed_on_psk(ssl) == 1 }

  /// Handles a hello; returns `true` if its cookie was right.
  ///
  /// The association has then begun; pass it an empty datagram next. A hello without a cookie is
  /// answered with one, and anything else is dropped; neither leaves any state.
  public mutating func listen(_ datagram: [UInt8]) -> Bool {
    var isGreeted = false
    unsafe datagram.withUnsafeBufferPointer { bytes in
      // SAFETY: the pointer is reset below, before the array goes away.
      unsafe io.pointee.input = bytes.baseAddress
      unsafe io.pointee.inputCount = bytes.count
      // The response copies the hello's record number (RFC 6347 Section 4.2.1).
      let expected = unsafe io.pointee.expected
      unsafe io.pointee.expected = 0
      isGreeted = unsafe nbiot_listen(ssl) == 1
      unsafe io.pointee.expected = expected
      unsafe io.pointee.input = nil
      unsafe io.pointee.inputCount = 0
    }
    OpenSSLError.emptyQueue()
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
  /// The peer's cookie: 16 bytes of an HMAC, which nobody else can compute.
  fileprivate func cookie() -> FixedBytes<32>? {
    try? Hash.sha256.hmac(key: key.bytes, content: peer.bytes)
  }
}
#endif
