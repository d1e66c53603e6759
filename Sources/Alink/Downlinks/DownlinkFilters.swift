// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// The topic filters that a device subscribes to for a set of kinds, one after the other.
///
/// ```
/// var filters = DownlinkFilters(.device)
/// while let kind = try filters.next(of: device, into: &output) { … }
/// ```
///
/// One filter a kind and none that covers another: `+` stands only where the platform puts a name. A wider one,
/// `thing/service/property/+` say, would be shorter by a filter, and would bring each answer of the device back to
/// it, for MQTT 3.1.1 has no way to leave these out. All services are one filter, so that an unknown one is
/// refused instead of lost.
public struct DownlinkFilters: Sendable {
  private let kinds: DownlinkKinds
  private var position: UInt8 = 0

  /// What a custom synchronous call's topic ends with; empty for any, `#`.
  public var customTopic = FixedBytes<64>()

  /// The filters of these kinds.
  public init(_ kinds: DownlinkKinds) {
    self.kinds = kinds
  }

  /// Appends the next filter for `device`, which may be a gateway's sub-device, and says which kind it is of;
  /// `nil` after the last one.
  ///
  /// A filter that has no room is given again by the next call.
  public mutating func next(
    of device: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) -> DownlinkKind? {
    while let kind = DownlinkKind(rawValue: position) {
      if kinds.contains(kind) {
        let start = output.count
        do throws(CapacityError) {
          try write(kind, of: device, into: &output)
        } catch {
          output.truncate(to: start)
          throw error
        }
      }
      position += 1
      if kinds.contains(kind) { return kind }
    }
    return nil
  }

  private func write(
    _ kind: DownlinkKind,
    of device: DeviceIdentity,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    switch kind {
    case .customCall:
      try output.append(kind.path)
      try output.append("+/")
      if customTopic.isEmpty { return try output.append("#") }
      try output.append(customTopic.bytes)
    case .firmware, .subDeviceError:
      try output.append(kind.path)
      try output.append(device.productKey.bytes)
      try output.append(UInt8(ascii: "/"))
      try output.append(device.deviceName.bytes)
    default:
      try output.append("/sys/")
      try output.append(device.productKey.bytes)
      try output.append(UInt8(ascii: "/"))
      try output.append(device.deviceName.bytes)
      try output.append(UInt8(ascii: "/"))
      try output.append(kind.path)
      if kind == .service || kind == .synchronousCall { try output.append(UInt8(ascii: "+")) }
    }
  }
}
