// SPDX-License-Identifier: Apache-2.0
public import Alink
public import CoAPMessage
public import ConstrainedCore
public import Platform
public import PlatformCoAP
public import SecurityLayer

/// Identifies a report of a session, counted from 1.
public struct ReportID: Hashable, Sendable {
  /// The count.
  public let number: UInt32
}

/// Why a device could not authenticate.
public enum AuthenticationFailure: Error, Equatable, Sendable {
  /// The platform answered with this code.
  case refused(Code)
  /// The platform answered with this code, 4.29 or 5.03, and asks to wait this long before the next
  /// attempt.
  case putOff(Code, retryAfter: Milliseconds)
  /// No answer came within MAX_TRANSMIT_WAIT.
  case timedOut
  /// The peer rejected the message with a Reset: not a CoAP server, or not the right one.
  case reset
  /// The answer is not a valid answer to `/auth`.
  case unusableAnswer(AuthenticationAnswerError)
  /// The security layer could not derive a key.
  case security(SecurityError)
  /// There is no secure channel to the platform; nothing of the device's was sent.
  case handshake(HandshakeFailure)
  /// The answer is not a valid answer to a registration.
  case unusableRegistration(RegistrationAnswerError)
  /// The platform answered a registration with this code in its payload, without a secret.
  case registrationRefused(code: UInt64)
}

/// How a report ended.
public enum ReportOutcome: Equatable, Sendable {
  /// The platform accepted it.
  case acknowledged
  /// The platform refused it with the result's code, or with that of its reply.
  case rejected
  /// No answer came within MAX_TRANSMIT_WAIT; the platform may or may not have it.
  case timedOut
  /// The link failed meanwhile; if the report was sent, the platform may or may not have it.
  case interrupted
  /// The peer rejected the message with a Reset.
  case reset
  /// The report needed a new token and got none.
  case unauthenticated(AuthenticationFailure)
  /// The security layer could not seal it.
  case unsealable(SecurityError)
  /// The secure channel was lost; the platform has the report only if it was sent before.
  case handshake(HandshakeFailure)
  /// The session's sequence numbers are used up; authenticate again.
  case sequenceExhausted
  #if !hasFeature(Embedded)
  /// What came back is not the platform's answer, or too long for one; the platform may or may not have the report.
  case unreadable
  #endif
}

/// How much of the platform's answer was received.
public enum AnswerExtent: Sendable {
  /// The whole answer, decrypted.
  case whole
  /// The whole answer, in blocks: see `CoAPLink.takeAnswersInBlocks`.
  case inBlocks
  /// A part: the answer is too long for a message, and one of its blocks is missing;
  /// `ReportResult.gap` gives the reason.
  ///
  /// The platform has the report.
  case incomplete
  /// Only its head: the datagram is longer than `CoAPLink.maxDatagram`.
  ///
  /// The platform has the report.
  case cut
  /// Nothing: the platform answered with a success code, but the payload cannot be decrypted with
  /// the session's key.
  ///
  /// If the first such answer led to a new token, this is the second.
  case unreadable
}

/// Why a blockwise answer is incomplete.
public enum AnswerGap: Equatable, Sendable {
  /// Blocks are not accepted: only the first was received.
  case notTaken
  /// The answer exceeds the limit, or would take more than 64 requests.
  case tooLong
  /// A request for a further block got no answer.
  case unanswered
  /// The platform refused a request for a further block with this code.
  case refused(Code)
  /// A block other than the requested one was received, or none.
  case unexpected
  /// A further block belongs to another answer (its ETag differs).
  case changed
  /// The length of a block does not match its option.
  case wrongSize
  /// All blocks were received, but their content cannot be decrypted with the session's key.
  case unreadable
}

/// The result of a report and its cost: only its own requests, not those of `/auth`.
public struct ReportResult: Sendable {
  /// The report.
  public internal(set) var id = ReportID(number: 0)
  /// How it ended.
  public package(set) var outcome = ReportOutcome.interrupted
  /// The last answer's code, if there was an answer.
  public internal(set) var code: Code?
  /// The time to wait before sending the same again, to the topic or to `/auth`.
  ///
  /// It is the Max-Age of 4.29 (RFC 8516) or 5.03 (RFC 7252 Section 5.9.3.4), from a second to an
  /// hour, a minute if it is absent, and 0 for any other code. The session does not wait by itself:
  /// the owner does.
  public package(set) var retryAfter = Milliseconds(0)
  /// How much of the platform's answer is in `answer`.
  public internal(set) var extent = AnswerExtent.whole
  /// Why the answer is incomplete, for `AnswerExtent.incomplete`; otherwise `nil`.
  public package(set) var gap: AnswerGap?
  /// The code of the platform's reply on a topic of the thing model or of firmware; `nil` if there
  /// was no readable one.
  ///
  /// Its text is in the answer: `PlatformReply` reads it.
  public package(set) var replyCode: UInt32?
  /// The value of option 2090 in the answer, opaque; empty if it is absent or longer than 64 bytes.
  public package(set) var messageID = FixedBytes<64>()
  /// The last sequence number under which it was sent; `nil` in a mode without one.
  public internal(set) var sequence: UInt64?
  /// The UDP payload sent for it in bytes, all transmissions together.
  public package(set) var bytesUp = 0
  /// The UDP payload received for it in bytes.
  public package(set) var bytesDown = 0
  /// The number of transmissions of requests for it.
  public package(set) var transmissions = 0
  /// The time from `publish` to the end.
  public package(set) var duration = Milliseconds(0)
  #if !hasFeature(Embedded)
  /// Whether a rejection over HTTPS, which has no code of CoAP, is about the platform or the token and not about the
  /// report.
  package var mayBeTakenLater = false
  #endif

  package init() {}
}

/// An event of a session.
public enum DeviceEvent: Sendable {
  /// The device has a token.
  case authenticated
  /// The device could not get a token.
  case authenticationFailed(AuthenticationFailure)
  /// The device has its own secret: store the one that `withSecret` returns.
  case registered
  /// The device could not register.
  case registrationFailed(AuthenticationFailure)
  /// A part of a report's answer was received, still encrypted: the session's `answer` holds it
  /// until the next datagram is passed.
  case answerBlock
  /// A report has ended; the session's `answer` holds the payload of its answer until the next
  /// `publish`.
  case report(ReportResult)
}

/// Why a session could not do what was requested; nothing was sent.
public enum DeviceError: Error, Equatable, Sendable {
  /// A report is in flight; there is one at a time.
  case busy
  /// The payload is longer than 1,024 bytes (device guide 3.5).
  case payloadTooLong(Int)
  /// The thing-model request breaks a limit.
  case request(AlinkError)
  /// The request does not match the product's thing model.
  case thingModel(ThingModelError)
  /// `DeviceSettings.allowsPull` is not set.
  case pullNotAllowed
  /// The answer to a registration is a secret, which the symmetric mode would send in plaintext.
  case registrationNeedsDTLS
}

/// A session's traffic since it began.
public struct DeviceCounters: Equatable, Sendable {
  /// Datagrams sent.
  public var datagramsUp = 0
  /// Datagrams received.
  public var datagramsDown = 0
  /// Bytes of UDP payload sent.
  public var bytesUp = 0
  /// Bytes of UDP payload received.
  public var bytesDown = 0
  /// Requests sent, not counting retransmissions.
  public var requests = 0
  /// Transmissions of requests, including retransmissions.
  public var transmissions = 0
  /// Requests that were answered.
  public var roundTrips = 0
  /// Secure channels established, by full handshakes and by resumption.
  public var handshakes = 0
  /// Secure channels that resumed an earlier session.
  public var resumptions = 0
  /// Tokens issued by the platform.
  public var authentications = 0

  package init() {}
}
