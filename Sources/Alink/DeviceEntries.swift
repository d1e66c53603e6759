// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// Reads a list of devices: the answers to `TopologyGet` and `SubDeviceRegister`, and the parameters of
/// `thing.topo.add.notify` (device guide 6.2 and 6.3).
public struct DeviceEntries<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private var reader: Reader
  private var hasBegun = false
  private var isOver = false

  /// Reads `data` or `params` of the message; `null` and an empty object contain no devices.
  @_lifetime(copy list)
  public init(_ list: Reader) {
    reader = list
  }

  /// The next device; `nil` after the last.
  public mutating func next() throws(AlinkMessageError) -> DeviceEntry? {
    if !hasBegun {
      hasBegun = true
      switch try reader.next() {
      case .beginArray: break
      case .null: isOver = true
      case .beginObject:
        guard try reader.next() == .endObject else { throw .member(.data) }
        isOver = true
      default: throw .member(.data)
      }
    }
    guard !isOver else { return nil }
    switch try reader.next() {
    case .beginObject: break
    case .endArray:
      isOver = true
      return nil
    default: throw .member(.data)
    }
    var entry = DeviceEntry()
    while case .key(let name)? = try reader.next() {
      guard let token = try reader.next() else { throw .malformed }
      if reader.text(name, equals: "productKey") {
        entry.productKey = try reader.fixed(token, .productKey)
      } else if reader.text(name, equals: "deviceName") {
        entry.deviceName = try reader.fixed(token, .deviceName)
      } else if reader.text(name, equals: "deviceSecret") {
        entry.deviceSecret = try reader.fixed(token, .deviceSecret)
      } else if reader.text(name, equals: "iotId") {
        entry.iotID = try reader.fixed(token, .iotID)
      } else {
        try reader.pass(token)
      }
    }
    guard !entry.productKey.isEmpty else { throw .member(.productKey) }
    guard !entry.deviceName.isEmpty else { throw .member(.deviceName) }
    return entry
  }
}

/// A device in a list.
public struct DeviceEntry: Sendable {
  /// The key of the device's product.
  public internal(set) var productKey = FixedBytes<64>()
  /// The device's name.
  public internal(set) var deviceName = FixedBytes<32>()
  /// The device's secret, in the answer to `SubDeviceRegister`; otherwise empty.
  public internal(set) var deviceSecret = FixedBytes<128>()
  /// The platform's own id of the device, up to 64 bytes, in the answer to `SubDeviceRegister`
  /// (device guide 6.2); otherwise empty.
  public internal(set) var iotID = FixedBytes<64>()
}
