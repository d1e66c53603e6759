// SPDX-License-Identifier: Apache-2.0
// A gateway that reports for machines without a connection of their own: two sub-devices, readings by lines.
//
//   gateway DIRECTORY PRODUCTKEY,NAME,SECRETFILE PRODUCTKEY,NAME,SECRETFILE
//
// Standard input has lines of a sub-device's name, a blank and a number. A line is on disk, in DIRECTORY, before
// "kept" is printed; if the power fails, the next run reports it. NBIOT_CA_FILE names the authorities that may vouch for
// the platform.
import DeviceClient
import Foundation

func fail(_ text: String, status: Int32 = 2) -> Never {
  FileHandle.standardError.write(Data("gateway: \(text)\n".utf8))
  exit(status)
}

let arguments = CommandLine.arguments
guard arguments.count == 4 else { fail("takes DIRECTORY and two of PRODUCTKEY,NAME,SECRETFILE") }

let environment = ProcessInfo.processInfo.environment

func setting(_ name: String) -> String {
  if let value = environment[name] { return value }
  fail("\(name) is not set")
}

guard let authorities = FileManager.default.contents(atPath: setting("NBIOT_CA_FILE")) else {
  fail("NBIOT_CA_FILE cannot be read")
}
let configuration = DeviceClientConfiguration(
  productKey: setting("NBIOT_PRODUCT_KEY"),
  deviceName: setting("NBIOT_DEVICE_NAME"),
  mqtt: MQTTClientSettings(authorities: Array(authorities)),
  // Without these it is the platform.
  host: environment["NBIOT_HOST"],
  port: environment["NBIOT_PORT"].flatMap { UInt16($0) }
)

// Each report ends once. It may be one of an earlier run.
let (endings, ended) = AsyncStream.makeStream(of: (UInt64, KeptReportEnding).self)
var settings = GatewayClientSettings()
settings.outbox = arguments[1]
settings.onReport = { id, ending in ended.yield((id, ending)) }

do {
  let gateway = try Gateway(
    configuration,
    secret: Array(setting("NBIOT_DEVICE_SECRET").utf8),
    settings: settings
  )
  var subDevices: [String: SubDevice] = [:]
  for argument in arguments[2...] {
    let parts = argument.split(separator: ",", maxSplits: 2).map(String.init)
    guard parts.count == 3, let secret = FileManager.default.contents(atPath: parts[2]) else {
      fail("\(argument): PRODUCTKEY,NAME,SECRETFILE, with a file that can be read")
    }
    let subDevice = try gateway.add(
      productKey: parts[0],
      deviceName: parts[1],
      secret: Array(String(decoding: secret, as: UTF8.self).trimmingCharacters(in: .newlines).utf8)
    )
    // The platform lets in only what is in the gateway's topology. From here on it is online whenever the gateway is.
    try await gateway.addToTopology(subDevice)
    try subDevice.wantOnline()
    subDevices[parts[1]] = subDevice
  }
  while let line = readLine() {
    let words = line.split(separator: " ")
    guard words.count == 2, let subDevice = subDevices[String(words[0])],
      let value = Double(words[1])
    else {
      fail("\(line): a line is the name of a sub-device, a blank and a number")
    }
    let id = try gateway.report(
      Array(#"{"value":\#(value)}"#.utf8),
      to: "/\(subDevice.productKey)/\(subDevice.deviceName)/user/update"
    )
    print("kept \(id) of \(subDevice.deviceName)")
  }
  // A sub-device that the platform refuses keeps its reports here: Ctrl-C leaves them for the next run.
  for await (id, ending) in endings {
    switch ending {
    case .postponed: continue
    default: print("\(ending) \(id)")
    }
    if gateway.pendingReports == 0 { break }
  }
  await gateway.close()
} catch {
  fail("\(error)", status: 1)
}
