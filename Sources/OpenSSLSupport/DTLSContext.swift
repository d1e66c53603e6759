internal import COpenSSL
internal import ConstrainedCore

/// What the associations of one end have in common: DTLS 1.2 and nothing else, its suites, whom it
/// trusts and what it shows (SSL_CTX).
///
/// Security level 2: RSA keys of 2,048 bits and more, no SHA-1 in signatures.
@safe
public struct DTLSContext: ~Copyable {
  /// Which end of an association.
  public enum Role: Sendable {
    /// The one that says hello.
    case client
    /// The one that answers.
    case server
  }

  /// Where sessions are kept to be resumed.
  public enum Resumption: Sendable {
    /// Nowhere.
    case none
    /// With the server, under an identifier of 32 bytes.
    case sessionID
    /// With the client, as a ticket of the server's (RFC 5077).
    case ticket
  }

  let handle: OpaquePointer

  /// Which end it makes associations for.
  public let role: Role

  /// A context that trusts nobody and has OpenSSL's own suites.
  public init(_ role: Role) throws(OpenSSLError) {
    guard
      let context = unsafe SSL_CTX_new(
        role == .client ? DTLS_client_method() : DTLS_server_method()
      )
    else { throw .fromQueue() }
    guard unsafe nbiot_set_only_dtls12(context) == 1 else {
      unsafe SSL_CTX_free(context)
      throw .fromQueue()
    }
    unsafe handle = context
    self.role = role
    // conformance: 6347-4.1-a
    unsafe SSL_CTX_set_options(context, nbiot_common_options)
    unsafe nbiot_set_security(context)
    // Asked when a server wants a certificate and none was set: the handshake goes on without.
    unsafe SSL_CTX_set_client_cert_cb(context) { ssl, _, _ in
      unsafe DatagramBIO.of(ssl)?.pointee.lacksCertificate = true
      return 0
    }
    // A record is at most a datagram: no buffer of 16 KB to write it in.
    unsafe nbiot_set_send_fragment(context, 2_048)
  }

  deinit {
    // SAFETY: the context belongs to this value; associations hold references of their own.
    unsafe SSL_CTX_free(handle)
  }

  /// The suites that are offered or taken, in order, by OpenSSL's names with colons between.
  ///
  /// `needsEncryptThenMAC`: whether suites with CBC are among them, for which the extension of RFC
  /// 7366 is worth its bytes.
  public func setSuites(
    _ list: StaticString,
    needsEncryptThenMAC: Bool
  ) throws(OpenSSLError) {
    try unsafe setSuites(cString(list), needsEncryptThenMAC)
  }

  /// The same with a list that is no literal.
  public func setSuites(
    _ list: Span<UInt8>,
    needsEncryptThenMAC: Bool
  ) throws(OpenSSLError) {
    try unsafe withCString(list) { (list) throws(OpenSSLError) in
      try unsafe setSuites(list, needsEncryptThenMAC)
    }
  }

  private func setSuites(
    _ list: UnsafePointer<CChar>?,
    _ needsEncryptThenMAC: Bool
  ) throws(OpenSSLError) {
    if !needsEncryptThenMAC {
      unsafe SSL_CTX_set_options(handle, nbiot_no_encrypt_then_mac)
    }
    guard unsafe SSL_CTX_set_cipher_list(handle, list) == 1 else { throw .fromQueue() }
  }

  /// The signature algorithms that the peer may sign with.
  public func setSignatures(_ list: StaticString) throws(OpenSSLError) {
    guard unsafe nbiot_set_signatures(handle, cString(list)) == 1 else { throw .fromQueue() }
  }

  /// The groups for the key exchange and for keys in certificates, the preferred one first.
  public func setGroups(_ list: StaticString) throws(OpenSSLError) {
    guard unsafe nbiot_set_context_groups(handle, cString(list)) == 1 else { throw .fromQueue() }
  }

  /// How sessions are resumed.
  ///
  /// A client keeps them itself; a server without a cache and without tickets resumes none.
  public func setResumption(_ resumption: Resumption) {
    if resumption != .ticket { unsafe SSL_CTX_set_options(handle, nbiot_no_ticket) }
    let keeps = role == .server && resumption == .sessionID
    unsafe nbiot_set_cache(handle, keeps ? Int(SSL_SESS_CACHE_SERVER) : Int(SSL_SESS_CACHE_OFF))
  }

  /// Asks the server for records of at most 512, 1,024, 2,048 or 4,096 bytes (RFC 6066 Section 4).
  public func setMaxFragmentLength(_ bytes: Int) throws(OpenSSLError) {
    let code: UInt8 =
      switch bytes {
      case 512: 1
      case 1_024: 2
      case 2_048: 3
      default: 4
      }
    guard unsafe SSL_CTX_set_tlsext_max_fragment_length(handle, code) == 1 else {
      throw .fromQueue()
    }
  }

  /// Demands a certificate of the peer that one of `authorities`, in PEM, vouches for.
  ///
  /// At most `depth` authorities may stand between; returns how many certificates were read.
  public func setAuthorities(
    _ authorities: Span<UInt8>,
    depth: Int
  ) throws(OpenSSLError) -> Int {
    let store = unsafe SSL_CTX_get_cert_store(handle)
    let count = try unsafe Self.forEachCertificate(in: authorities) { certificate, _ in
      unsafe X509_STORE_add_cert(store, certificate) == 1
    }
    // conformance: 7252-9.1.3-e
    unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
    unsafe SSL_CTX_set_verify_depth(handle, Int32(clamping: depth))
    return count
  }

  /// Shows a certificate, followed by those of its authorities where the peer needs them, with its
  /// private key; both in PEM.
  public func setCertificate(
    _ chain: Span<UInt8>,
    key: Span<UInt8>
  ) throws(OpenSSLError) {
    let context = unsafe handle
    let count = try unsafe Self.forEachCertificate(in: chain) { certificate, index in
      unsafe index == 0
        ? SSL_CTX_use_certificate(context, certificate) == 1
        : nbiot_add_chain(context, certificate) == 1
    }
    guard count > 0 else { throw OpenSSLError(code: 0) }
    // SAFETY: the BIO reads the span during this call alone.
    let isUsed = unsafe key.withUnsafeBytes { bytes in
      let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
      defer { unsafe BIO_free_all(bio) }
      guard let key = unsafe nbiot_read_key(bio) else { return false }
      defer { unsafe EVP_PKEY_free(key) }
      return unsafe SSL_CTX_use_PrivateKey(context, key) == 1
        && SSL_CTX_check_private_key(context) == 1
    }
    guard isUsed else { throw .fromQueue() }
  }

  /// Hands each certificate of a PEM text to `body`, which keeps a reference where it needs one and
  /// says whether it could use it.
  private static func forEachCertificate(
    in text: Span<UInt8>,
    _ body: (OpaquePointer, Int) -> Bool
  ) throws(OpenSSLError) -> Int {
    var count = 0
    // SAFETY: the BIO reads the span during this call alone.
    let isGood = unsafe text.withUnsafeBytes { bytes in
      let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
      defer { unsafe BIO_free_all(bio) }
      while let certificate = unsafe nbiot_read_certificate(bio) {
        defer { unsafe X509_free(certificate) }
        guard unsafe body(certificate, count) else { return false }
        count += 1
      }
      return true
    }
    guard isGood else { throw .fromQueue() }
    // The end of the text is an error to OpenSSL.
    ERR_clear_error()
    return count
  }
}

/// A literal as C reads it.
///
/// A `String` in its place would bring the standard library's strings into the device: 5 KB.
func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  // SAFETY: a StaticString's bytes end with zero and live as long as the program.
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// Hands `body` a copy of `text` with a zero byte behind it; at most 511 bytes are taken.
func withCString<Result, Failure: Error>(
  _ text: Span<UInt8>,
  _ body: (UnsafePointer<CChar>?) throws(Failure) -> Result
) throws(Failure) -> Result {
  var copy = FixedBytes<512>()
  copy.write { (writer: inout ByteWriter) in
    let fits = min(text.count, 511)
    try? writer.append(text.extracting(0..<fits))
    try? writer.append(0)
  }
  // SAFETY: the pointer lives as long as `copy`, and its bytes end with zero.
  return try unsafe copy.bytes.withUnsafeBytes { (bytes) throws(Failure) in
    try unsafe body(bytes.assumingMemoryBound(to: CChar.self).baseAddress)
  }
}
