// SPDX-License-Identifier: Apache-2.0
internal import OpenSSLSupport

extension DTLSFailure {
  /// Whether the two ends have no cipher suite in common.
  var isLackOfSuites: Bool {
    guard case .library(let code) = self else { return false }
    return OpenSSLError(packed: code).reason == .nothingInCommon
  }

  /// Whether a record could not be decrypted with the negotiated keys.
  var isUnreadableRecord: Bool {
    guard case .library(let code) = self else { return false }
    return OpenSSLError(packed: code).isUnreadableRecord
  }

  /// Why a server's association ended, for its log.
  var description: String {
    switch self {
    case .timedOut:
      "the device did not finish it; with a pre-shared key, its secret may be another one"
    case .closed: "closed by the device"
    case .alert(42), .alert(43), .alert(44), .alert(45), .alert(46), .alert(48), .alert(49):
      "the device does not trust the certificate"
    case .alert(let number): "the device sent alert \(number) (RFC 5246, section 7.2)"
    case .certificate(let code): "the device's certificate is not good (X509_V_ERR \(code))"
    case .library(let code):
      switch OpenSSLError(packed: code).reason {
      case _ where isUnreadableRecord:
        "what the device sent cannot be read: its keys are other ones"
      case .unknownIdentity: "the device's identity is unknown"
      case .nothingInCommon: "the device offers no suite that is taken"
      default: "OpenSSL refused it (openssl errstr \(String(code, radix: 16)) explains)"
      }
    }
  }
}
