// SPDX-License-Identifier: Apache-2.0
/// The thing model of a sub-device's product, an entry of `tslList` (device guide 6.7 and 6.10).
///
/// Only identifiers are read here; `ThingModelView` in Alink checks values against `json`.
public struct SubDeviceThingModel: Equatable, Sendable {
  /// A property of the model.
  public struct Property: Equatable, Sendable {
    /// Its identifier.
    public let identifier: String
    /// Whether the platform may set it (`accessMode` `rw` or `w`).
    public let isWritable: Bool
    /// Where the property is.
    public let place: GatewayPlace
  }

  /// The product's key.
  public let productKey: String
  /// The model as the file has it.
  public let json: [UInt8]
  /// Its properties.
  public let properties: [Property]
  /// The identifiers of its events.
  public let events: [String]
  /// The identifiers of its services.
  public let services: [String]
  /// Where the entry is.
  public let place: GatewayPlace
}
