// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import DeviceClient
import PayloadCoding

// A report and a property.
let secret = Array("0123456789abcdef".utf8)
let configuration = DeviceClientConfiguration(productKey: "a1B2c3D4e5F", deviceName: "device1")
let client = try DeviceClient(configuration, secret: secret)
let receipt = try await client.publish(
  Array(#"{"value":1}"#.utf8),
  to: "/a1B2c3D4e5F/device1/user/update"
)
print(receipt)
let answer = try await client.request(PropertyPost.self, as: CBORWriter.self) {
  post throws(AlinkError) in
  try post.add("temperature") { (value: inout CBORWriter) throws(CapacityError) in
    try value.double(21.5)
  }
}
print(answer.code == .success)
await client.close()
