// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadValues

/// What the platform, or the console's user, sends to a device (device guide 4 to 6).
public struct PushRequest: Sendable {
  /// What it is.
  public enum Kind: String, Sendable, CaseIterable {
    /// `thing.service.property.set` (6.5).
    case propertySet = "property-set"
    /// Desired values (6.6): kept, and set at once where the device is connected.
    case desired
    /// `thing.service.property.get`.
    case propertyGet = "property-get"
    /// `thing.service.ID` (6.5).
    case service
    /// Bytes to `model/down_raw` (6.5).
    case raw
    /// `thing.config.push` (6.12).
    case config
    /// `/ota/device/upgrade/PK/DN` (4 and 6.11).
    case firmware
    /// A synchronous call (6.1).
    case rrpc
    /// `thing.topo.add.notify` (6.3).
    case topoNotify = "topo-notify"
    /// `thing.model.config.push` (6.7).
    case subConfig = "sub-config"
    /// `thing.disable` (6.8).
    case disable
    /// `thing.enable` (6.8).
    case enable
    /// `thing.delete` (6.8).
    case delete
    /// `/ext/error/PK/DN` (5).
    case error
    /// A message on a topic of the product's own.
    case message
  }

  /// What it is.
  public var kind: Kind
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// The member `params`, or `data` where the message has that.
  public var parameters: PayloadValue?
  /// The service's identifier.
  public var service: String?
  /// The bytes of `raw`, `rrpc` and `message`.
  public var payload: [UInt8]?
  /// The topic of `message`, and of an `rrpc` to a topic of the product's own.
  public var topic: String?
  /// Whether a service is called synchronously.
  public var isSynchronous = false
  /// Whether the thing model is not asked first.
  public var isUnchecked = false
  /// Whether a message to a device that is not connected waits for its `/pull` over CoAP.
  public var waitsForPull = false
  /// How long an answer is waited for.
  public var wait = Milliseconds(8_000)

  /// A push to a device.
  public init(_ kind: Kind, productKey: String, deviceName: String) {
    self.kind = kind
    self.productKey = productKey
    self.deviceName = deviceName
  }
}

/// How a push ended.
public struct PushResult: Sendable, Equatable {
  /// How, in one word.
  public enum Outcome: String, Sendable {
    /// The device has answered.
    case answered
    /// It was sent, and nothing answers such a message.
    case sent
    /// The device is not connected; mosquitto keeps the message for its session.
    case queued
    /// The device is not connected; the message waits for its `/pull`, or its request for desired values.
    case kept
    /// The device is not connected, and nothing is kept.
    case offline
    /// The device is connected and has not subscribed to the topic.
    case unsubscribed
    /// The device has not answered in time.
    case silent
    /// The platform itself does not do that.
    case refused
  }

  /// How it ended.
  public var outcome: Outcome
  /// Why, where that needs words.
  public var reason = ""
  /// The topic that it was sent to.
  public var topic = ""
  /// The `id` of the message, or the message id of a synchronous call.
  public var identifier = ""
  /// What was sent.
  public var payload: [UInt8] = []
  /// The topic of the answer.
  public var answerTopic = ""
  /// The answer.
  public var answer: [UInt8] = []
  /// The answer's member `code`.
  public var code: Int64?
  /// From the message to its answer.
  public var milliseconds: Int64 = 0

  init(_ outcome: Outcome, reason: String = "") {
    self.outcome = outcome
    self.reason = reason
  }
}

/// A push that waits for its answer.
struct WaitingPush {
  let path: String
  let start: Instant
  let deadline: Instant
  var result: PushResult
  /// Whether the answer's `id` must be that of the message.
  let hasIdentifier: Bool
}
