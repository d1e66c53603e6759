// SPDX-License-Identifier: Apache-2.0
/// What the platform sends to a device that it can reach: one row of the guide's downlinks each (device guide 4,
/// 5, 6.1 to 6.12).
///
/// A kind says everything that is the same for all messages of it: topic, answer, time to answer. Topics are below
/// `/sys/PK/DN/` unless `isAbsolute` says otherwise.
public enum DownlinkKind: UInt8, Hashable, Sendable {
  /// `thing.service.property.set` (6.5): set, answer, then post the property.
  case propertySet
  /// `thing.service.property.get` (6.5): answer with the values.
  case propertyGet
  /// `thing.service.ID` (6.5), asynchronous: run, then answer with `outputData`.
  case service
  /// A synchronous call (RRPC; 6.1, 6.5), `rrpc/request/MESSAGEID`: a service, or bytes of the application's own.
  ///
  /// Unverified: the topic is that of public device code; `DownlinkSettings.taken` leaves it out.
  case synchronousCall
  /// A synchronous call on a topic of the application's own, `/ext/rrpc/MESSAGEID/TOPIC`, answered on the same
  /// topic.
  ///
  /// Unverified: as `synchronousCall`.
  case customCall
  /// `thing/model/down_raw` (6.5): bytes in, bytes out.
  case rawDown
  /// `/ota/device/upgrade/PK/DN` (4, 6.11): a firmware; see `FirmwarePush`.
  case firmware
  /// `thing.config.push` (6.12): a configuration file.
  case configuration
  /// `thing.model.config.push` (6.7): the configuration of a gateway's sub-devices, in `data`.
  case subDeviceConfiguration
  /// `thing.topo.add.notify` (6.3): sub-devices that a gateway is to add.
  case topologyAddition
  /// `thing.disable` (6.8).
  case disable
  /// `thing.enable` (6.8).
  case enable
  /// `thing.delete` (6.8).
  case delete
  /// `/ext/error/PK/DN` (5): a sub-device is out, or has to log in again.
  case subDeviceError
  /// The reply to `DesiredGet` (6.6), which a device asks for after each connect.
  case desiredValues

  /// How many kinds there are; their raw values count from 0.
  static var count: UInt8 { 15 }

  /// What a device answers.
  public var answer: DownlinkAnswerForm {
    switch self {
    case .propertySet, .propertyGet, .service, .configuration, .topologyAddition, .disable,
      .enable, .delete:
      .alink
    case .synchronousCall: .alinkOrBytes
    case .customCall, .rawDown: .bytes
    case .firmware, .subDeviceConfiguration, .subDeviceError, .desiredValues: .nothing
    }
  }

  /// Whose affair it is.
  public var subject: DownlinkSubject {
    switch self {
    case .subDeviceConfiguration, .topologyAddition, .subDeviceError: .subDevices
    case .propertySet, .propertyGet, .service, .rawDown, .disable, .enable, .delete,
      .desiredValues:
      .deviceOrSubDevice
    case .synchronousCall, .customCall, .firmware, .configuration: .device
    }
  }

  /// Whether its answer is waited for by a caller of the platform and worth nothing afterwards.
  public var isSynchronous: Bool { self == .synchronousCall || self == .customCall }

  /// Whether its topic does not begin with `/sys/PK/DN/`.
  public var isAbsolute: Bool {
    self == .firmware || self == .subDeviceError || self == .customCall
  }

  /// Whether it is a request of the thing model, with `version` and a `method` that is the topic's name.
  var hasMethod: Bool { answer == .alink || self == .subDeviceConfiguration }

  /// What stands behind `/sys/PK/DN/`, or before the names of a topic that is absolute; a name follows where it
  /// ends with a slash.
  var path: StaticString {
    switch self {
    case .propertySet: "thing/service/property/set"
    case .propertyGet: "thing/service/property/get"
    case .service: "thing/service/"
    case .synchronousCall: "rrpc/request/"
    case .customCall: "/ext/rrpc/"
    case .rawDown: "thing/model/down_raw"
    case .firmware: "/ota/device/upgrade/"
    case .configuration: "thing/config/push"
    case .subDeviceConfiguration: "thing/model/config/push"
    case .topologyAddition: "thing/topo/add/notify"
    case .disable: "thing/disable"
    case .enable: "thing/enable"
    case .delete: "thing/delete"
    case .subDeviceError: "/ext/error/"
    case .desiredValues: "thing/property/desired/get_reply"
    }
  }
}

/// What a device answers to a kind of downlink.
public enum DownlinkAnswerForm: Sendable {
  /// Nothing: there is no topic for it.
  case nothing
  /// `{"id":…,"code":…,"data":{}}`.
  case alink
  /// Bytes as they are.
  case bytes
  /// As the request came: a call of the thing model is answered like one, and bytes are answered with bytes.
  case alinkOrBytes
}

/// Whose affair a kind of downlink is.
public enum DownlinkSubject: Sendable {
  /// The device's own.
  case device
  /// A gateway's: what it tells concerns its sub-devices.
  case subDevices
  /// That of the device in the topic, which may be a gateway's sub-device.
  case deviceOrSubDevice
}

/// A set of kinds, without a heap.
public struct DownlinkKinds: Hashable, Sendable {
  /// A bit for each kind, by its raw value.
  private var bits: UInt32 = 0

  /// No kinds.
  public init() {}

  /// Whether none is in it.
  public var isEmpty: Bool { bits == 0 }

  /// Whether that kind is in it.
  public func contains(_ kind: DownlinkKind) -> Bool { bits & Self.bit(kind) != 0 }

  /// Puts a kind in.
  public mutating func insert(_ kind: DownlinkKind) { bits |= Self.bit(kind) }

  /// Takes a kind out.
  public mutating func remove(_ kind: DownlinkKind) { bits &= ~Self.bit(kind) }

  /// All that there are.
  public static var all: DownlinkKinds {
    var kinds = DownlinkKinds()
    kinds.bits = (1 &<< UInt32(DownlinkKind.count)) &- 1
    return kinds
  }

  /// Those of a device without sub-devices and without custom synchronous calls.
  public static var device: DownlinkKinds {
    var kinds = all
    kinds.remove(.customCall)
    kinds.remove(.subDeviceConfiguration)
    kinds.remove(.topologyAddition)
    kinds.remove(.subDeviceError)
    return kinds
  }

  /// Those of a gateway: a device's, and what the platform tells of sub-devices.
  public static var gateway: DownlinkKinds {
    var kinds = all
    kinds.remove(.customCall)
    return kinds
  }

  /// Those that say nothing but what a device has to do anyway, which it therefore answers with 200 at once
  /// (6.3, 6.8, 6.12).
  public static var commands: DownlinkKinds {
    var kinds = DownlinkKinds()
    kinds.insert(.configuration)
    kinds.insert(.topologyAddition)
    kinds.insert(.disable)
    kinds.insert(.enable)
    kinds.insert(.delete)
    return kinds
  }

  private static func bit(_ kind: DownlinkKind) -> UInt32 { 1 &<< UInt32(kind.rawValue) }
}
