internal import ConstrainedCore
public import Platform

extension Topic {
  /// Where a device of a product with a script of its own sends bytes as they are:
  /// `/sys/PK/DN/thing/model/up_raw` (device guide 6.5); the reply is one of the thing model, in JSON.
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
