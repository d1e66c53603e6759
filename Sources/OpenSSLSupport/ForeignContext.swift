#if !hasFeature(Embedded)
internal import COpenSSL

/// A context (SSL_CTX) that another library has made with this program's OpenSSL, as libcurl does.
package enum ForeignContext {
  /// Refuses certificates that have neither a host's name nor an address among their alternative names.
  @unsafe
  package static func demandAlternativeNames(_ context: UnsafeMutableRawPointer) {
    // SAFETY: the caller promises that it is an SSL_CTX.
    unsafe nbiot_demand_alternative_names(OpaquePointer(context))
  }
}
#endif
