// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// Results of the handshake, and pending data.
extension DTLSConnection {
  /// Whether an earlier session was resumed.
  public var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// Whether this end has sent its Finished, with its last flight or the last but one.
  public var hasSentFinished: Bool {
    var digest: UInt8 = 0
    // SAFETY: there is room for the one byte.
    return unsafe SSL_get_finished(ssl, &digest, 1) > 0
  }

  /// Whether the server has sent at most a cookie.
  public var isSayingHello: Bool { unsafe nbiot_is_saying_hello(ssl) != 0 }

  /// Whether two different cookies came, and the hello with the first one has no answer yet.
  public var doubtsCookie: Bool { unsafe io.pointee.hasTwoCookies && isSayingHello }

  /// The cipher suite's OpenSSL name; empty before one is negotiated.
  public var suite: FixedBytes<64> {
    var name = FixedBytes<64>()
    guard let cipher = unsafe SSL_get_current_cipher(ssl),
      let text = unsafe SSL_CIPHER_get_name(cipher)
    else { return name }
    name.write { (writer: inout ByteWriter) in
      var index = 0
      // SAFETY: the text ends with a zero byte.
      while unsafe text[index] != 0 {
        try? writer.append(UInt8(bitPattern: unsafe text[index]))
        index += 1
      }
    }
    return name
  }

  /// The session in the form that `resume` takes; `nil` if it cannot be resumed.
  public func session() -> DTLSSession? {
    guard let session = unsafe SSL_get_session(ssl),
      unsafe SSL_SESSION_is_resumable(session) == 1
    else { return nil }
    return unsafe DTLSSession(session)
  }

  /// The number of bytes that the session's identifier and ticket add to a hello that resumes it.
  public var resumptionBytes: Int {
    guard let session = unsafe SSL_get_session(ssl) else { return 0 }
    var count: Int = 0
    unsafe SSL_SESSION_get0_ticket(session, nil, &count)
    return 32 + count
  }

  /// Whether the server has requested a client certificate and the device has none.
  public var lacksCertificate: Bool { unsafe io.pointee.lacksCertificate }

  /// The maximum length of a message, limited by the negotiated record size and to 2,048 bytes.
  public var maxMessage: Int {
    #if DEVICE_ONLY
    // The device never asks for shorter records.
    return Self.mostMessage
    #else
    let limit = unsafe nbiot_max_fragment(ssl)
    return limit == 0 ? Self.mostMessage : min(limit, Self.mostMessage)
    #endif
  }

  /// The length of the first datagram in the queue, in bytes.
  public var queuedBytes: Int { unsafe io.pointee.nextCount }

  /// Whether the last datagram contains another message.
  public var hasPendingMessage: Bool {
    unsafe state == .established && SSL_has_pending(ssl) == 1
  }
}
