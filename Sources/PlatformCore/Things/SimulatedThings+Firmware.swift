// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// Firmware and upgrades (device guide 4 and 6.11).
///
/// An upgrade starts when a firmware of another version is offered to the device, and succeeds when
/// the device reports that version; the guide has no other sign. Progress alone, even 100 %, is not
/// sufficient.
extension SimulatedThings {
  /// `/ota/device/inform/…`.
  mutating func informFirmware(
    _ parameters: PayloadValue,
    of device: Identity,
    note: inout String
  ) throws(ThingRefusal) {
    let version = try parameters.text("version")
    states[device.path, default: DeviceState()].firmwareVersion = version
    guard var upgrade = states[device.path]?.upgrade else { return }
    let before = upgrade.outcome
    if version == upgrade.version {
      upgrade.outcome = .succeeded
      if before != .succeeded { note = "upgrade to \(upgrade.version) succeeded" }
    } else {
      switch before {
      case .offered: note = "upgrade to \(upgrade.version) has not begun: no progress yet"
      case .running, .failed:
        upgrade.outcome = .failed
        note = "upgrade to \(upgrade.version) failed: the device reports \(version)"
      case .succeeded:
        // A version other than the upgrade's.
        states[device.path]?.upgrade = nil
        return
      }
    }
    states[device.path]?.upgrade = upgrade
  }

  /// `/ota/device/progress/…`: `step` as a text or number from -4 to -1 and from 1 to 100; `desc`
  /// is optional.
  mutating func reportProgress(
    _ parameters: PayloadValue,
    of device: Identity,
    note: inout String
  ) throws(ThingRefusal) {
    let given = parameters["step"]
    guard let step = given?.integer ?? given?.string.flatMap({ Int64($0) }),
      (-4 ... -1).contains(step) || (1...100).contains(step)
    else { throw .parameters("step is neither -4 to -1 nor 1 to 100") }
    var text = ""
    if let description = parameters["desc"] {
      guard let given = description.string else { throw .parameters("desc is no text") }
      text = given
    }
    states[device.path, default: DeviceState()].progress = .init(step: step, text: text)
    guard let upgrade = states[device.path]?.upgrade, upgrade.outcome != .succeeded else {
      note = "no upgrade is on offer"
      return
    }
    let name = "upgrade to \(upgrade.version)"
    switch step {
    case -4: note = "\(name) failed: burning the firmware"
    case -3: note = "\(name) failed: verifying the firmware"
    case -2: note = "\(name) failed: the download"
    case -1: note = "\(name) failed"
    case 100: note = "\(name): 100 %, the version is still to be reported"
    default: note = "\(name): \(step) %"
    }
    states[device.path]?.upgrade?.outcome = step < 0 ? .failed : .running
  }

  /// `/ota/device/request/…`: the product's firmware, if the device has another version.
  ///
  /// As in the guide, one reply has an `id` of the platform's own, and the other has none.
  mutating func requestFirmware(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) -> Outcome {
    let version = try parameters.text("version")
    guard let firmware = products[device.productKey]?.firmware, firmware.version != version else {
      let code = ReplyCode.noUpgrade
      return Outcome(
        reply: ["code": .integer(Int64(code.rawValue)), "message": .text(code.message)],
        code: code
      )
    }
    offer(firmware.version, at: device.path)
    return Outcome(
      reply: firmwareMessage(firmware),
      code: .firmware,
      note: "upgrade from \(version) to \(firmware.version) offered"
    )
  }

  /// Records the offer of a firmware; a running upgrade to it continues.
  mutating func offer(_ version: String, at path: String) {
    let known = states[path]?.upgrade
    guard known?.version != version || known?.outcome != .running else { return }
    states[path, default: DeviceState()].upgrade = .init(version: version, outcome: .offered)
  }

  /// The platform's push, and its reply to a request.
  mutating func firmwareMessage(_ firmware: SimulatedFirmware) -> PayloadValue {
    [
      "code": .text("\(ReplyCode.firmware.rawValue)"), "data": firmware.description,
      "id": .integer(makeIdentifier()), "message": "success",
    ]
  }
}
