public import Alink
public import CoAPMessage
public import ConstrainedCore
public import Platform
public import PlatformCoAP
public import SecurityLayer

/// Which report of a session, counted from 1.
public struct ReportID: Hashable, Sendable {
  /// The count.
  public let number: UInt32
}

/// Why a device could not authenticate.
public enum AuthenticationFailure: Error, Equatable, Sendable {
  /// The platform answered with this code.
  case refused(Code)
  /// The platform answered with this code, 4.29 or 5.03, and asks for so long a wait before the next try.
  case putOff(Code, retryAfter: Milliseconds)
  /// Nothing came within MAX_TRANSMIT_WAIT.
  case timedOut
  /// The peer refused the message with a Reset: no CoAP server, or not this one.
  case reset
  /// The answer is not what `/auth` answers.
  case unusableAnswer(AuthenticationAnswerError)
  /// The security layer could not make a key.
  case security(SecurityError)
  /// There is no secure channel to the platform; nothing of the device was sent.
  case handshake(HandshakeFailure)
  /// The answer is not what a registration answers.
  case unusableRegistration(RegistrationAnswerError)
  /// The platform answered a registration with this code in its payload, and without a secret.
  case registrationRefused(code: UInt64)
}

/// How a report ended.
public enum ReportOutcome: Equatable, Sendable {
  /// The platform took it.
  case acknowledged
  /// The platform refused it with the result's code, or with that of its reply.
  case rejected
  /// Nothing came within MAX_TRANSMIT_WAIT; the platform may or may not have it.
  case timedOut
  /// The link failed meanwhile; once it was sent, the platform may or may not have it.
  case interrupted
  /// The peer refused the message with a Reset.
  case reset
  /// The report needed a new token and got none.
  case unauthenticated(AuthenticationFailure)
  /// The security layer could not seal it.
  case unsealable(SecurityError)
  /// There is no secure channel any more; the platform has the report only if it was sent before.
  case handshake(HandshakeFailure)
  /// The session's sequence numbers are used up; authenticate anew.
  case sequenceExhausted
}

/// How much of the platform's answer came.
public enum AnswerExtent: Sendable {
  /// All of it, decrypted.
  case whole
  /// All of it, in blocks: see `CoAPLink.takeAnswersInBlocks`.
  case inBlocks
  /// Not all: it is longer than a message and comes in blocks of which one is missing; `ReportResult.gap` says
  /// why. The platform has the report all the same.
  case incomplete
  /// Its head alone: the datagram is longer than `CoAPLink.maxDatagram`.
  ///
  /// The platform has the report all the same.
  case cut
  /// None of it: the platform answered with a success code, twice where the first one brought about a new token,
  /// but the payload does not open with the session's key.
  case unreadable
}

/// Why an answer in blocks is not all there.
public enum AnswerGap: Equatable, Sendable {
  /// Blocks are not taken: only the first has come.
  case notTaken
  /// It is longer than is wanted, or would take more than 64 requests.
  case tooLong
  /// A request for a further block got no answer.
  case unanswered
  /// The platform refused a request for a further block with this code.
  case refused(Code)
  /// Another block came than the one that was asked for, or none.
  case unexpected
  /// A further block is of another answer (its ETag differs).
  case changed
  /// A block has not as many bytes as it says.
  case wrongSize
  /// All of them came, and what they make does not open with the session's key.
  case unreadable
}

/// A report that has ended, with what it cost: its own requests, not those of `/auth`.
public struct ReportResult: Sendable {
  /// Which report.
  public internal(set) var id = ReportID(number: 0)
  /// How it ended.
  public package(set) var outcome = ReportOutcome.interrupted
  /// The last answer's code, if there was an answer.
  public internal(set) var code: Code?
  /// How long the platform asks to wait before the same is sent again, to the topic or to `/auth`: Max-Age of 4.29
  /// (RFC 8516) or 5.03 (RFC 7252 Section 5.9.3.4), from a second to an hour, and a minute where it is absent.
  ///
  /// 0 with any other code. The session does not wait by itself: the owner does.
  public internal(set) var retryAfter = Milliseconds(0)
  /// How much of what the platform answered `answer` is.
  public internal(set) var extent = AnswerExtent.whole
  /// Why the answer is not all there, with `AnswerExtent.incomplete`; else `nil`.
  public package(set) var gap: AnswerGap?
  /// The code of the platform's reply on a topic of the thing model or of firmware; `nil` where there was none
  /// that can be read.
  ///
  /// What it says in words stands in the answer: `PlatformReply` reads it.
  public package(set) var replyCode: UInt32?
  /// The value of option 2090 in the answer, opaque; empty when there is none or it is over 64 bytes.
  public internal(set) var messageID = FixedBytes<64>()
  /// The last sequence number that it was sent under; `nil` in a mode without one.
  public internal(set) var sequence: UInt64?
  /// Bytes of UDP payload that the device sent for it, all transmissions together.
  public internal(set) var bytesUp = 0
  /// Bytes of UDP payload that the device received for it.
  public internal(set) var bytesDown = 0
  /// How often a request for it was sent.
  public internal(set) var transmissions = 0
  /// From `publish` to the end.
  public internal(set) var duration = Milliseconds(0)
}

/// What happened in a session.
public enum DeviceEvent: Sendable {
  /// The device has a token.
  case authenticated
  /// It has none.
  case authenticationFailed(AuthenticationFailure)
  /// The device has a secret of its own: keep what `withSecret` gives.
  case registered
  /// It has none.
  case registrationFailed(AuthenticationFailure)
  /// A part of a report's answer has come, as it was sent: the session's `answer` holds it until the next
  /// datagram is handed over.
  case answerBlock
  /// A report has ended; the session's `answer` holds the payload of its answer until the next
  /// `publish`.
  case report(ReportResult)
}

/// Why a session could not do what it was asked to; nothing was sent.
public enum DeviceError: Error, Equatable, Sendable {
  /// A report is under way; one at a time.
  case busy
  /// The payload is longer than 1,024 bytes (device guide 3.5).
  case payloadTooLong(Int)
  /// The request of the thing model breaks a limit.
  case request(AlinkError)
  /// The request does not fit the product's thing model.
  case thingModel(ThingModelError)
  /// `DeviceSettings.allowsPull` is not set.
  case pullNotAllowed
  /// A registration's answer is a secret, which the symmetric mode would send in the clear.
  case registrationNeedsDTLS
}

/// What a session has sent and received since it began.
public struct DeviceCounters: Equatable, Sendable {
  /// Datagrams sent.
  public var datagramsUp = 0
  /// Datagrams received.
  public var datagramsDown = 0
  /// Bytes of UDP payload sent.
  public var bytesUp = 0
  /// Bytes of UDP payload received.
  public var bytesDown = 0
  /// Requests sent, each counted once however often it was transmitted.
  public var requests = 0
  /// Transmissions of requests.
  public var transmissions = 0
  /// Requests that were answered.
  public var roundTrips = 0
  /// Secure channels that were made, by whole handshakes and by resumed sessions.
  public var handshakes = 0
  /// Those of them that went on with an earlier session.
  public var resumptions = 0
  /// Times that the platform gave a token.
  public var authentications = 0
}
