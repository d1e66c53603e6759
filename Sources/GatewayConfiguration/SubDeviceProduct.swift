// SPDX-License-Identifier: Apache-2.0
/// How the sub-devices of one product say what the platform's thing model names, an entry of
/// `modelList` (device guide 6.7).
public struct SubDeviceProduct: Equatable, Sendable {
  /// The three kinds of the guide.
  public enum Mapping: Equatable, Sendable {
    /// Registers and coils.
    case modbus([ModbusPoint])
    /// Nodes of an OPC UA server.
    case opcUA(OPCUANodes)
    /// What the product's owner wrote beside each property.
    case custom([CustomProperty])
  }

  /// The product's key.
  public let productKey: String
  /// What each identifier stands for.
  public let mapping: Mapping
  /// Where the entry is.
  public let place: GatewayPlace

  /// The identifiers of the properties, in the order of the file.
  var properties: [(identifier: String, place: GatewayPlace)] {
    switch mapping {
    case .modbus(let points): points.map { ($0.identifier, $0.place) }
    case .opcUA(let nodes): nodes.properties.map { ($0.identifier, $0.place) }
    case .custom(let properties): properties.map { ($0.identifier, $0.place) }
    }
  }
}

/// A property that is read from a Modbus device.
public struct ModbusPoint: Equatable, Sendable {
  /// The four tables of a Modbus device, by the guide's names.
  public enum Table: String, Sendable, CaseIterable {
    /// Bits that can be written.
    case coilStatus
    /// Bits that are read only.
    case inputStatus
    /// Registers of 16 bits that can be written.
    case holdingRegister
    /// Registers of 16 bits that are read only.
    case inputRegister

    /// Whether an entry of the table is a bit.
    public var isOfBits: Bool { self == .coilStatus || self == .inputStatus }
    /// Whether it can be written.
    public var isWritable: Bool { self == .coilStatus || self == .holdingRegister }
  }

  /// The types of the guide, and `bool`, which is in its example only.
  public enum DataType: String, Sendable, CaseIterable {
    case int16, uint16, int32, uint32, int64, uint64, float, double, string, bool
    /// Bytes that the gateway's own program understands.
    case customized = "customized data"

    /// How many registers a value takes; `nil` where it has no fixed length.
    public var registerCount: Int? {
      switch self {
      case .bool, .int16, .uint16: 1
      case .int32, .uint32, .float: 2
      case .int64, .uint64, .double: 4
      case .string, .customized: nil
      }
    }
  }

  /// When a value is reported.
  public enum Trigger: Int, Sendable, CaseIterable {
    /// Each time it was read.
    case timed = 1
    /// When it has changed.
    case onChange = 2
  }

  /// The property's identifier in the thing model.
  public let identifier: String
  /// The table.
  public let table: Table
  /// The address of the first bit or register, from 0.
  public let address: UInt16
  /// The type of the value.
  public let type: DataType
  /// How many bits or registers it takes, 1 or more.
  public let registerCount: Int
  /// Whether the two bytes of each register change places.
  public let swapsBytes: Bool
  /// Whether the registers are taken in the reverse order.
  ///
  /// Unverified: the guide says that the bits of 32-bit data change places, its name is
  /// `reverseRegister`.
  public let reversesRegisters: Bool
  /// What the value is multiplied by; 1 if the file does not say.
  public let scaling: Double
  /// How often it is read, in milliseconds; `nil` if the file does not say.
  public let pollingMilliseconds: Int?
  /// When it is reported; `nil` if the file does not say.
  public let trigger: Trigger?
  /// Where the property is.
  public let place: GatewayPlace
}

/// What the nodes of an OPC UA server are called.
public struct OPCUANodes: Equatable, Sendable {
  /// A property.
  public struct Property: Equatable, Sendable {
    /// The identifier in the thing model.
    public let identifier: String
    /// The node's name.
    public let displayName: String
    /// Where the property is.
    public let place: GatewayPlace
  }

  /// An input or output of a service, or a value of an event.
  public struct Argument: Equatable, Sendable {
    /// The identifier in the thing model.
    public let identifier: String
    /// Its position among the node's arguments, from 0.
    public let index: Int
    /// Where the argument is.
    public let place: GatewayPlace
  }

  /// A service or an event.
  public struct Call: Equatable, Sendable {
    /// The identifier in the thing model.
    public let identifier: String
    /// The node's name.
    public let displayName: String
    /// What the service takes; empty for an event.
    public let inputs: [Argument]
    /// What the service returns, or the event reports.
    public let outputs: [Argument]
    /// Where the service or event is.
    public let place: GatewayPlace
  }

  /// Values to be read and written.
  public let properties: [Property]
  /// Methods to be called.
  public let services: [Call]
  /// Events to be reported.
  public let events: [Call]
}

/// A property of a product with a protocol of its own.
public struct CustomProperty: Equatable, Sendable {
  /// The identifier in the thing model.
  public let identifier: String
  /// The object that was written in the console as the property's description, as JSON.
  public let customize: [UInt8]
  /// Where the property is.
  public let place: GatewayPlace
}
