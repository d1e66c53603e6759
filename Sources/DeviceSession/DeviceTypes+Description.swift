#if !hasFeature(Embedded)
internal import AliyunIoT
internal import Alink
internal import CoAPMessage
internal import CoAPSecurity

extension AuthenticationFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .refused(let code): ResponseMeaning.advice(onAuthentication: code)
    case .timedOut:
      "the endpoint never answered: check host and port, and that UDP gets through"
    case .reset:
      "the endpoint refused the message with a Reset: check that a CoAP platform listens there"
    case .unusableAnswer(let error):
      "\(error): check host and port; what answered is not the platform, or was altered on the way"
    case .handshake(let failure): failure.description
    case .unusableRegistration(let error): error.description
    case .registrationRefused(let code):
      "the platform refused to register the device (code \(code)): check that its name is in the console, "
        + "that it was not activated before, and that dynamic registration is on for the product"
    case .security(.messageTooLong): SecurityError.tooLongAdvice
    case .security(let error):
      "the security layer could not make a key (\(error)): check the OpenSSL installation"
    }
  }
}

extension ReportResult {
  /// What happened to the report, then what to do; `nil` for an acknowledged one.
  public var advice: String? {
    switch outcome {
    case .acknowledged: nil
    case .rejected: ResponseMeaning.advice(onReport: code ?? .empty)
    case .timedOut:
      "no answer came: the platform may or may not have the report; try --timing nbIoT on a slow link"
    case .interrupted: "the link failed: the platform may or may not have the report"
    case .reset: AuthenticationFailure.reset.description
    case .unreadableAnswer:
      "the platform answered, but its payload does not open with the session's key: it was altered "
        + "on the way, or the platform uses another key"
    case .unauthenticated(let failure): failure.description
    case .handshake(let failure):
      transmissions == 0
        ? failure.description
        : "\(failure); the platform may or may not have the report"
    case .unsealable(.messageTooLong): SecurityError.tooLongAdvice
    case .unsealable(let error): "the security layer could not seal the report (\(error))"
    case .sequenceExhausted: "the session's sequence numbers are used up: authenticate again"
    }
  }
}

extension SecurityError {
  fileprivate static var tooLongAdvice: String {
    "the message is longer than the records that the server was asked for: send less at once, or ask for "
      + "longer ones (--max-fragment)"
  }
}

extension DeviceError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .busy: "a report is under way: wait until it has ended"
    case .payloadTooLong(let count):
      "the payload has \(count) bytes; at most 1,024 are allowed (device guide 3.5 advises 1 KB): "
        + "split it"
    case .request(let error): error.description
    case .thingModel(let error): error.description
    case .pullNotAllowed:
      "/pull is not in the device guide, and whether the platform answers it nobody here could try: "
        + "set allowsPull to use it"
    case .registrationNeedsDTLS:
      "a registration is answered with the device secret, in the clear but for DTLS: use DTLS with the "
        + "platform's certificate"
    case .capacity: "the output has no room for a datagram of 1,472 bytes"
    }
  }
}
#endif
