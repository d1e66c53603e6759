/// What the console does to a device: it is disabled and enabled, and its token is taken back.
extension SimulatedThings {
  /// Disables a device, or enables it again; its token stays what it was.
  ///
  /// `false` when the device is not known.
  @discardableResult
  public mutating func setDisabled(
    _ isDisabled: Bool,
    productKey: String,
    deviceName: String
  ) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard devices.contains(path) else { return false }
    if isDisabled { disabled.insert(path) } else { disabled.remove(path) }
    return true
  }

  /// Takes a device's token back: it has to authenticate anew.
  ///
  /// `false` when the device is not known.
  @discardableResult
  public mutating func takeBackToken(productKey: String, deviceName: String) -> Bool {
    let path = "\(productKey)/\(deviceName)"
    guard devices.contains(path) else { return false }
    takenBack.insert(path)
    return true
  }

  /// Counts a request that was taken, after some of which a device is disabled.
  mutating func countRequest(of path: String) {
    guard let left = disabledAfter[path] else { return }
    disabledAfter[path] = left > 1 ? left - 1 : nil
    if left <= 1 { disabled.insert(path) }
  }
}
