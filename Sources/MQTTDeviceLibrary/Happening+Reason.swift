// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import ConstrainedCore
internal import MQTTLayer
internal import MQTTLink
internal import PlatformMQTT

/// The reasons reported to C.
extension Happening {
  /// There is no connection.
  init(_ failure: MQTTLinkFailure) {
    switch failure {
    case .refused(let number):
      self.init(NBIOT_AUTHENTICATION_FAILED)
      code = Int32(number.rawValue)
      reason = NBIOT_REASON_REFUSED
    case .signing:
      self.init(NBIOT_AUTHENTICATION_FAILED)
      reason = NBIOT_REASON_NO_KEY
    case .connection(let failure):
      self.init(NBIOT_NO_LINK)
      explain(failure)
    }
  }

  /// The connection is gone, until `wait` has passed at least; `nil` where another event tells of it.
  init?(_ rest: RestReason, wait: Milliseconds) {
    switch rest {
    case .none, .failed, .refused, .unauthenticated: return nil
    case .lost:
      self.init(NBIOT_DISCONNECTED)
      reason = NBIOT_REASON_BROKEN
    case .malformed:
      self.init(NBIOT_DISCONNECTED)
      reason = NBIOT_REASON_MALFORMED
    case .oversized:
      self.init(NBIOT_DISCONNECTED)
      reason = NBIOT_REASON_OVERSIZED
    case .closed:
      self.init(NBIOT_DISCONNECTED)
      reason = NBIOT_REASON_CLOSED
    case .kicked:
      self.init(NBIOT_KICKED)
      reason = NBIOT_REASON_SAME_IDENTITY
    case .suspectedTwin:
      self.init(NBIOT_KICKED)
      reason = NBIOT_REASON_CLOSED_TWICE
    }
    milliseconds = UInt32(clamping: wait.count)
  }

  private mutating func explain(_ failure: MQTTFailure) {
    switch failure {
    case .refused(let number):
      reason = NBIOT_REASON_REFUSED
      code = Int32(number)
    case .unreachable: reason = NBIOT_REASON_UNREACHABLE
    case .timedOut: reason = NBIOT_REASON_TIMED_OUT
    case .unknownAuthority: reason = NBIOT_REASON_UNKNOWN_AUTHORITY
    case .expired: reason = NBIOT_REASON_EXPIRED
    case .notYetValid: reason = NBIOT_REASON_NOT_YET_VALID
    case .invalidAuthority: reason = NBIOT_REASON_INVALID_AUTHORITY
    case .weakSignature: reason = NBIOT_REASON_WEAK_SIGNATURE
    case .weakKey: reason = NBIOT_REASON_WEAK_KEY
    case .wrongPurpose: reason = NBIOT_REASON_WRONG_PURPOSE
    case .certificate(let number):
      reason = NBIOT_REASON_CERTIFICATE
      detail = UInt64(UInt32(bitPattern: number))
    case .serverName: reason = NBIOT_REASON_WRONG_NAME
    case .oldVersion: reason = NBIOT_REASON_OLD_VERSION
    case .handshake: reason = NBIOT_REASON_HANDSHAKE
    case .malformed: reason = NBIOT_REASON_MALFORMED
    case .oversized: reason = NBIOT_REASON_OVERSIZED
    case .library(let number):
      reason = NBIOT_REASON_LIBRARY
      detail = UInt64(UInt32(bitPattern: number))
    // None of its connections authenticates over HTTPS.
    #if !SMALL
    case .authentication: reason = NBIOT_REASON_LIBRARY
    #endif
    }
  }
}

/// The texts of the reasons before those of a certificate, in the order of enum nbiot_reason; those of CoAP alone say so.
let firstTexts: StaticString = """
  none\0\
  the platform refused the connection: see the code\0\
  no answer came: check host and port\0\
  of CoAP alone\0\
  of CoAP alone\0\
  OpenSSL could not sign\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  no address, nobody who listens, no network, or a server that closed: check host, port and network\0\
  of CoAP alone\0\
  of CoAP alone\0
  """

/// The texts of the reasons after those of a certificate.
let lastTexts: StaticString = """
  the server speaks no TLS 1.2 or later\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  of CoAP alone\0\
  the TLS handshake failed\0\
  the connection broke, or the platform did not answer in time\0\
  the platform closed the connection\0\
  another device has connected with this identity, as the platform says\0\
  the platform closed two connections within an hour: another device may have this identity\0\
  the MQTT library refused; its number is the detail\0\
  what came is not MQTT: check host and port\0\
  the platform sent or announced more than the device takes\0
  """
