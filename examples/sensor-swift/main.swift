// SPDX-License-Identifier: Apache-2.0
// A temperature sensor: reports the number in a file, thousandths of a degree, as a property of the thing model.
//
//   sensor-swift FILE SECONDS COUNT
//
// for example `sensor-swift /sys/class/thermal/thermal_zone0/temp 60 100`. Token and numbers survive the process in the
// file `sensor.session`; a reading that cannot be delivered is lost, unlike with the C library or nbiot-agent.
import Alink
import CBORPayload
import ConstrainedCore
import DeviceClient
import Foundation
import PayloadCoding

func fail(_ text: String, status: Int32 = 2) -> Never {
  FileHandle.standardError.write(Data("sensor-swift: \(text)\n".utf8))
  exit(status)
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let seconds = Int64(arguments[2]), (0...86_400).contains(seconds),
  let count = Int(arguments[3]), count > 0
else {
  fail("takes FILE SECONDS COUNT, with 0 to 86400 seconds and 1 or more readings")
}

func setting(_ name: String) -> String {
  if let value = ProcessInfo.processInfo.environment[name] { return value }
  fail("\(name) is not set")
}

/// Thousandths of a degree, or nil if the sensor has none.
func temperature() -> Int64? {
  (try? String(contentsOfFile: arguments[1], encoding: .utf8))
    .flatMap { Int64($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
}

var configuration = DeviceClientConfiguration(
  productKey: setting("NBIOT_PRODUCT_KEY"),
  deviceName: setting("NBIOT_DEVICE_NAME")
)
// Without a host it is the platform's.
if let host = ProcessInfo.processInfo.environment["NBIOT_HOST"] { configuration.host = host }
configuration.port = ProcessInfo.processInfo.environment["NBIOT_PORT"].flatMap { UInt16($0) }
configuration.sessionFile = "sensor.session"

do {
  let client = try DeviceClient(configuration, secret: Array(setting("NBIOT_DEVICE_SECRET").utf8))
  for reading in 1...count {
    if let value = temperature() {
      do {
        let answer = try await client.request(PropertyPost.self, as: CBORWriter.self) {
          post throws(AlinkError) in
          try post.add("temperature") { (writer: inout CBORWriter) throws(CapacityError) in
            try writer.decimal(value, fractionDigits: 3)
          }
        }
        print("reading \(reading): \(answer.code == .success ? "accepted" : "\(answer)")")
      } catch {
        // The client has retransmitted for minutes: the next reading says more than a retry of this one.
        print("reading \(reading): \(error)")
      }
    }
    if reading < count { try await Task.sleep(for: .seconds(seconds)) }
  }
  await client.close()
} catch {
  fail("\(error)", status: 1)
}
