public import PayloadValues

/// What the platform holds of one device, bounded in every part.
public struct DeviceState: Equatable, Sendable {
  /// A property's or event's value as it was reported.
  public struct Reported: Equatable, Sendable {
    /// The value.
    public var value: PayloadValue
    /// The time that the device gave, in milliseconds since 1970; `nil` when it gave none.
    public var time: Int64?
  }

  /// An event as it was reported.
  public struct Event: Equatable, Sendable {
    /// The event's identifier.
    public var identifier: String
    /// Its output parameters, and the time.
    public var reported: Reported
  }

  /// A property's desired value (device guide 6.6).
  public struct Desired: Equatable, Sendable {
    /// The value; `nil` once it was cleared.
    public var value: PayloadValue?
    /// How often it was set.
    public var version: Int64
  }

  /// Another device, as a gateway names it.
  public struct Identity: Hashable, Sendable {
    /// The product's key.
    public var productKey: String
    /// The device's name.
    public var deviceName: String

    /// A device of a product.
    public init(productKey: String, deviceName: String) {
      self.productKey = productKey
      self.deviceName = deviceName
    }

    var path: String { "\(productKey)/\(deviceName)" }

    var value: PayloadValue {
      ["deviceName": .text(deviceName), "productKey": .text(productKey)]
    }
  }

  /// How far an upgrade has come (device guide 6.11).
  public struct Progress: Equatable, Sendable {
    /// Per cent, 1 to 100, or -1 to -4 for a failure.
    public var step: Int64
    /// What the device says of it.
    public var text: String
  }

  /// An upgrade that the device has been offered (device guide 4 and 6.11).
  public struct Upgrade: Equatable, Sendable {
    /// How it stands.
    public enum Outcome: Sendable {
      /// The device has been told of the firmware.
      case offered
      /// It has reported progress.
      case running
      /// It has reported the version.
      case succeeded
      /// It has reported a failure, or another version after progress.
      case failed
    }

    /// The firmware's version.
    public var version: String
    /// How the upgrade stands.
    public var outcome: Outcome
  }

  /// What a device has answered to a message of the platform.
  public struct Answer: Equatable, Sendable {
    /// Its topic, which ends in `_reply`.
    public var topic: String
    /// The answer; `nil` when it is neither JSON nor CBOR.
    public var value: PayloadValue?
  }

  /// The last value of each property; of at most 500.
  public internal(set) var properties: [String: Reported] = [:]
  /// The last 100 events, the oldest first.
  public internal(set) var events: [Event] = []
  /// The tags, at most 200.
  public internal(set) var tags: [String: String] = [:]
  /// The desired values, of at most 500 properties.
  public internal(set) var desired: [String: Desired] = [:]
  /// The sub-devices, at most 1,500, in the order in which they were added.
  public internal(set) var topology: [Identity] = []
  /// The last 200 devices that a gateway has found.
  public internal(set) var found: [Identity] = []
  /// The last firmware version that the device has reported.
  public internal(set) var firmwareVersion: String?
  /// The last progress of an upgrade that the device has reported.
  public internal(set) var progress: Progress?
  /// The last upgrade that the device has been offered; `nil` when there was none.
  public internal(set) var upgrade: Upgrade?
  /// The last 100 payloads of `up_raw`.
  public internal(set) var raw: [[UInt8]] = []
  /// The last 100 answers of the device.
  public internal(set) var answers: [Answer] = []
  /// What waits for the device's `/pull`, at most 100 messages, the oldest first.
  public internal(set) var downlink: [DownlinkMessage] = []

  /// What a device begins with.
  public init() {}

  static let maxProperties = 500
  static let maxTags = 200
  static let maxTopology = 1_500
  static let maxFound = 200
  /// Of events, raw payloads, answers and messages.
  static let maxListed = 100

  static func append<Element>(
    _ element: Element,
    to list: inout [Element],
    limit: Int = maxListed
  ) {
    list.append(element)
    if list.count > limit { list.removeFirst(list.count - limit) }
  }
}

/// A message of the platform that waits for a device.
public struct DownlinkMessage: Equatable, Sendable {
  /// Its topic, `/sys/…` or `/ota/…`.
  public var topic: String
  /// The Alink message.
  public var payload: PayloadValue

  /// A message on a topic.
  public init(topic: String, payload: PayloadValue) {
    self.topic = topic
    self.payload = payload
  }
}
