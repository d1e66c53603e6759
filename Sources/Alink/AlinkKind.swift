/// A kind of request: what `AlinkRequest` writes around its parameters.
public protocol AlinkKind: SendableMetatype {
  /// Which envelope the request has.
  static var form: AlinkForm { get }
  /// The member `method`, or the firmware topic's name; for an event without its identifier.
  static var method: StaticString { get }
  /// Whether the parameters are members or a list.
  static var parameters: AlinkParameters { get }
  /// How many of them a request has at least.
  static var minCount: Int { get }
}

/// A kind whose parameters are devices, each with product key and name.
public protocol DeviceListKind: AlinkKind {}

/// A kind that tells which firmware runs.
public protocol FirmwareVersionKind: AlinkKind {}

extension DeviceListKind {
  /// A list of devices.
  public static var parameters: AlinkParameters { .array }
}

extension FirmwareVersionKind {
  /// The firmware's envelope.
  public static var form: AlinkForm { .firmware }
}

/// The envelope of a request.
public enum AlinkForm: Sendable {
  /// `id`, `version`, `params` and `method`, to `/sys/PK/DN/…` (device guide 6).
  case alink
  /// `id` and `params`, to `/ota/device/…/PK/DN` (device guide 4 and 6.11).
  case firmware
}

/// What the parameters of a request are.
public enum AlinkParameters: Sendable {
  /// Members with names.
  case object
  /// A list.
  case array
}

extension AlinkKind {
  /// The envelope of the thing model.
  public static var form: AlinkForm { .alink }
  /// Members with names.
  public static var parameters: AlinkParameters { .object }
  /// A request without any would say nothing.
  public static var minCount: Int { 1 }
}

/// Reports properties: 1 to 200 (device guide 6.5).
public enum PropertyPost: AlinkKind {
  /// The method `thing.event.property.post`.
  public static var method: StaticString { "thing.event.property.post" }
}

/// Reports an event (device guide 6.5).
public enum EventPost: AlinkKind {
  /// `thing.event`, to which the event's identifier and `post` come.
  public static var method: StaticString { "thing.event" }
}

/// Reports properties and events of a gateway and of its sub-devices at once (device guide 6.5).
///
/// The guide prints the topic `…/property/ack/post` beside this method; this is the topic that the
/// method's name gives.
public enum PackPost: AlinkKind {
  /// The method `thing.event.property.pack.post`.
  public static var method: StaticString { "thing.event.property.pack.post" }
}

/// Asks for the desired values of properties (device guide 6.6).
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

/// Asks for the product's configuration file (device guide 6.12).
public enum ConfigurationGet: AlinkKind {
  /// The method `thing.config.get`.
  public static var method: StaticString { "thing.config.get" }
  /// The scope and the type are written by the request itself.
  public static var minCount: Int { 0 }
}

/// Asks for the thing model (device guide 6.10); its answer may be too long for a message.
public enum ThingModelGet: AlinkKind {
  /// The method `thing.dsltemplate.get`.
  public static var method: StaticString { "thing.dsltemplate.get" }
  /// It has none.
  public static var minCount: Int { 0 }
}

/// Puts sub-devices under a gateway (device guide 6.3).
public enum TopologyAdd: AlinkKind {
  /// The method `thing.topo.add`.
  public static var method: StaticString { "thing.topo.add" }
  /// A list of signed devices.
  public static var parameters: AlinkParameters { .array }
}

/// Takes sub-devices from a gateway (device guide 6.3).
public enum TopologyDelete: DeviceListKind {
  /// The method `thing.topo.delete`.
  public static var method: StaticString { "thing.topo.delete" }
}

/// Asks which sub-devices a gateway has (device guide 6.3).
public enum TopologyGet: AlinkKind {
  /// The method `thing.topo.get`.
  public static var method: StaticString { "thing.topo.get" }
  /// It has none.
  public static var minCount: Int { 0 }
}

/// Tells of devices that a gateway has found (device guide 6.3).
public enum DeviceFound: DeviceListKind {
  /// The method `thing.list.found`.
  public static var method: StaticString { "thing.list.found" }
}

/// Registers sub-devices, and is answered with their secrets (device guide 6.2).
public enum SubDeviceRegister: DeviceListKind {
  /// The method `thing.sub.register`.
  public static var method: StaticString { "thing.sub.register" }
}

/// Reports which firmware the device runs: once after each start and after an upgrade (device guide 4).
public enum FirmwareInform: FirmwareVersionKind {
  /// The topic's word `inform`.
  public static var method: StaticString { "inform" }
}

/// Asks for a newer firmware (device guide 6.11).
public enum FirmwareRequest: FirmwareVersionKind {
  /// The topic's word `request`.
  public static var method: StaticString { "request" }
}

/// Reports how an upgrade goes (device guide 4).
public enum FirmwareProgress: AlinkKind {
  /// The topic's word `progress`.
  public static var method: StaticString { "progress" }
  /// The firmware's envelope.
  public static var form: AlinkForm { .firmware }
}
