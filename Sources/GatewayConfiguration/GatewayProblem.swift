// SPDX-License-Identifier: Apache-2.0
public import PayloadCoding
public import PlatformCredentials

/// Something wrong in a gateway's configuration, with its place.
public struct GatewayProblem: Error, Equatable, Sendable {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    // The file as such.

    /// The file has this many bytes, more than `GatewayConfiguration.maxBytes`.
    case fileTooLong(Int)
    /// More than `GatewayConfiguration.maxValues` values.
    case tooManyValues
    /// The file is not JSON.
    case syntax(JSONError)
    /// The file has none of the four lists.
    case notAConfiguration
    /// An object has a name twice.
    case repeatedName(String)

    // One member.

    /// A member is missing.
    case missing(String)
    /// The value has another type than this one.
    case expected(String)
    /// The text is empty.
    case empty
    /// The text has this many bytes, more than the second number.
    case textTooLong(Int, limit: Int)
    /// The number is outside the range.
    case outOfRange(String, ClosedRange<Int>)
    /// The text is none of these words.
    case unknownWord(String, known: [String])
    /// The text is no register's address, as 0x03 or 3.
    case notAnAddress(String)
    /// The properties of the product are described in none of the guide's three ways.
    case unknownMapping
    /// The property is described in another way than those before it.
    case mixedMappings
    /// A server has neither `protocol`, as Modbus has, nor `url`, as OPC UA has.
    case unknownServer
    /// Modbus and OPC UA name a device differently, and the entry has both.
    case twoPositions
    /// The device's name is not one (device guide 6.3, code 6280).
    case deviceName(String)

    // What does not fit together.

    /// The product, server, device or identifier was listed before.
    case doubled(String, firstAt: GatewayPlace)
    /// The device's server is not in `serverList`.
    case noServer(String)
    /// The device's product is not in `modelList`.
    case noProduct(String)
    /// The product is not in `tslList`.
    case noThingModel(String)
    /// The property, event or service is not in the product's thing model.
    case notInThingModel(String)
    /// A property of the thing model that nothing maps.
    case unmapped(String)
    /// The device's server speaks another protocol than its product.
    case otherProtocol(String, server: String)
    /// A device on a Modbus or OPC UA server without its address there.
    case noPosition(String)
    /// An address that Modbus has not, or not over a serial line.
    case slaveAddress(UInt8)
    /// Two devices have one address on one server.
    case doubledPosition(String, firstAt: GatewayPlace)
    /// A value of this type takes so many registers.
    case registerCount(Int, type: String, needs: Int)
    /// A coil or an input is a bit, and the type is not `bool`.
    case bitType(String)
    /// The registers go beyond address 65,535.
    case beyondTable(UInt16, count: Int)
    /// The platform may set the property, but the table cannot be written.
    case readOnlyTable(String, table: String)
    /// No device uses the server.
    case unusedServer(String)
    /// A policy that does nothing, because the mode is None.
    case policyWithoutMode(String)
    /// A mode that needs a policy.
    case modeWithoutPolicy(String)
    /// The password cannot be decrypted.
    case password(OPCUAPasswordError)
  }

  /// What is wrong.
  public let reason: Reason
  /// Where it is.
  public let place: GatewayPlace

  /// Creates a problem.
  public init(_ reason: Reason, at place: GatewayPlace) {
    self.reason = reason
    self.place = place
  }

  /// Whether the gateway can work all the same.
  public var isWarning: Bool {
    switch reason {
    case .unmapped, .unusedServer, .policyWithoutMode, .readOnlyTable: true
    default: false
    }
  }
}
