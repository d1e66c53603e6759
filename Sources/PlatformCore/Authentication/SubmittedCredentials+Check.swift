// SPDX-License-Identifier: Apache-2.0
internal import OpenSSLSupport
internal import PayloadCoding
internal import PayloadValues

extension SubmittedCredentials {
  /// The device authenticated by a valid form, and the requested settings.
  struct Checked {
    let device: SimulatedDevice
    let answersSeparately: Bool?
  }

  /// Checks the fields according to the device guide's section 3.6.
  func check(
    devices: [String: SimulatedDevice],
    names: SimulatedDeviceNames,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> Checked {
    let productKey = try required("productKey")
    let deviceName = try required("deviceName")
    let clientID = try required("clientId")
    let signature = try required("sign")
    guard clientID.utf8.count <= 64 else {
      throw Refusal(.malformed, "the clientId has over 64 bytes")
    }
    for name in ["seq", "timestamp"] { try checkNumber(name, &leniencies) }
    let answersSeparately = try separateAnswers()
    let hash = try hashFunction(&leniencies)
    guard let device = devices["\(productKey)/\(deviceName)"] else {
      throw Refusal(.unknownDevice, "unknown device")
    }
    guard names.allows(deviceName) else {
      throw Refusal(.unknownDevice, "the deviceName breaks the rule")
    }
    guard isSigned(signature, by: hash, for: device) else {
      throw Refusal(.badSign, "the sign does not fit the device secret")
    }
    return Checked(device: device, answersSeparately: answersSeparately)
  }

  private func required(_ name: String) throws(Refusal) -> String {
    guard let value = fields[name], !value.isEmpty else {
      throw Refusal(.malformed, "the field \(name) is missing")
    }
    return value
  }

  private func checkNumber(
    _ name: String,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) {
    guard let value = fields[name] else { return }
    if !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return }
    let note = "the field \(name) is not a decimal number"
    guard name == "seq", !value.isEmpty,
      value.unicodeScalars.allSatisfy({ $0.isASCII && $0.properties.isASCIIHexDigit })
    else { throw Refusal(.malformed, note) }
    try leniencies.need(.hexadecimalSequence, "\(note), but hexadecimal") {
      Refusal(.malformed, $0, namesSetting: true)
    }
  }

  private func separateAnswers() throws(Refusal) -> Bool? {
    switch fields["ackMode"] {
    case nil: return nil
    case "0": return false
    case "1": return true
    default: throw Refusal(.malformed, "the field ackMode is neither 0 nor 1")
    }
  }

  private func hashFunction(_ leniencies: inout LeniencyUse) throws(Refusal) -> Hash {
    guard let name = fields["signmethod"] else { return .md5 }
    if let hash = SubmittedSign.hash(named: name) { return hash }
    guard let hash = SubmittedSign.hash(named: name.lowercased()) else {
      throw Refusal(.malformed, "unknown signmethod")
    }
    let shown = ReadableText.unlabelled(Array(name.utf8))
    try leniencies.need(.signMethodCase, "signmethod is spelt \(shown)") {
      Refusal(.malformed, $0, namesSetting: true)
    }
    return hash
  }

  /// The guide's rule for the submitted fields: all but four, sorted by name.
  private func isSigned(_ signature: String, by hash: Hash, for device: SimulatedDevice) -> Bool {
    let unsigned: Set<String> = ["version", "sign", "resources", "signmethod"]
    let content = fields.filter { !unsigned.contains($0.key) }
    return SubmittedSign.isValid(signature, of: content, hash, device.secret)
  }
}
