// SPDX-License-Identifier: Apache-2.0
/// A kind of request, which determines the envelope that `AlinkRequest` writes around the
/// parameters.
public protocol AlinkKind: SendableMetatype {
  /// The form of the envelope.
  static var form: AlinkForm { get }
  /// The member `method`, or the last word of the firmware topic; for an event without its
  /// identifier.
  static var method: StaticString { get }
  /// Whether the parameters are an object or a list.
  static var parameters: AlinkParameters { get }
  /// The minimum number of parameters.
  static var minCount: Int { get }
}

/// A kind whose parameters are devices, each with product key and name.
public protocol DeviceListKind: AlinkKind {}

/// A kind that reports the running firmware.
public protocol FirmwareVersionKind: AlinkKind {}

extension DeviceListKind {
  /// A list of devices.
  public static var parameters: AlinkParameters { .array }
}

extension FirmwareVersionKind {
  /// The firmware topics' envelope.
  public static var form: AlinkForm { .firmware }
}

/// The envelope of a request.
public enum AlinkForm: Sendable {
  /// `id`, `version`, `params` and `method`, to `/sys/PK/DN/…` (device guide 6).
  case alink
  /// `id` and `params`, to `/ota/device/…/PK/DN` (device guide 4 and 6.11).
  case firmware
}

/// The type of a request's parameters.
public enum AlinkParameters: Sendable {
  /// An object with named members.
  case object
  /// A list.
  case array
}

extension AlinkKind {
  /// The thing model's envelope.
  public static var form: AlinkForm { .alink }
  /// An object with named members.
  public static var parameters: AlinkParameters { .object }
  /// 1: a request without parameters would be empty.
  public static var minCount: Int { 1 }
}

/// Reports properties: 1 to 200 (device guide 6.5).
public enum PropertyPost: AlinkKind {
  /// The method `thing.event.property.post`.
  public static var method: StaticString { "thing.event.property.post" }
}

/// Reports an event (device guide 6.5).
public enum EventPost: AlinkKind {
  /// `thing.event`, followed by the event's identifier and `post`.
  public static var method: StaticString { "thing.event" }
}

/// Reports properties and events of a gateway and its sub-devices in one message (device guide
/// 6.5).
///
/// The guide prints the topic `…/property/ack/post` beside this method; this client uses the topic
/// derived from the method's name.
public enum PackPost: AlinkKind {
  /// The method `thing.event.property.pack.post`.
  public static var method: StaticString { "thing.event.property.pack.post" }
}

/// Requests the desired values of properties (device guide 6.6).
public enum DesiredGet: AlinkKind {
  /// The method `thing.property.desired.get`.
  public static var method: StaticString { "thing.property.desired.get" }
  /// A list of identifiers.
  public static var parameters: AlinkParameters { .array }
}

/// Clears desired values (device guide 6.6).
public enum DesiredDelete: AlinkKind {
  /// The method `thing.property.desired.delete`.
  public static var method: StaticString { "thing.property.desired.delete" }
}

/// Sets tags: 1 to 200 (device guide 6.9).
public enum TagUpdate: AlinkKind {
  /// The method `thing.deviceinfo.update`.
  public static var method: StaticString { "thing.deviceinfo.update" }
  /// A list of keys and values.
  public static var parameters: AlinkParameters { .array }
}

/// Deletes tags (device guide 6.9).
public enum TagDelete: AlinkKind {
  /// The method `thing.deviceinfo.delete`.
  public static var method: StaticString { "thing.deviceinfo.delete" }
  /// A list of keys.
  public static var parameters: AlinkParameters { .array }
}

/// Requests the product's configuration file (device guide 6.12).
public enum ConfigurationGet: AlinkKind {
  /// The method `thing.config.get`.
  public static var method: StaticString { "thing.config.get" }
  /// 0: the request itself writes the scope and the type.
  public static var minCount: Int { 0 }
}

/// Requests the thing model (device guide 6.10); the answer may be too long for a message.
public enum ThingModelGet: AlinkKind {
  /// The method `thing.dsltemplate.get`.
  public static var method: StaticString { "thing.dsltemplate.get" }
  /// 0: it has no parameters.
  public static var minCount: Int { 0 }
}

/// Adds sub-devices to a gateway (device guide 6.3).
public enum TopologyAdd: AlinkKind {
  /// The method `thing.topo.add`.
  public static var method: StaticString { "thing.topo.add" }
  /// A list of signed devices.
  public static var parameters: AlinkParameters { .array }
}

/// Removes sub-devices from a gateway (device guide 6.3).
public enum TopologyDelete: DeviceListKind {
  /// The method `thing.topo.delete`.
  public static var method: StaticString { "thing.topo.delete" }
}

/// Requests the list of a gateway's sub-devices (device guide 6.3).
public enum TopologyGet: AlinkKind {
  /// The method `thing.topo.get`.
  public static var method: StaticString { "thing.topo.get" }
  /// 0: it has no parameters.
  public static var minCount: Int { 0 }
}

/// Reports devices that a gateway has found (device guide 6.3).
public enum DeviceFound: DeviceListKind {
  /// The method `thing.list.found`.
  public static var method: StaticString { "thing.list.found" }
}

/// Registers sub-devices; the answer contains their secrets (device guide 6.2).
public enum SubDeviceRegister: DeviceListKind {
  /// The method `thing.sub.register`.
  public static var method: StaticString { "thing.sub.register" }
}

/// Reports the running firmware: once after each start and after an upgrade (device guide 4).
public enum FirmwareInform: FirmwareVersionKind {
  /// The last word of the topic, `inform`.
  public static var method: StaticString { "inform" }
}

/// Requests a newer firmware (device guide 6.11).
public enum FirmwareRequest: FirmwareVersionKind {
  /// The last word of the topic, `request`.
  public static var method: StaticString { "request" }
}

/// Reports the progress of an upgrade (device guide 4).
public enum FirmwareProgress: AlinkKind {
  /// The last word of the topic, `progress`.
  public static var method: StaticString { "progress" }
  /// The firmware topics' envelope.
  public static var form: AlinkForm { .firmware }
}
