// SPDX-License-Identifier: Apache-2.0
// A product that looks for a newer firmware once: asks, downloads over HTTPS, verifies, and tells the platform.
//
//   upgrade VERSION FILE
//
// VERSION is what runs now. FILE appears only when it is complete and its digest matches; a product would then start it,
// and call `inform` with the new version once it runs. NBIOT_CA_FILE names the authority of a download server of your
// own.
import Alink
import ConstrainedCore
import DeviceClient
import Foundation
import HTTPSTransfer

func fail(_ text: String, status: Int32 = 2) -> Never {
  FileHandle.standardError.write(Data("upgrade: \(text)\n".utf8))
  exit(status)
}

let arguments = CommandLine.arguments
guard arguments.count == 3 else { fail("takes VERSION FILE") }

let environment = ProcessInfo.processInfo.environment

func setting(_ name: String) -> String {
  if let value = environment[name] { return value }
  fail("\(name) is not set")
}

var configuration = DeviceClientConfiguration(
  productKey: setting("NBIOT_PRODUCT_KEY"),
  deviceName: setting("NBIOT_DEVICE_NAME")
)
// Without a host it is the platform's.
if let host = environment["NBIOT_HOST"] { configuration.host = host }
configuration.port = environment["NBIOT_PORT"].flatMap { UInt16($0) }
let file = arguments[2]

do {
  let authorities = try environment["NBIOT_CA_FILE"].map {
    Array(try Data(contentsOf: URL(filePath: $0)))
  }
  let client = try DeviceClient(configuration, secret: Array(setting("NBIOT_DEVICE_SECRET").utf8))
  // The platform offers nothing to a device whose version it does not know.
  try await client.inform(version: arguments[1])
  if let offer = try await client.firmware(after: arguments[1]) {
    let version = String(
      decoding: (0..<offer.version.count).map { offer.version.bytes[$0] },
      as: UTF8.self
    )
    try await client.upgrade(to: offer) {
      var downloader = HTTPSFirmwareDownloader(to: file)
      if let authorities { downloader.settings.authorities = authorities }
      return downloader
    }
    print("version \(version) is in \(file)")
  } else {
    print("nothing newer than \(arguments[1])")
  }
  await client.close()
} catch {
  fail("\(error)", status: 1)
}
