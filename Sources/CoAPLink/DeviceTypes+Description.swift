// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import Platform
internal import PlatformCoAP
internal import Alink
internal import CoAPMessage
internal import SecurityLayer
internal import ConstrainedCore

extension AuthenticationFailure: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .refused(let code): ResponseMeaning.advice(onAuthentication: code)
    case .putOff(let code, let wait):
      "the platform is too busy to authenticate devices (\(code)): it asks for \(wait.seconds) before the next "
        + "try"
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
  /// States what happened to the report, then what to do; `nil` for an acknowledged one.
  public var advice: String? {
    switch outcome {
    case .acknowledged: nil
    case .rejected where replyCode != nil: replyAdvice
    case .rejected where retryAfter.count > 0:
      "the platform has put the report off (\((code ?? .empty))): it asks for \(retryAfter.seconds) before the "
        + "next to this topic"
    case .rejected: ResponseMeaning.advice(onReport: code ?? .empty)
    case .timedOut:
      "no answer came: the platform may or may not have the report; on a slow link, wait longer"
    case .interrupted: "the link failed: the platform may or may not have the report"
    case .reset: AuthenticationFailure.reset.description
    case .unauthenticated(let failure): failure.description
    case .handshake(let failure):
      transmissions == 0
        ? failure.description
        : "\(failure); the platform may or may not have the report"
    case .unsealable(.messageTooLong): SecurityError.tooLongAdvice
    case .unsealable(let error): "the security layer could not seal the report (\(error))"
    case .sequenceExhausted: "the session's sequence numbers are used up: authenticate again"
    case .unreadable:
      "what came back is not the platform's answer: the platform may or may not have the report"
    }
  }
}

extension ReportResult {
  private var replyAdvice: String {
    let code = AlinkCode(rawValue: UInt64(replyCode ?? 0))
    let isPutOff = PlatformReply.putsOff(code: replyCode ?? 0)
    return
      "the platform's reply \(isPutOff ? "puts the report off" : "refuses the report"): code \(code.rawValue) (\(code.meaning))"
  }

  /// Why the answer is incomplete, in words; `nil` if it is complete.
  public var answerGap: String? {
    switch (extent, gap) {
    case (.whole, _), (.inBlocks, nil): nil
    case (.cut, _):
      "its answer is longer than a datagram is taken (1,472 bytes): ask for less, or for it elsewhere"
    case (.unreadable, _):
      "its answer does not open with the session's key: it was altered on the way, or the platform uses another "
        + "key"
    case (_, .notTaken):
      "its answer is longer than a message, and only the first part was taken: ask for less, or for it elsewhere"
    case (_, .tooLong):
      "its answer is longer than is wanted, or comes in too small parts (64 requests are made for one at most)"
    case (_, .unanswered):
      "its answer comes in parts, and the next one was asked for in vain: try again"
    case (_, .refused(let code)):
      "its answer comes in parts, and the platform refused the next one with \(code): try again"
    case (_, .unexpected):
      "its answer comes in parts, and another one came than was asked for: try again"
    case (_, .changed):
      "its answer comes in parts, and changed between two of them: try again"
    case (_, .wrongSize):
      "its answer comes in parts, and one has not as many bytes as it says: the platform is at fault"
    case (_, .unreadable):
      "its answer came in parts, which together do not open with the session's key: one was altered on the way, "
        + "or the platform uses another key"
    case (.incomplete, nil): "its answer is longer than a message, and a part is missing: try again"
    }
  }
}

extension Milliseconds {
  /// Rounded up to whole seconds.
  fileprivate var seconds: String { "\((count + 999) / 1_000) s" }
}

extension SecurityError {
  fileprivate static var tooLongAdvice: String {
    "the message is longer than the records that the server was asked for: send less at once, or ask for "
      + "longer ones"
  }
}

extension DeviceError: CustomStringConvertible {
  /// States what happened, then what to do.
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
    }
  }
}
#endif
