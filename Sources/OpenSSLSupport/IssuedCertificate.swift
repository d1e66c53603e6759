// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import COpenSSL
internal import ConstrainedCore

/// A server certificate and the authority that issued it, created on the fly, in PEM.
///
/// The authority's key is discarded, so no other certificate can be issued with it.
public struct IssuedCertificate: Sendable {
  /// The key type of authority and server.
  public enum Keys: Sendable {
    /// ECDSA on P-256.
    case ecdsa
    /// RSA with 2,048 bits, which also supports decryption by the server: for devices without
    /// elliptic curves.
    case rsa
  }

  /// The authority's certificate, to be trusted by devices.
  public let authority: [UInt8]
  /// The server's certificate.
  public let certificate: [UInt8]
  /// The server's private key.
  public let key: [UInt8]

  /// Issues a certificate for `names`, host names and addresses in digits, valid for `days` from
  /// yesterday; the first name is also its common name.
  public init(
    names: [String],
    keys: Keys = .ecdsa,
    days: Int = 3_650
  ) throws(OpenSSLError) {
    let authorityKey = try PrivateKey(keys)
    let serverKey = try PrivateKey(keys)
    let authorityName = "nbiot simulator CA" + (keys == .rsa ? " (RSA)" : "")
    let root = Certificate(serial: 1, subject: authorityName, key: authorityKey, days)
    try root.add(NID_basic_constraints, "critical,CA:TRUE", issuer: root)
    try root.add(NID_key_usage, "critical,keyCertSign,cRLSign", issuer: root)
    try root.sign(issuer: root, key: authorityKey)
    var random = SystemRandom()
    let serial = Int(random.next() >> 2)
    let leaf = Certificate(
      serial: serial,
      subject: names.first ?? "localhost",
      key: serverKey,
      days
    )
    // RFC 5280 Section 4.2.1.6: names have no trailing dot in the preferred syntax.
    let names = names.map { $0.hasSuffix(".") ? String($0.dropLast()) : $0 }
    var alternatives = names.map { Self.isAddress($0) ? "IP:\($0)" : "DNS:\($0)" }
    if keys == .rsa {
      // mbedTLS 2 looks for addresses among the DNS names.
      alternatives += names.filter { Self.isAddress($0) && !$0.contains(":") }.map { "DNS:\($0)" }
    }
    try leaf.add(NID_basic_constraints, "critical,CA:FALSE", issuer: root)
    // RFC 5246 Section 7.4.2: with static RSA the client's secret is encrypted under the server's key.
    let usage = "critical,digitalSignature" + (keys == .rsa ? ",keyEncipherment" : "")
    try leaf.add(NID_key_usage, usage, issuer: root)
    try leaf.add(NID_ext_key_usage, "serverAuth", issuer: root)
    try leaf.add(NID_subject_alt_name, alternatives.joined(separator: ","), issuer: root)
    try leaf.sign(issuer: root, key: authorityKey)
    authority = unsafe Self.text { unsafe PEM_write_bio_X509($0, root.handle) }
    certificate = unsafe Self.text { unsafe PEM_write_bio_X509($0, leaf.handle) }
    key = unsafe Self.text {
      unsafe PEM_write_bio_PKCS8PrivateKey($0, serverKey.handle, nil, nil, 0, nil, nil)
    }
  }

  /// Whether the first certificate of a PEM text has an RSA key.
  public static func hasRSAKey(_ text: Span<UInt8>) -> Bool {
    unsafe withCertificate(text) { unsafe nbiot_has_rsa_key($0) == 1 } ?? false
  }

  /// Whether the first certificate in a PEM text is for a host name or an address in digits; `nil`
  /// if no certificate can be read.
  public static func isFor(_ name: String, _ text: Span<UInt8>) -> Bool? {
    unsafe withCertificate(text) { certificate in
      let result =
        unsafe isAddress(name)
        ? X509_check_ip_asc(certificate, name, 0)
        : X509_check_host(certificate, name, name.utf8.count, 0, nil)
      return result == 1
    }
  }

  private static func withCertificate<Result>(
    _ text: Span<UInt8>,
    _ body: (OpaquePointer) -> Result
  ) -> Result? {
    // SAFETY: the BIO reads the span during this call only.
    unsafe text.withUnsafeBytes { bytes in
      let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
      defer {
        unsafe BIO_free_all(bio)
        OpenSSLError.emptyQueue()
      }
      guard let certificate = unsafe nbiot_read_certificate(bio) else { return nil }
      defer { unsafe X509_free(certificate) }
      return unsafe body(certificate)
    }
  }

  private static func isAddress(_ name: String) -> Bool {
    name.contains(":") || name.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
  }

  private static func text(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
    let bio = unsafe BIO_new(BIO_s_mem())
    defer { unsafe BIO_free_all(bio) }
    _ = unsafe write(bio)
    var start: UnsafeMutablePointer<CChar>?
    let count = unsafe nbiot_take_text(bio, &start)
    guard let start = unsafe start, count > 0 else { return [] }
    // SAFETY: the BIO holds `count` bytes there until it is freed.
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}

@safe
private struct PrivateKey: ~Copyable {
  let handle: OpaquePointer

  init(_ keys: IssuedCertificate.Keys) throws(OpenSSLError) {
    let made = unsafe keys == .ecdsa ? nbiot_make_p256_key() : nbiot_make_rsa_key()
    guard let handle = unsafe made else { throw .fromQueue() }
    unsafe self.handle = handle
  }

  deinit {
    unsafe EVP_PKEY_free(handle)
  }
}

@safe
private struct Certificate: ~Copyable {
  let handle: OpaquePointer?

  init(serial: Int, subject: String, key: borrowing PrivateKey, _ days: Int) {
    unsafe handle = X509_new()
    // The value 2 stands for version 3.
    unsafe X509_set_version(handle, 2)
    unsafe ASN1_INTEGER_set(X509_get_serialNumber(handle), serial)
    unsafe X509_gmtime_adj(X509_getm_notBefore(handle), -86_400)
    unsafe X509_gmtime_adj(X509_getm_notAfter(handle), days * 86_400)
    unsafe X509_set_pubkey(handle, key.handle)
    unsafe nbiot_set_common_name(X509_get_subject_name(handle), subject)
  }

  deinit {
    unsafe X509_free(handle)
  }

  func add(
    _ identifier: Int32,
    _ value: String,
    issuer: borrowing Certificate
  ) throws(OpenSSLError) {
    guard unsafe nbiot_add_extension(handle, issuer.handle, identifier, value) == 1 else {
      throw .fromQueue()
    }
  }

  func sign(
    issuer: borrowing Certificate,
    key: borrowing PrivateKey
  ) throws(OpenSSLError) {
    unsafe X509_set_issuer_name(handle, X509_get_subject_name(issuer.handle))
    guard unsafe X509_sign(handle, key.handle, EVP_sha256()) > 0 else { throw .fromQueue() }
  }
}
#endif
