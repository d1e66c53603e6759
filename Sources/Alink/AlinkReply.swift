// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// A request of the platform that a device answers (device guide 6; it arrives by another way than
/// CoAP, or by `/pull`).
public struct DownlinkMethod: Equatable, Sendable {
  /// The method's name.
  public let name: FixedBytes<128>

  /// Checks the name of a method.
  public init(_ name: Span<UInt8>) throws(AlinkError) {
    var checked = FixedBytes<128>()
    for index in name.indices {
      switch name[index] {
      case UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "#"), 0...0x20, 0x7F...:
        throw .identifier
      default: break
      }
    }
    guard !name.isEmpty else { throw .identifier }
    do throws(CapacityError) { try checked.replace(with: name) } catch { throw .identifier }
    self.name = checked
  }

  /// Appends the topic of the answer: `/sys/PK/DN/…_reply`.
  public func writeReplyTopic(
    of device: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append("/sys/")
    try output.append(device.productKey.bytes)
    try output.append(UInt8(ascii: "/"))
    try output.append(device.deviceName.bytes)
    try output.append(UInt8(ascii: "/"))
    let start = output.count
    try output.append(name.bytes)
    for offset in start..<output.count where output.written[offset] == UInt8(ascii: ".") {
      output.replace(at: offset, with: UInt8(ascii: "/"))
    }
    try output.append("_reply")
  }
}

/// Writes a device's answer to a request from the platform: `{"id":"123","code":200,"data":{}}`.
public enum AlinkReply {
  /// Appends the answer; `data` writes the members of the object `data`, keys and values
  /// alternating.
  ///
  /// `id` is that of the request.
  public static func write<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    id: UInt64,
    code: DeviceReplyCode,
    into writer: inout Writer,
    data: (inout Writer) throws(CapacityError) -> Void
  ) throws(CapacityError) {
    try writer.beginObject()
    try writer.key("id")
    var digits = FixedBytes<20>()
    try digits.write { (output: inout ByteWriter) throws(CapacityError) in
      try output.append(decimal: id)
    }
    try writer.string(digits.bytes)
    try writer.key("code")
    try writer.unsigned(code.rawValue)
    try writer.key("data")
    try writer.beginObject()
    try data(&writer)
    try writer.endObject()
    try writer.endObject()
  }
}
