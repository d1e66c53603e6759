// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// An SSL_CTX that another library, such as libcurl, has created with this program's OpenSSL.
package enum ForeignContext {
  /// Rejects certificates with neither a host name nor an address among their alternative names.
  @unsafe
  package static func demandAlternativeNames(_ context: UnsafeMutableRawPointer) {
    // SAFETY: the caller guarantees that it is an SSL_CTX.
    unsafe nbiot_demand_alternative_names(OpaquePointer(context))
  }
}
