// SPDX-License-Identifier: Apache-2.0
public import PayloadValues

/// The platform's state of one device, limited in every part.
public struct DeviceState: Equatable, Sendable {
  /// A reported value of a property or event.
  public struct Reported: Equatable, Sendable {
    /// The value.
    public var value: PayloadValue
    /// The time given by the device, in milliseconds since 1970; `nil` if there was none.
    public var time: Int64?
  }

  /// A reported event.
  public struct Event: Equatable, Sendable {
    /// The event's identifier.
    public var identifier: String
    /// The output parameters and the time.
    public var reported: Reported
  }

  /// A property's desired value (device guide 6.6).
  public struct Desired: Equatable, Sendable {
    /// The value; `nil` after it was cleared.
    public var value: PayloadValue?
    /// The number of times that it was set.
    public var version: Int64
  }

  /// A device named by a gateway.
  public struct Identity: Hashable, Sendable {
    /// The product's key.
    public var productKey: String
    /// The device's name.
    public var deviceName: String

    /// Creates an identity.
    public init(productKey: String, deviceName: String) {
      self.productKey = productKey
      self.deviceName = deviceName
    }

    var path: String { "\(productKey)/\(deviceName)" }

    var value: PayloadValue {
      ["deviceName": .text(deviceName), "productKey": .text(productKey)]
    }
  }

  /// The progress of an upgrade (device guide 6.11).
  public struct Progress: Equatable, Sendable {
    /// The percentage, 1 to 100, or -1 to -4 for a failure.
    public var step: Int64
    /// The device's description.
    public var text: String
  }

  /// An upgrade offered to the device (device guide 4 and 6.11).
  public struct Upgrade: Equatable, Sendable {
    /// The state of the upgrade.
    public enum Outcome: Sendable {
      /// The firmware was offered to the device.
      case offered
      /// The device has reported progress.
      case running
      /// The device has reported the version.
      case succeeded
      /// The device has reported a failure, or another version after progress.
      case failed
    }

    /// The firmware's version.
    public var version: String
    /// The state of the upgrade.
    public var outcome: Outcome
  }

  /// The device's answer to a message of the platform.
  public struct Answer: Equatable, Sendable {
    /// The topic, which ends in `_reply`.
    public var topic: String
    /// The answer; `nil` if it is neither JSON nor CBOR.
    public var value: PayloadValue?
  }

  /// The last value of each property, for at most 500.
  public internal(set) var properties: [String: Reported] = [:]
  /// The last 100 events, the oldest first.
  public internal(set) var events: [Event] = []
  /// The tags, at most 200.
  public internal(set) var tags: [String: String] = [:]
  /// The desired values, for at most 500 properties.
  public internal(set) var desired: [String: Desired] = [:]
  /// The sub-devices, at most 1,500 or `PlatformConfiguration.subDeviceLimit`, in the order of addition.
  public internal(set) var topology: [Identity] = []
  /// The last 200 devices found by a gateway.
  public internal(set) var found: [Identity] = []
  /// The firmware version last reported by the device.
  public internal(set) var firmwareVersion: String?
  /// The last progress of an upgrade reported by the device.
  public internal(set) var progress: Progress?
  /// The last upgrade offered to the device; `nil` if there was none.
  public internal(set) var upgrade: Upgrade?
  /// The last 100 payloads of `up_raw`.
  public internal(set) var raw: [[UInt8]] = []
  /// The last 100 answers of the device.
  public internal(set) var answers: [Answer] = []
  /// The messages waiting for the device's `/pull`, at most 100, the oldest first.
  public internal(set) var downlink: [DownlinkMessage] = []

  /// The initial state of a device.
  public init() {}

  static let maxProperties = 500
  static let maxTags = 200
  static let maxFound = 200
  /// The limit for events, raw payloads, answers and messages.
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
  /// The topic, `/sys/…` or `/ota/…`.
  public var topic: String
  /// The Alink message.
  public var payload: PayloadValue

  /// Creates a message.
  public init(topic: String, payload: PayloadValue) {
    self.topic = topic
    self.payload = payload
  }
}
