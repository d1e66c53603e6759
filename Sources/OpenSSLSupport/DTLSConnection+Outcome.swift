internal import COpenSSL
public import ConstrainedCore

/// What the two ends have agreed on, and what waits.
extension DTLSConnection {
  /// Whether an earlier session was resumed.
  public var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// Whether this end has sent its last flight, or the last but one.
  public var hasSentFinished: Bool {
    var digest: UInt8 = 0
    // SAFETY: there is room for the one byte.
    return unsafe SSL_get_finished(ssl, &digest, 1) > 0
  }

  /// Whether the server has sent nothing but a cookie, if anything.
  public var isSayingHello: Bool { unsafe nbiot_is_saying_hello(ssl) != 0 }

  /// The suite's name as OpenSSL spells it; empty before there is one.
  public var suite: FixedBytes<64> {
    var name = FixedBytes<64>()
    guard let cipher = unsafe SSL_get_current_cipher(ssl),
      let text = unsafe SSL_CIPHER_get_name(cipher)
    else { return name }
    name.write { (writer: inout ByteWriter) in
      var index = 0
      // SAFETY: the text ends with zero.
      while unsafe text[index] != 0 {
        try? writer.append(UInt8(bitPattern: unsafe text[index]))
        index += 1
      }
    }
    return name
  }

  /// The session as bytes that `resume` takes; `nil` when it cannot be resumed.
  public func session() -> DTLSSession? {
    guard let session = unsafe SSL_get_session(ssl),
      unsafe SSL_SESSION_is_resumable(session) == 1
    else { return nil }
    return unsafe DTLSSession(session)
  }

  /// How many bytes the session's identifier, and its ticket, add to a hello that resumes it.
  public var resumptionBytes: Int {
    guard let session = unsafe SSL_get_session(ssl) else { return 0 }
    var count: Int = 0
    unsafe SSL_SESSION_get0_ticket(session, nil, &count)
    return 32 + count
  }

  /// Whether the server has asked for a certificate of the device's, which has none.
  public var lacksCertificate: Bool { unsafe io.pointee.lacksCertificate }

  /// How many bytes a message may have: what fits the records that both ends have agreed on.
  public var maxMessage: Int {
    let limit = unsafe nbiot_max_fragment(ssl)
    return limit == 0 ? 16_384 : limit
  }

  /// How many bytes wait to be sent in the first datagram of the queue.
  public var queuedBytes: Int { unsafe io.pointee.nextCount }

  /// Whether a message waits that came in the same datagram as the last one.
  public var hasPendingMessage: Bool {
    unsafe state == .established && SSL_has_pending(ssl) == 1
  }
}
