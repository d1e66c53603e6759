// SPDX-License-Identifier: Apache-2.0
/// A device known to the simulated platform.
public struct SimulatedDevice: Sendable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The device's secret, as shown by the console.
  public let secret: [UInt8]

  /// Creates a device with its three credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }

  package var path: String { "\(productKey)/\(deviceName)" }
}

/// The characters allowed in a device's name besides letters and digits; its length is always 4 to
/// 32.
///
/// The rule applies to devices that authenticate and to devices that they have found.
public enum SimulatedDeviceNames: Sendable {
  /// `_`, `@`, `.`, `-` and `:`, as on the platform's newer pages.
  case current
  /// `_`, `@` and `.`, as in the device guide's description of code 6280 (6.3).
  case guide

  /// Whether a name satisfies the rule.
  public func allows(_ name: String) -> Bool {
    let marks: Set<Unicode.Scalar> =
      self == .current ? ["_", "@", ".", "-", ":"] : ["_", "@", "."]
    return (4...32).contains(name.unicodeScalars.count)
      && name.unicodeScalars.allSatisfy {
        SimulatedThings.isLetterOrDigit($0) || marks.contains($0)
      }
  }
}
