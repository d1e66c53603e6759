// SPDX-License-Identifier: Apache-2.0
/// A sub-device and how it is reached, an entry of `deviceList` (device guide 6.7).
public struct ConfiguredSubDevice: Equatable, Sendable {
  /// Where a server has the device.
  public enum Position: Equatable, Sendable {
    /// The address of a Modbus device, 0 to 255.
    case slave(UInt8)
    /// The names that lead to an OPC UA device.
    case displayNamePath(String)
    /// Neither is given, as for a protocol of the product's own.
    case unspecified
  }

  /// The device's product.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The server's id; `nil` if the file names none.
  public let serverID: String?
  /// Where the server has it.
  public let position: Position
  /// Where the entry is.
  public let place: GatewayPlace
}
