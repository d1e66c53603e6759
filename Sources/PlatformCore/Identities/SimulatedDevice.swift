/// A device that the simulated platform knows.
public struct SimulatedDevice: Sendable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// The device's secret, as the console would show it.
  public let secret: [UInt8]

  /// A device with its three credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }

  package var path: String { "\(productKey)/\(deviceName)" }
}

/// Which characters a device's name may have beside letters and digits; it has 4 to 32 in any case.
///
/// The same rule holds for the device that authenticates and for those that it has found.
public enum SimulatedDeviceNames: Sendable {
  /// `_`, `@`, `.`, `-` and `:`, as the platform's newer pages allow.
  case current
  /// `_`, `@` and `.`, the device guide's words for code 6280 (6.3).
  case guide

  /// Whether a name keeps to the rule.
  public func allows(_ name: String) -> Bool {
    let marks: Set<Unicode.Scalar> =
      self == .current ? ["_", "@", ".", "-", ":"] : ["_", "@", "."]
    return (4...32).contains(name.unicodeScalars.count)
      && name.unicodeScalars.allSatisfy {
        SimulatedThings.isLetterOrDigit($0) || marks.contains($0)
      }
  }
}
