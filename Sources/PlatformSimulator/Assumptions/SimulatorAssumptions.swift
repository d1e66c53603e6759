// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
public import PlatformCore

/// The simulated platform's behaviour where only the cloud could show the real one, and its CoAP
/// codes for it; `Assumption.all` describes each decision.
///
/// Unverified: each of them. The defaults follow the device guide as closely as possible; failing
/// that, they are values that the platform's own SDKs can handle.
public struct SimulatorAssumptions: AssumedSettings {
  /// The assumptions that apply to all protocols.
  public var platform = PlatformAssumptions()

  // MARK: CoAP codes

  /// The code for an unknown device at `/auth`, and for a device name that breaks the rule.
  public var unknownDevice = Code.forbidden
  /// The code for a signature that does not match the device's secret.
  public var badSign = Code.unauthorized
  /// The code for a member of `/auth` that is not in the guide; `nil` ignores the member.
  ///
  /// The signature covers an ignored member: a text unchanged, a number by its digits, a boolean by
  /// its word; arrays, objects and null are not covered.
  public var unknownMember: Code? {
    get { platform.refusesUnknownMembers ? unknownMemberCode : nil }
    set {
      platform.refusesUnknownMembers = newValue != nil
      unknownMemberCode = newValue ?? .badRequest
    }
  }
  /// The code for a disabled device.
  public var disabledDevice = Code.forbidden
  /// The code for a token that is unknown, expired or revoked.
  public var unknownToken = Code.unauthorized
  /// The code for a report without a token.
  public var missingToken = Code.badRequest
  /// The code for a sequence number or payload that cannot be decrypted.
  public var undecryptable = Code.badRequest
  /// The code for a sequence number that is too low or was used before.
  public var usedSequence = Code.badRequest
  /// The code for `/auth` in symmetric mode without `seq`; `nil` accepts it.
  public var missingSequence: Code?
  /// The code for `/auth` over DTLS with `seq`; `nil` accepts it.
  public var sequenceOverDTLS: Code? = .badRequest
  /// The code for option 2089 over DTLS; `nil` ignores it.
  public var sequenceOptionOverDTLS: Code? = .badOption
  /// The code for a report to another device's topic.
  public var foreignTopic = Code.forbidden
  /// The code for a report to a topic that does not exist.
  public var unknownTopic = Code.notFound
  /// The code for a report to a topic that devices may only subscribe to.
  public var subscribeTopic = Code.forbidden
  /// The code for a topic of more than 128 bytes.
  public var longTopic = Code.pathTooLong
  /// The code for a payload over the limit.
  public var longPayload = Code.requestEntityTooLarge
  /// The code for an accepted report, of class 2.
  public var report = Code.content
  /// The code for a device that cannot register over CoAP: it is already active, or not in the
  /// register.
  public var registrationRefused = Code.forbidden
  /// The code for a registration whose signature does not match the product's secret.
  public var registrationSign = Code.unauthorized
  /// The code for an Alink payload that does not match its Content-Format; `nil` sends an Alink
  /// reply with 460.
  public var brokenPayload: Code? {
    get { platform.refusesBrokenPayloads ? brokenPayloadCode : nil }
    set {
      platform.refusesBrokenPayloads = newValue != nil
      brokenPayloadCode = newValue ?? .badRequest
    }
  }
  /// The code for an unknown member if it is refused.
  private(set) var unknownMemberCode = Code.badRequest
  /// The code for a broken payload if it is refused.
  private(set) var brokenPayloadCode = Code.badRequest

  // MARK: Rules

  /// Whether `/auth` is accepted in CBOR.
  public var takesCBORAuthentication = true
  /// Whether a report's Content-Format must be 50, 60 or absent, or 42 for an opaque payload.
  public var checksReportFormat = false
  /// Whether token and seq may be in the query.
  public var takesQuery = false
  /// Whether the symmetric mode's session, and not the address, says which device a message is from, so that a
  /// retransmission after NAT is answered as the transmission before it (RFC 7252 Section 4.1); otherwise it is a new
  /// message with a number that was used.
  public var recognisesMovedDevices = true
  /// Whether `/pull` exists.
  public var servesPull = true

  // MARK: Formats

  /// The format of a message id in option 2090.
  public enum MessageIDForm: String, Sendable, CaseIterable {
    /// An unsigned integer of 8 bytes.
    case integer
    /// Decimal digits in ASCII.
    case digits
    /// The option is left out.
    case none
  }

  /// The format of a message id in option 2090.
  public var messageID = MessageIDForm.integer
  /// Whether responses over DTLS also have option 2090.
  public var namesMessagesOverDTLS = false
  /// Whether an Alink reply has a Content-Format.
  public var namesReplyFormat = true
  /// Whether the answer to `/auth` also has a Content-Format if it is JSON.
  public var namesAuthenticationFormat = false
  /// Whether a long answer is sent in blocks; otherwise it is one message of any size.
  public var cutsLongReplies = true
  /// Whether the answer to `/pull` is `{"code":200,"data":[…]}` instead of the array alone.
  public var wrapsPull = false
  /// Whether the answer to `/pull` has no payload if no messages are waiting.
  public var emptiesPull = false
  /// Whether the answer to a registration is its `data` alone, without code and message.
  public var flattensRegistration = false

  /// The platform as close to the device guide as possible.
  public init() {}
}
