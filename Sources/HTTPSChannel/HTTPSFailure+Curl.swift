// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import HTTPSLayer

extension HTTPSFailure {
  /// What libcurl's code means, beside OpenSSL's result of the verification.
  init(_ code: CURLcode, verified: Int, wasSent: Bool) {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .unresolved
    case CURLE_COULDNT_CONNECT: self = .unreachable
    case CURLE_OPERATION_TIMEDOUT: self = .timedOut
    case CURLE_PEER_FAILED_VERIFICATION: self = Self.verification(verified)
    case CURLE_SSL_CONNECT_ERROR: self = .handshake
    case CURLE_SSL_CACERT_BADFILE: self = .authorities
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: self = .broken
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY: self = .notHTTP
    // A line of the head that is longer than libcurl takes.
    case CURLE_OUT_OF_MEMORY where wasSent: self = .tooLong
    default: self = .library(Int32(bitPattern: code.rawValue))
    }
  }

  /// OpenSSL's X509_V_ERR numbers (X509_STORE_CTX_get_error).
  ///
  /// libcurl compares the name itself, before it asks OpenSSL: then there is 1, with which it starts.
  private static func verification(_ number: Int) -> HTTPSFailure {
    switch number {
    case 0, 1, 62: .serverName
    case 2, 18, 19, 20, 21: .unknownAuthority
    case 9: .notYetValid
    case 10: .expired
    default: .certificate
    }
  }
}
