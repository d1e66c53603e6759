// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import COpenSSL

/// What the connections of one server of TLS share (SSL_CTX): TLS 1.2 or later, certificate and key.
///
/// Security level 2: RSA keys of 2,048 bits and more, no SHA-1 in signatures. Clients may resume a session by a ticket.
@safe
public struct TLSServerContext: ~Copyable {
  let handle: OpaquePointer

  /// Takes the certificate, followed by those between it and its authority, and its private key; both in PEM.
  public init(certificate: Span<UInt8>, key: Span<UInt8>) throws(OpenSSLError) {
    OpenSSLError.emptyQueue()
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw .fromQueue() }
    do throws(OpenSSLError) {
      guard unsafe nbiot_set_tls12_or_later(context) == 1 else { throw .fromQueue() }
      try unsafe DTLSContext.use(certificate, key: key, in: context)
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
    unsafe SSL_CTX_set_security_level(context, 2)
    unsafe SSL_CTX_set_options(context, nbiot_stream_options)
    unsafe handle = context
  }

  deinit {
    // SAFETY: the context belongs to this value; connections hold references of their own.
    unsafe SSL_CTX_free(handle)
  }
}
#endif
