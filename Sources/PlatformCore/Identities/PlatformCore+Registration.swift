// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
package import PayloadValues

extension PlatformCore {
  /// Registers the device named by an object with `productKey`, `deviceName`, `random`, `sign` and
  /// `signmethod` (device guide 6.2).
  ///
  /// Returns the device with its secret, a new one each time until it has authenticated with one.
  package func register(
    _ request: PayloadValue,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> SimulatedDevice {
    let productKey = try Self.text("productKey", of: request)
    let deviceName = try Self.text("deviceName", of: request)
    let challenge = try Self.text("random", of: request)
    let sign = try Self.text("sign", of: request)
    let method = (request["signmethod"] ?? request["signMethod"])?.string?.lowercased()
    guard let hash = SubmittedSign.hash(named: method ?? "") else {
      throw Refusal(.malformed, "unknown signmethod")
    }
    guard let product = things.products[productKey], let secret = product.secret else {
      throw Refusal(.registrationRefused, "the product does not register devices")
    }
    let fields = ["productKey": productKey, "deviceName": deviceName, "random": challenge]
    guard SubmittedSign.isValid(sign, of: fields, hash, secret) else {
      throw Refusal(.registrationBadSign, "the sign does not fit the product secret")
    }
    let path = "\(productKey)/\(deviceName)"
    guard product.registrable.contains(deviceName) else {
      throw Refusal(
        .registrationRefused,
        "the product has no device of that name to register"
      )
    }
    notes.device = path
    try checkEnabled(path)
    guard registered[path] != true, devices[path] == nil || registered[path] != nil else {
      throw Refusal(.registrationRefused, "the device is active, its secret stays")
    }
    let device = SimulatedDevice(
      productKey: productKey,
      deviceName: deviceName,
      secret: SimulatedThings.makeSecret(&random)
    )
    devices[path] = device
    registered[path] = false
    return device
  }

  private static func text(
    _ name: String,
    of request: PayloadValue
  ) throws(Refusal) -> String {
    guard let text = request[name]?.string, !text.isEmpty else {
      throw Refusal(.malformed, "the field \(name) is missing")
    }
    return text
  }
}
