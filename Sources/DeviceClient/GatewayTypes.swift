// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import DeviceStore
public import DurableReports
public import GatewayLink
public import GatewaySessions
public import Platform

/// How a `Gateway` speaks for its sub-devices.
public struct GatewayClientSettings: Sendable {
  /// Logins, and what a sub-device is subscribed to.
  public var link: GatewaySettings
  /// The directory with the outbox of `Gateway.report`, mode 700; `nil` for none.
  public var outbox: String?
  /// How the outbox keeps and retries reports.
  public var durable = DurableSettings()
  /// Told of what happens to sub-devices, in order, on the client's thread or a caller's: be quick, and do not wait.
  public var onEvent: (@Sendable (GatewayEvent) -> Void)?
  /// Given what the platform sends to sub-devices whose `requests` nobody takes; under the same conditions.
  public var onRequest: (@Sendable (DeviceRequest) -> Void)?
  /// Told of what becomes of each report that is kept; under the same conditions.
  public var onReport: (@Sendable (UInt64, KeptReportEnding) -> Void)?

  /// The guide's limits, and replies to reports of the thing model.
  public init() {
    link = GatewaySettings()
    link.readsReplies = true
    // A program that somebody watches tries again sooner than an agent does (30 s).
    durable.retry = Milliseconds(5_000)
  }
}

/// What became of a report that was kept.
public enum KeptReportEnding: Sendable {
  /// The platform has it.
  case delivered
  /// The platform refuses it for good; it was deleted.
  case rejected
  /// It is kept, to be sent again later.
  case postponed
  /// It was deleted, and may not have been accepted.
  case givenUp(GiveUpReason)
  /// Its lifetime has ended.
  case expired
  /// It was dropped to make room, or another one has taken its place.
  case dropped
}

/// Why a gateway's call has failed.
public enum GatewayError: Error, Equatable, Sendable {
  /// The names do not form an identity.
  case identity(IdentityError)
  /// The sub-device cannot be taken, or is not there.
  case subDevice(SubDeviceError)
  /// The platform does not let the sub-device in.
  case refused(SubDeviceReason)
  /// OpenSSL could not sign.
  case signing
  /// The platform registered the sub-device without a secret in its answer.
  case noSecret
  /// The topic is malformed.
  case topic(TopicError)
  /// The gateway was made without an outbox.
  case noOutbox
  /// The outbox does not take the report.
  case outbox(OutboxError)
  /// The gateway is closed.
  case closed
}

extension GatewayError: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .identity(let error): error.description
    case .subDevice(let error): error.description
    case .refused(let reason): reason.description
    case .signing: "OpenSSL could not sign: check its installation"
    case .noSecret:
      "the platform's answer has no secret of the sub-device: check that dynamic registration is on for its product, "
        + "and that it was not online before"
    case .topic(let error): error.description
    case .noOutbox: "the gateway was made without an outbox: give it a directory for one"
    case .outbox(.full):
      "the outbox is full: wait until the platform has taken reports, or make it larger"
    case .outbox(.tooLong):
      "the report is too long for the outbox: a topic has 128 bytes, a payload 1,024"
    case .outbox(.store(let error)): "the outbox cannot be written: \(error)"
    case .closed: "the gateway is closed: make a new one"
    }
  }
}
