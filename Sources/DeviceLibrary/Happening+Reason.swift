// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import SecurityLayer
internal import UDPTransport

/// The reasons reported to C.
extension Happening {
  init(_ kind: nbiot_event_kind, code: Code?) {
    self.init(kind)
    // The class times 100, plus the detail.
    if let code { self.code = Int32(code.rawValue >> 5) * 100 + Int32(code.rawValue & 0x1F) }
  }

  init(_ kind: nbiot_event_kind, _ id: UInt64, _ result: ReportResult) {
    self.init(kind, code: result.code)
    self.id = id
    sequence = result.sequence ?? 0
    bytesUp = UInt32(clamping: result.bytesUp)
    bytesDown = UInt32(clamping: result.bytesDown)
    transmissions = UInt32(clamping: result.transmissions)
    milliseconds = UInt32(clamping: result.duration.count)
    replyCode = result.replyCode ?? 0
    extent =
      switch result.extent {
      case .whole: NBIOT_ANSWER_WHOLE
      case .cut, .incomplete, .inBlocks: NBIOT_ANSWER_CUT
      case .unreadable: NBIOT_ANSWER_UNREADABLE
      }
    explain(result.outcome)
  }

  /// There is no link.
  init(_ failure: TransportError) {
    self.init(NBIOT_NO_LINK)
    switch failure {
    case .unknownHost: reason = NBIOT_REASON_UNKNOWN_HOST
    case .refused: reason = NBIOT_REASON_PORT_UNREACHABLE
    case .unreachable(let code):
      reason = NBIOT_REASON_UNREACHABLE
      detail = UInt64(clamping: code)
    case .system(let code):
      reason = NBIOT_REASON_NO_SOCKET
      detail = UInt64(clamping: code)
    }
  }

  /// There is no token.
  init(_ failure: AuthenticationFailure) {
    switch failure {
    case .refused(let code), .putOff(let code, _):
      self.init(NBIOT_AUTHENTICATION_FAILED, code: code)
    default: self.init(NBIOT_AUTHENTICATION_FAILED)
    }
    explain(failure)
  }

  /// Sets the reason from a report's outcome.
  mutating func explain(_ outcome: ReportOutcome) {
    switch outcome {
    case .acknowledged: break
    case .rejected: reason = NBIOT_REASON_REFUSED
    case .timedOut: reason = NBIOT_REASON_TIMED_OUT
    case .interrupted: reason = NBIOT_REASON_INTERRUPTED
    case .reset: reason = NBIOT_REASON_RESET
    case .unauthenticated(let failure): explain(failure)
    case .unsealable: reason = NBIOT_REASON_NO_KEY
    case .handshake(let failure): explain(failure)
    case .sequenceExhausted: reason = NBIOT_REASON_SEQUENCE_EXHAUSTED
    #if !hasFeature(Embedded)
    case .unreadable: reason = NBIOT_REASON_REFUSED
    #endif
    }
  }

  private mutating func explain(_ failure: AuthenticationFailure) {
    switch failure {
    case .refused, .putOff: reason = NBIOT_REASON_REFUSED
    case .timedOut: reason = NBIOT_REASON_TIMED_OUT
    case .reset: reason = NBIOT_REASON_RESET
    case .unusableAnswer, .unusableRegistration, .registrationRefused:
      reason = NBIOT_REASON_UNUSABLE_ANSWER
    case .security: reason = NBIOT_REASON_NO_KEY
    case .handshake(let failure): explain(failure)
    }
  }

  private mutating func explain(_ failure: HandshakeFailure) {
    switch failure {
    case .noAnswer: reason = NBIOT_REASON_TIMED_OUT
    case .unconfirmed: reason = NBIOT_REASON_UNCONFIRMED
    case .unknownAuthority: reason = NBIOT_REASON_UNKNOWN_AUTHORITY
    case .wrongName: reason = NBIOT_REASON_WRONG_NAME
    case .expired: reason = NBIOT_REASON_EXPIRED
    case .notYetValid: reason = NBIOT_REASON_NOT_YET_VALID
    case .invalidAuthority: reason = NBIOT_REASON_INVALID_AUTHORITY
    case .weakSignature: reason = NBIOT_REASON_WEAK_SIGNATURE
    case .weakKey: reason = NBIOT_REASON_WEAK_KEY
    case .wrongPurpose: reason = NBIOT_REASON_WRONG_PURPOSE
    case .certificate(let code):
      reason = NBIOT_REASON_CERTIFICATE
      detail = UInt64(clamping: code)
    case .oldVersion: reason = NBIOT_REASON_OLD_VERSION
    case .nothingInCommon: reason = NBIOT_REASON_NOTHING_IN_COMMON
    case .certificateWanted: reason = NBIOT_REASON_CERTIFICATE_WANTED
    case .unknownIdentity: reason = NBIOT_REASON_UNKNOWN_IDENTITY
    case .wrongKey: reason = NBIOT_REASON_WRONG_KEY
    case .alert(let number):
      reason = NBIOT_REASON_ALERT
      detail = UInt64(number)
    case .library(let code):
      reason = NBIOT_REASON_HANDSHAKE
      detail = UInt64(code)
    }
  }
}

/// The texts of the reasons before those of a certificate, in the order of enum nbiot_reason.
let firstTexts: StaticString = """
  none\0\
  the platform refused it: see the code\0\
  no answer came: check host and port, and that UDP gets through\0\
  the endpoint answered with a Reset: no CoAP platform listens there\0\
  the answer is not what the platform answers, or was altered on the way\0\
  OpenSSL could not make a key\0\
  the link failed meanwhile\0\
  the session's sequence numbers are used up\0\
  the host's name cannot be resolved\0\
  nobody listens at the port (ICMP port unreachable)\0\
  the network cannot be reached; errno is the detail\0\
  the system gave no socket; errno is the detail\0\
  the server answered, but did not finish the handshake: the key is wrong, or too much is lost\0
  """

/// The texts of the reasons after those of a certificate.
let lastTexts: StaticString = """
  the server speaks no DTLS 1.2\0\
  the server accepts no suite or curve that is offered\0\
  the server demands a certificate of the device's\0\
  the server does not know the identity of the pre-shared key\0\
  the server says that the pre-shared key is wrong\0\
  the server refused the handshake with the alert of the detail\0\
  OpenSSL refused what the server sent; its error code is the detail\0
  """
