// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import ConstrainedCore

/// The shared configuration of one end's associations (SSL_CTX): DTLS 1.2 only, cipher suites,
/// trusted authorities and certificate.
///
/// Security level 2: RSA keys of 2,048 bits and more, no SHA-1 in signatures.
@safe
public struct DTLSContext: ~Copyable {
  /// The end of an association.
  public enum Role: Sendable {
    /// The end that sends the first hello.
    case client
    /// The end that answers.
    case server
  }

  /// How sessions are resumed, and where they are stored for that.
  public enum Resumption: Sendable {
    /// Not at all.
    case none
    /// At the server, under an identifier of 32 bytes.
    case sessionID
    /// At the client, as a ticket issued by the server (RFC 5077).
    case ticket
  }

  let handle: OpaquePointer

  #if DEVICE_ONLY
  var role: Role { .client }
  #else
  /// The end for which it creates associations.
  public let role: Role
  #endif

  /// Creates a context without trusted authorities, with OpenSSL's default suites.
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
    #if !DEVICE_ONLY
    self.role = role
    #endif
    // conformance: 6347-4.1-a
    unsafe SSL_CTX_set_options(context, nbiot_common_options)
    unsafe nbiot_set_security(context)
    // Called when a server requests a certificate and none was set: continue the handshake without
    // one.
    unsafe SSL_CTX_set_client_cert_cb(context) { ssl, _, _ in
      unsafe DatagramBIO.of(ssl)?.pointee.lacksCertificate = true
      return 0
    }
    // A record fits into a datagram; OpenSSL's write buffer need not have 16 KB.
    unsafe nbiot_set_send_fragment(context, DTLSConnection.mostMessage)
  }

  deinit {
    // SAFETY: the context belongs to this value; associations hold references of their own.
    unsafe SSL_CTX_free(handle)
  }

  /// Sets the suites to offer or accept, in order of preference: OpenSSL's names separated by
  /// colons.
  ///
  /// `needsEncryptThenMAC`: set it if the list contains CBC suites; only those justify the bytes of
  /// the extension (RFC 7366).
  public func setSuites(
    _ list: StaticString,
    needsEncryptThenMAC: Bool
  ) throws(OpenSSLError) {
    try unsafe setSuites(cString(list), needsEncryptThenMAC)
  }

  /// As above, for a list that is not a literal.
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

  /// Sets the signature algorithms accepted from the peer.
  public func setSignatures(_ list: StaticString) throws(OpenSSLError) {
    guard unsafe nbiot_set_signatures(handle, cString(list)) == 1 else { throw .fromQueue() }
  }

  /// Sets the groups for the key exchange and for keys in certificates, in order of preference.
  public func setGroups(_ list: StaticString) throws(OpenSSLError) {
    guard unsafe nbiot_set_context_groups(handle, cString(list)) == 1 else { throw .fromQueue() }
  }

  /// Sets how sessions are resumed.
  ///
  /// A client stores sessions itself; a server without a cache or tickets resumes none.
  public func setResumption(_ resumption: Resumption) {
    if resumption != .ticket { unsafe SSL_CTX_set_options(handle, nbiot_no_ticket) }
    let keeps = role == .server && resumption == .sessionID
    unsafe nbiot_set_cache(handle, keeps ? Int(SSL_SESS_CACHE_SERVER) : Int(SSL_SESS_CACHE_OFF))
  }

  /// Requests records of at most 512, 1,024, 2,048 or 4,096 bytes from the server (RFC 6066 Section
  /// 4).
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

  /// Requires a certificate from the peer that chains to one of `authorities`, in PEM.
  ///
  /// The chain may have at most `depth` intermediate authorities. Returns the number of
  /// certificates read.
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

  /// Sets the certificate, followed by any intermediate certificates that the peer needs, and its
  /// private key; both in PEM.
  public func setCertificate(
    _ chain: Span<UInt8>,
    key: Span<UInt8>
  ) throws(OpenSSLError) {
    try unsafe Self.use(chain, key: key, in: handle)
  }

  /// As `setCertificate`, for any context.
  static func use(
    _ chain: Span<UInt8>,
    key: Span<UInt8>,
    in context: OpaquePointer
  ) throws(OpenSSLError) {
    let count = try unsafe forEachCertificate(in: chain) { certificate, index in
      unsafe index == 0
        ? SSL_CTX_use_certificate(context, certificate) == 1
        : nbiot_add_chain(context, certificate) == 1
    }
    guard count > 0 else { throw OpenSSLError(code: 0) }
    // SAFETY: the BIO reads the span during this call only.
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

  /// Passes each certificate in a PEM text to `body`, which takes a reference if it needs one and
  /// returns whether it could use the certificate.
  static func forEachCertificate(
    in text: Span<UInt8>,
    _ body: (OpaquePointer, Int) -> Bool
  ) throws(OpenSSLError) -> Int {
    var count = 0
    // SAFETY: the BIO reads the span during this call only.
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
    // OpenSSL reports the end of the text as an error.
    OpenSSLError.emptyQueue()
    return count
  }
}

/// A literal as a C string.
///
/// A `String` would pull the standard library's strings into the device program: 5 KB.
func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  // SAFETY: a StaticString's bytes end with zero and live as long as the program.
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// Passes `body` a copy of `text` with a terminating zero byte; `text` has at most 511 bytes.
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
