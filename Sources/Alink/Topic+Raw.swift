// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import Platform

extension Topic {
  /// The topic for raw bytes of a device whose product has a script:
  /// `/sys/PK/DN/thing/model/up_raw` (device guide 6.5); the reply is a thing-model reply in JSON.
  public init(rawUpOf device: DeviceIdentity) throws(TopicError) {
    var topic = FixedBytes<128>()
    do throws(CapacityError) {
      try topic.write { (output: inout ByteWriter) throws(CapacityError) in
        try output.append("/sys/")
        try output.append(device.productKey.bytes)
        try output.append(UInt8(ascii: "/"))
        try output.append(device.deviceName.bytes)
        try output.append("/thing/model/up_raw")
      }
    } catch {
      throw .tooLong(device.productKey.count + device.deviceName.count + 25)
    }
    try self.init(topic.bytes)
  }
}
