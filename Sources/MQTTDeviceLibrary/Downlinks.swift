// SPDX-License-Identifier: Apache-2.0
public import CDevice
internal import ConstrainedCore

// The part of the C interface that only a device over MQTT has.

/// Answers a request of the thing model.
@c @implementation
public func nbiot_reply(
  _ device: OpaquePointer!,
  _ id: UInt64,
  _ code: UInt32,
  _ data: UnsafeRawPointer!,
  _ count: Int
) -> Int32 {
  guard let held = unsafe held(device), unsafe data != nil || count == 0, count >= 0 else {
    return NBIOT_ARGUMENT.rawValue
  }
  return unsafe held.pointee.reply(id, code, bytes(data, count)).rawValue
}

/// Answers a request of bytes.
@c @implementation
public func nbiot_reply_bytes(
  _ device: OpaquePointer!,
  _ id: UInt64,
  _ data: UnsafeRawPointer!,
  _ count: Int
) -> Int32 {
  guard let held = unsafe held(device), unsafe data != nil || count == 0, count >= 0 else {
    return NBIOT_ARGUMENT.rawValue
  }
  return unsafe held.pointee.reply(id, bytes: bytes(data, count)).rawValue
}

/// Reads the file that the last event offers.
@c @implementation
public func nbiot_read_file(
  _ device: OpaquePointer!,
  _ file: UnsafeMutablePointer<nbiot_file>!
) -> Int32 {
  guard let held = unsafe held(device), let file = unsafe file else {
    return NBIOT_ARGUMENT.rawValue
  }
  return unsafe held.pointee.read(&file.pointee).rawValue
}

/// Tells the platform how far an upgrade is.
@c @implementation
public func nbiot_firmware_progress(
  _ device: OpaquePointer!,
  _ step: Int32,
  _ description: UnsafePointer<CChar>!
) -> Int32 {
  guard let held = unsafe held(device) else { return NBIOT_ARGUMENT.rawValue }
  return unsafe held.pointee.progress(step, text(description)).rawValue
}

/// Notes that an upgrade waits for a restart.
@c @implementation
public func nbiot_firmware_done(_ device: OpaquePointer!) -> Int32 {
  guard let held = unsafe held(device) else { return NBIOT_ARGUMENT.rawValue }
  return unsafe held.pointee.finishFirmware().rawValue
}

/// SAFETY: the caller guarantees that many bytes during the call.
@unsafe
@_lifetime(immortal)
private func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> Span<UInt8> {
  guard let start = unsafe start, count > 0 else { return Span() }
  let bytes = unsafe Span(
    _unsafeStart: start.assumingMemoryBound(to: UInt8.self),
    count: count
  )
  return unsafe _overrideLifetime(bytes, copying: ())
}
