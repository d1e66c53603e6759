// SPDX-License-Identifier: Apache-2.0
public import CDevice
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import PlatformMQTT
internal import SecurityLayer

/// Signs an MQTT connection as the platform's SDK for C does (device guide 3.4).
@c @implementation
public func IOT_Sign_MQTT(
  _ region: iotx_mqtt_region_types_t,
  _ meta: UnsafeMutablePointer<iotx_dev_meta_info_t>!,
  _ signout: UnsafeMutablePointer<iotx_sign_mqtt_t>!
) -> Int32 {
  guard let output = unsafe signout else { return -1 }
  unsafe output.pointee = iotx_sign_mqtt_t()
  guard let meta = unsafe meta else { return -1 }
  do throws(LibraryError) {
    try unsafe sign(region, meta, into: output)
    return 0
  } catch {
    unsafe output.pointee = iotx_sign_mqtt_t()
    return -1
  }
}

private func sign(
  _ region: iotx_mqtt_region_types_t,
  _ meta: UnsafeMutablePointer<iotx_dev_meta_info_t>,
  into output: UnsafeMutablePointer<iotx_sign_mqtt_t>
) throws(LibraryError) {
  let regionID = try regionID(region)
  let key = try unsafe field(&meta.pointee.product_key)
  let name = try unsafe field(&meta.pointee.device_name)
  let secret = try unsafe field(&meta.pointee.device_secret)
  _ = try unsafe field(&meta.pointee.product_secret, isNeeded: false)
  let request = MQTTConnectRequest(signMethod: .hmacSHA256, transport: .tls)
  let identity: DeviceIdentity
  do throws(IdentityError) {
    identity = try DeviceIdentity(productKey: key, deviceName: name)
  } catch {
    throw .argument
  }
  let signature: FixedBytes<32>
  do throws(SecurityError) {
    signature = try request.signMethod.signature(key: secret) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(identity, into: &writer)
    }
  } catch {
    throw .security
  }
  if !Span(regionID).isEmpty {
    try unsafe write(into: &output.pointee.hostname) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try MQTTConnectRequest.writeHost(identity, region: Span(regionID), into: &writer)
    }
  }
  unsafe output.pointee.port = request.transport.port
  try unsafe write(into: &output.pointee.clientid) {
    (writer: inout ByteWriter) throws(CapacityError) in
    try request.writeClientID(identity, into: &writer)
  }
  try unsafe write(into: &output.pointee.username) {
    (writer: inout ByteWriter) throws(CapacityError) in
    try MQTTConnectRequest.writeUserName(identity, into: &writer)
  }
  try unsafe write(into: &output.pointee.password) {
    (writer: inout ByteWriter) throws(CapacityError) in
    try writer.append(hexadecimal: signature.bytes)
  }
}

/// The id of a region, empty for a host of the caller's own.
///
/// Unverified: the guide has the constants alone; the ids are those of public pages.
private func regionID(_ region: iotx_mqtt_region_types_t) throws(LibraryError) -> StaticString {
  switch region {
  case IOTX_CLOUD_REGION_SHANGHAI: "cn-shanghai"
  case IOTX_CLOUD_REGION_SINGAPORE: "ap-southeast-1"
  case IOTX_CLOUD_REGION_JAPAN: "ap-northeast-1"
  case IOTX_CLOUD_REGION_USA_WEST: "us-west-1"
  case IOTX_CLOUD_REGION_GERMANY: "eu-central-1"
  case IOTX_CLOUD_REGION_CUSTOM: ""
  default: throw .argument
  }
}

/// The text of a field, which must end with a zero byte within it.
@_lifetime(borrow field)
private func field<Field>(
  _ field: UnsafeMutablePointer<Field>,
  isNeeded: Bool = true
) throws(LibraryError) -> Span<UInt8> {
  let size = MemoryLayout<Field>.size
  // SAFETY: the pointer is to a field of that size, which is the caller's during the call.
  let start = unsafe UnsafeRawPointer(field).assumingMemoryBound(to: UInt8.self)
  var count = 0
  while count < size, unsafe start[count] != 0 { count += 1 }
  guard count < size, count > 0 || !isNeeded else { throw .argument }
  let bytes = unsafe Span(_unsafeStart: start, count: count)
  return unsafe _overrideLifetime(bytes, borrowing: field)
}

/// Writes a text into a field that is all zero bytes, of which one stays behind it.
private func write<Field>(
  into field: UnsafeMutablePointer<Field>,
  _ body: (inout ByteWriter) throws(CapacityError) -> Void
) throws(LibraryError) {
  // SAFETY: the pointer is to a field of that size, which is the caller's during the call.
  let start = unsafe UnsafeMutableRawPointer(field).assumingMemoryBound(to: UInt8.self)
  let room = unsafe MutableSpan(_unsafeStart: start, count: MemoryLayout<Field>.size - 1)
  var writer = ByteWriter(room)
  do throws(CapacityError) { try body(&writer) } catch { throw .argument }
}
