// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import COpenSSL

/// A certificate, as far as a person wants to see it.
public struct CertificateSummary: Equatable, Sendable {
  /// The common name of its owner, or the whole name without one.
  public let subject: String
  /// The same of who has signed it.
  public let issuer: String
  /// From when it counts, in seconds since 1970.
  public let start: Int64
  /// Until when.
  public let end: Int64

  /// The certificates in a file of authorities, in PEM; what is none there is passed over.
  public static func all(in pem: Span<UInt8>) -> [CertificateSummary] {
    var found: [CertificateSummary] = []
    _ = try? unsafe DTLSContext.forEachCertificate(in: pem) { certificate, _ in
      if let summary = unsafe CertificateSummary(certificate) { found.append(summary) }
      return true
    }
    return found
  }

  init?(_ certificate: OpaquePointer?) {
    guard let certificate = unsafe certificate else { return nil }
    subject = unsafe Self.text(of: X509_get_subject_name(certificate))
    issuer = unsafe Self.text(of: X509_get_issuer_name(certificate))
    start = unsafe nbiot_seconds(X509_get0_notBefore(certificate))
    end = unsafe nbiot_seconds(X509_get0_notAfter(certificate))
  }

  private static func text(of name: OpaquePointer?) -> String {
    var text = [CChar](repeating: 0, count: 256)
    let count = unsafe nbiot_name(name, &text, 256)
    return String(
      decoding: text.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) },
      as: UTF8.self
    )
  }
}

/// A look at a server of TLS: what it shows of itself, and what is wrong with that.
///
/// The handshake is completed whatever the server shows, so that all of it can be told: nothing that is secret may be
/// sent over it, and nothing at all but where `problem` is `nil` and `hasName` is `true`.
@safe
public struct TLSInspection: ~Copyable {
  /// Why there was no handshake.
  public enum Failure: Error, Equatable, Sendable {
    /// The library could not be set up; its error.
    case library(OpenSSLError)
    /// The authorities are none.
    case authorities
    /// The server said nothing in time, or closed the connection.
    case silence
    /// The two have nothing in common, or what came is no TLS; OpenSSL's words.
    case handshake(String)
  }

  /// The version, as `TLSv1.3`.
  public let version: String
  /// The suite.
  public let suite: String
  /// The certificates that the server has sent, its own first.
  public let chain: [CertificateSummary]
  /// The authority that vouches for it, at the end of the chain; `nil` where none does.
  public let root: CertificateSummary?
  /// Why the chain does not count, in OpenSSL's words; `nil` where it does.
  public let problem: String?
  /// Whether its certificate has the name or address that was asked for.
  public let hasName: Bool

  private let context: OpaquePointer
  private let handle: OpaquePointer

  /// Shakes hands over a connected socket that blocks, with time limits of its own, and stays the caller's.
  public init(descriptor: Int32, host: String, authorities: Span<UInt8>) throws(Failure) {
    OpenSSLError.emptyQueue()
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw .library(.fromQueue())
    }
    var handle: OpaquePointer?
    do throws(Failure) {
      unsafe handle = try Self.connect(context, descriptor, host, authorities)
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
    guard let handle = unsafe handle else {
      unsafe SSL_CTX_free(context)
      throw .library(.fromQueue())
    }
    unsafe self.context = context
    unsafe self.handle = handle
    version = unsafe String(cString: SSL_get_version(handle))
    suite = unsafe String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(handle)))
    chain = unsafe Self.summaries(SSL_get_peer_cert_chain(handle))
    let result = unsafe SSL_get_verify_result(handle)
    root =
      result == Int(X509_V_OK) ? unsafe Self.summaries(SSL_get0_verified_chain(handle)).last : nil
    problem =
      result == Int(X509_V_OK)
      ? nil : unsafe String(cString: X509_verify_cert_error_string(result))
    let certificate = unsafe SSL_get0_peer_certificate(handle)
    let isAddress = unsafe X509_check_ip_asc(certificate, host, 0) == 1
    hasName = unsafe isAddress || X509_check_host(certificate, host, 0, 0, nil) == 1
  }

  deinit {
    unsafe SSL_free(handle)
    unsafe SSL_CTX_free(context)
  }

  /// Writes bytes; whether all were taken.
  public func write(_ bytes: Span<UInt8>) -> Bool {
    let count = bytes.count
    // SAFETY: reads exactly the bytes.
    return unsafe bytes.withUnsafeBufferPointer {
      unsafe SSL_write(handle, $0.baseAddress, Int32(clamping: count)) == Int32(clamping: count)
    }
  }

  /// The next bytes; empty at the end, and where none came in time.
  public func read() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    // SAFETY: writes at most the room.
    let count = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe SSL_read(handle, $0.baseAddress, Int32($0.count))
    }
    return Array(bytes.prefix(max(0, Int(count))))
  }

  private static func connect(
    _ context: OpaquePointer,
    _ descriptor: Int32,
    _ host: String,
    _ authorities: Span<UInt8>
  ) throws(Failure) -> OpaquePointer? {
    guard unsafe nbiot_set_tls12_or_later(context) == 1 else { throw .library(.fromQueue()) }
    unsafe SSL_CTX_set_security_level(context, 2)
    let store = unsafe SSL_CTX_get_cert_store(context)
    do throws(OpenSSLError) {
      let count = try unsafe DTLSContext.forEachCertificate(in: authorities) { certificate, _ in
        unsafe X509_STORE_add_cert(store, certificate) == 1
      }
      if count == 0 { throw OpenSSLError(code: 0) }
    } catch {
      throw .authorities
    }
    // What is wrong is told, not acted upon.
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
    guard let handle = unsafe SSL_new(context) else { throw .library(.fromQueue()) }
    // RFC 6066 Section 3: an address is no server name.
    let isName = host.contains(where: \.isLetter) && !host.contains(":")
    if isName { _ = unsafe nbiot_set_server_name(handle, host) }
    guard unsafe SSL_set_fd(handle, descriptor) == 1 else {
      unsafe SSL_free(handle)
      throw .library(.fromQueue())
    }
    let result = unsafe SSL_connect(handle)
    if result == 1 { return unsafe handle }
    let kind = unsafe SSL_get_error(handle, result)
    let code = ERR_peek_error()
    unsafe SSL_free(handle)
    guard kind == SSL_ERROR_SSL else { throw .silence }
    throw .handshake(unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) } ?? "")
  }

  private static func summaries(_ chain: OpaquePointer?) -> [CertificateSummary] {
    (0..<(unsafe nbiot_certificate_count(chain))).compactMap {
      unsafe CertificateSummary(nbiot_certificate_at(chain, $0))
    }
  }
}
#endif
