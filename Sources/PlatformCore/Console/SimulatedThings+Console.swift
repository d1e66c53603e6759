// SPDX-License-Identifier: Apache-2.0
/// The console's actions on a device: disabling, enabling, and revoking its token.
extension SimulatedThings {
  /// Disables a device, or enables it again; its token does not change.
  ///
  /// Returns `false` if the device is unknown.
  @discardableResult
  public mutating func setDisabled(
    _ isDisabled: Bool,
    productKey: String,
    deviceName: String
  ) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard devices.contains(path) else { return false }
    if isDisabled { disabled.insert(path) } else { disabled.remove(path) }
    changedSubDevices.insert(path)
    return true
  }

  /// Whether a device is disabled.
  package func isDisabled(productKey: String, deviceName: String) -> Bool {
    disabled.contains("\(productKey)/\(deviceName)")
  }

  /// Deletes a sub-device: it is out at once, and its next login gets 521 (device guide 5).
  ///
  /// Returns `false` if there is no sub-device of these names.
  @discardableResult
  public mutating func deleteSubDevice(productKey: String, deviceName: String) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard subDevices[path] != nil else { return false }
    deleted.insert(path)
    changedSubDevices.insert(path)
    return true
  }

  /// Revokes a device's token, so that it has to authenticate again.
  ///
  /// Returns `false` if the device is unknown.
  @discardableResult
  public mutating func takeBackToken(productKey: String, deviceName: String) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard devices.contains(path) else { return false }
    takenBack.insert(path)
    return true
  }

  /// Counts an accepted request, after a number of which the device is disabled.
  mutating func countRequest(of path: String) {
    guard let left = disabledAfter[path] else { return }
    disabledAfter[path] = left > 1 ? left - 1 : nil
    guard left <= 1 else { return }
    disabled.insert(path)
    changedSubDevices.insert(path)
  }
}
