// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PlatformCore

/// `--device-list`.
struct DeviceListOption: ParsableArguments {
  @Option(
    name: .customLong("device-list"),
    help: ArgumentHelp(
      "Many devices: a file with a line PRODUCTKEY,DEVICENAME,SECRET for each, as nbiot fleet devices prints it.",
      valueName: "file"
    ),
    completion: .file()
  )
  var file: String?

  /// The most devices in a list.
  private static let limit = 200_000

  /// The devices in the file; none without one.
  func devices() throws -> [SimulatedDevice] {
    guard let file else { return [] }
    let (bytes, status) = try PrivateFile.readWithStatus(file, limit: 32 << 20)
    PrivateFile.warnIfReadable(file, "list of devices", status)
    var devices: [SimulatedDevice] = []
    var names: Set<String> = []
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let text = InputText.trimmed(Array(line))
      if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
      let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard parts.count == 3, !parts.contains(where: \.isEmpty),
        let key = String(validating: parts[0], as: UTF8.self),
        let name = String(validating: parts[1], as: UTF8.self)
      else {
        throw Complaint("\(file), line \(index + 1): it is not PRODUCTKEY,DEVICENAME,SECRET")
      }
      guard names.insert("\(key)/\(name)").inserted else {
        throw Complaint("\(file), line \(index + 1): \(key),\(name) is there twice")
      }
      guard devices.count < Self.limit else {
        throw Complaint("\(file) has over \(Self.limit) devices")
      }
      devices.append(SimulatedDevice(productKey: key, deviceName: name, secret: Array(parts[2])))
    }
    guard !devices.isEmpty else { throw Complaint("\(file) has no device in it") }
    return devices
  }
}
