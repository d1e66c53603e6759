// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import ConstrainedCore
internal import HTTPSLayer
internal import HTTPSLink
internal import Platform
internal import PlatformHTTPS

/// The reasons reported to C.
extension Happening {
  /// There is no token.
  init(_ failure: HTTPSLinkFailure) {
    if case .transfer = failure {
      self.init(NBIOT_NO_LINK)
    } else {
      self.init(NBIOT_AUTHENTICATION_FAILED)
    }
    explain(failure)
  }

  /// Sets reason and codes from why a request failed.
  mutating func explain(_ failure: HTTPSLinkFailure) {
    switch failure {
    case .transfer(let failure): explain(failure)
    case .code(let number, let status):
      reason = NBIOT_REASON_REFUSED
      code = Int32(status)
      replyCode = UInt32(clamping: number.rawValue)
    case .status(let status):
      reason = NBIOT_REASON_FOREIGN_ANSWER
      code = Int32(status)
    case .answer(.tooLong(.token)): reason = NBIOT_REASON_TOKEN_TOO_LONG
    case .answer: reason = NBIOT_REASON_UNUSABLE_ANSWER
    case .signing: reason = NBIOT_REASON_NO_KEY
    case .memory: reason = NBIOT_REASON_NO_MEMORY
    }
  }

  private mutating func explain(_ failure: HTTPSFailure) {
    switch failure {
    case .unresolved: reason = NBIOT_REASON_UNKNOWN_HOST
    case .unreachable: reason = NBIOT_REASON_UNREACHABLE
    case .timedOut: reason = NBIOT_REASON_TIMED_OUT
    case .unknownAuthority: reason = NBIOT_REASON_UNKNOWN_AUTHORITY
    case .expired: reason = NBIOT_REASON_EXPIRED
    case .notYetValid: reason = NBIOT_REASON_NOT_YET_VALID
    case .certificate: reason = NBIOT_REASON_CERTIFICATE
    case .serverName: reason = NBIOT_REASON_WRONG_NAME
    case .handshake: reason = NBIOT_REASON_HANDSHAKE
    case .authorities: reason = NBIOT_REASON_AUTHORITIES
    case .broken: reason = NBIOT_REASON_BROKEN
    case .tooLong: reason = NBIOT_REASON_OVERSIZED
    case .notHTTP: reason = NBIOT_REASON_MALFORMED
    case .library(let number):
      reason = NBIOT_REASON_LIBRARY
      detail = UInt64(UInt32(bitPattern: number))
    }
  }
}

/// The texts of the reasons before those of a certificate, in the order of enum nbiot_reason; those of another transport
/// say so.
let firstTexts: StaticString = """
  none\0\
  the platform refused it: see the codes\0\
  no complete answer came in time: check host and port\0\
  of CoAP alone\0\
  the answer is not what the platform answers: check host and port\0\
  OpenSSL could not sign\0\
  of CoAP alone\0\
  of CoAP alone\0\
  the host's name cannot be resolved\0\
  of CoAP alone\0\
  nobody listens there, or there is no network: check host, port and network\0\
  of CoAP alone\0\
  of CoAP alone\0
  """

/// The texts of the reasons after those of a certificate.
let lastTexts: StaticString = """
  of CoAP and MQTT alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  the TLS handshake failed: the port must be that of an HTTPS server with TLS 1.2 or later\0\
  the connection broke before the answer was complete\0\
  of MQTT alone\0\
  of MQTT alone\0\
  of MQTT alone\0\
  libcurl failed; its number is the detail\0\
  what came is not HTTP: check host and port\0\
  the answer is longer than 64 KB: check host and port\0\
  the server answered with the HTTP status of the code, and with nothing of the platform's: check host and port\0\
  the token is longer than the device keeps\0\
  there is no memory for the request\0\
  ca_pem has no usable certificate\0
  """
