// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
public import Platform

extension AlinkRequest where Kind == TopologyAdd, Writer: ~Copyable & ~Escapable {
  /// Adds a sub-device with its proof; `signature` is the HMAC of the text signed by `proof`, keyed
  /// with the sub-device's secret.
  public mutating func add(
    _ device: DeviceIdentity,
    proof: SubDeviceRequest,
    signature: Span<UInt8>
  ) throws(AlinkError) {
    try checkNotOwn(device.productKey.bytes, device.deviceName.bytes)
    count += 1
    do throws(CapacityError) {
      try proof.writeTopologyEntry(device, signature: signature, into: &writer)
    } catch {
      throw fail()
    }
  }
}

extension AlinkRequest where Kind: DeviceListKind, Writer: ~Copyable & ~Escapable {
  /// Adds a device.
  public mutating func add(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try checkNames(productKey, deviceName, deviceNames)
    if Kind.self == SubDeviceRegister.self { try checkNotOwn(productKey, deviceName) }
    count += 1
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.names(productKey, deviceName)
      try writer.endObject()
    } catch {
      throw fail()
    }
  }
}

extension AlinkRequest where Writer: ~Copyable & ~Escapable {
  fileprivate func checkNotOwn(
    _ productKey: Span<UInt8>,
    _ deviceName: Span<UInt8>
  ) throws(AlinkError) {
    guard let gateway else { return }
    if gateway.productKey.bytes.isEqual(to: productKey),
      gateway.deviceName.bytes.isEqual(to: deviceName)
    {
      throw .ownSubDevice
    }
  }
}

extension PayloadWriter where Self: ~Copyable & ~Escapable {
  /// Writes the members with a device's names.
  mutating func names(
    _ productKey: Span<UInt8>,
    _ deviceName: Span<UInt8>
  ) throws(CapacityError) {
    try key("deviceName")
    try string(deviceName)
    try key("productKey")
    try string(productKey)
  }
}
