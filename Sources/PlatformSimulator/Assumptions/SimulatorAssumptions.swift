public import CoAPMessage
public import PlatformCore

/// What the simulated platform does where only the cloud could tell, and how it says so in CoAP; `Assumption.all`
/// describes each one.
///
/// Unverified: each of them. The defaults are what the device guide comes nearest to, or else what the
/// platform's own SDKs can live with.
public struct SimulatorAssumptions: Equatable, Sendable {
  /// What holds whatever protocol devices come in by.
  public var platform = PlatformAssumptions()

  // MARK: Codes of CoAP

  /// For an unknown device at `/auth`, and one whose name breaks the rule.
  public var unknownDevice = Code.forbidden
  /// For a sign that does not fit the device's secret.
  public var badSign = Code.unauthorized
  /// For a member of `/auth` that the guide does not know; `nil` passes it over, though it is signed: a text as it
  /// is, a number by its digits, a truth value by its word; arrays, objects and null are not.
  public var unknownMember: Code? {
    get { platform.refusesUnknownMembers ? unknownMemberCode : nil }
    set {
      platform.refusesUnknownMembers = newValue != nil
      unknownMemberCode = newValue ?? .badRequest
    }
  }
  /// For a device that is disabled.
  public var disabledDevice = Code.forbidden
  /// For a token that is unknown, expired or taken back.
  public var unknownToken = Code.unauthorized
  /// For a report without a token.
  public var missingToken = Code.badRequest
  /// For a number or a payload that does not decrypt.
  public var undecryptable = Code.badRequest
  /// For a number that is too low or was used before.
  public var usedSequence = Code.badRequest
  /// For an `/auth` of the symmetric mode without `seq`; `nil` takes it.
  public var missingSequence: Code?
  /// For an `/auth` over DTLS with `seq`; `nil` takes it.
  public var sequenceOverDTLS: Code? = .badRequest
  /// For option 2089 over DTLS; `nil` passes it over.
  public var sequenceOptionOverDTLS: Code? = .badOption
  /// For a report to another device's topic.
  public var foreignTopic = Code.forbidden
  /// For a report to a topic that there is not.
  public var unknownTopic = Code.notFound
  /// For a report to a topic that devices may only subscribe to.
  public var subscribeTopic = Code.forbidden
  /// For a topic of over 128 bytes.
  public var longTopic = Code.pathTooLong
  /// For a payload over the limit.
  public var longPayload = Code.requestEntityTooLarge
  /// For a report that is taken, of class 2.
  public var report = Code.content
  /// For a device that cannot register itself over CoAP: it is active, or not in the register.
  public var registrationRefused = Code.forbidden
  /// For a registration whose sign does not fit the product's secret.
  public var registrationSign = Code.unauthorized
  /// For an Alink payload that is no value of its Content-Format; `nil` for an Alink reply with 460.
  public var brokenPayload: Code? {
    get { platform.refusesBrokenPayloads ? brokenPayloadCode : nil }
    set {
      platform.refusesBrokenPayloads = newValue != nil
      brokenPayloadCode = newValue ?? .badRequest
    }
  }
  /// The code for such a member where it is refused.
  private(set) var unknownMemberCode = Code.badRequest
  /// The code for such a payload where it is refused.
  private(set) var brokenPayloadCode = Code.badRequest

  // MARK: Rules

  /// Whether `/auth` is taken in CBOR.
  public var takesCBORAuthentication = true
  /// Whether a report's Content-Format must be 50, 60 or none, and 42 where the payload is opaque.
  public var checksReportFormat = false
  /// Whether token and seq may stand in the query.
  public var takesQuery = false
  /// Whether there is `/pull`.
  public var servesPull = true

  // MARK: Forms

  /// How option 2090 holds the id of a message.
  public enum MessageIDForm: String, Sendable, CaseIterable {
    /// An unsigned number of 8 bytes.
    case integer
    /// Its decimal digits.
    case digits
    /// There is no option.
    case none
  }

  /// How option 2090 holds the id of a message.
  public var messageID = MessageIDForm.integer
  /// Whether answers have option 2090 over DTLS, too.
  public var namesMessagesOverDTLS = false
  /// Whether an Alink reply says its Content-Format.
  public var namesReplyFormat = true
  /// Whether the answer to `/auth` says its Content-Format in JSON, too.
  public var namesAuthenticationFormat = false
  /// Whether a long answer goes out in blocks; in one message of any size otherwise.
  public var cutsLongReplies = true
  /// Whether `/pull` is answered with `{"code":200,"data":[…]}`, not with the array alone.
  public var wrapsPull = false
  /// Whether `/pull` is answered without a payload when nothing waits.
  public var emptiesPull = false
  /// Whether a registration is answered with its `data` alone, not with code and message around it.
  public var flattensRegistration = false

  /// The platform that the device guide comes nearest to.
  public init() {}
}
