// SPDX-License-Identifier: Apache-2.0
public import CDevice
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
#elseif HTTPS
internal import HTTPSChannel
internal import HTTPSLink
#else
internal import CoAPLink
#endif

// The C interface. nbiot_device.h documents each function for its callers; `@implementation` makes
// the compiler compare the two.

/// The size of a device in bytes.
@c @implementation
public func nbiot_device_size() -> Int { MemoryLayout<HeldDevice>.size }

/// The alignment of a device.
@c @implementation
public func nbiot_device_alignment() -> Int { MemoryLayout<HeldDevice>.alignment }

/// Creates a device in the caller's memory.
@c @implementation
public func nbiot_create(
  _ memory: UnsafeMutableRawPointer!,
  _ size: Int,
  _ config: UnsafePointer<nbiot_config>!,
  _ device: UnsafeMutablePointer<OpaquePointer?>!
) -> Int32 {
  guard let memory = unsafe memory, let config = unsafe config, let device = unsafe device else {
    return NBIOT_ARGUMENT.rawValue
  }
  guard size >= MemoryLayout<HeldDevice>.size,
    Int(bitPattern: memory) % MemoryLayout<HeldDevice>.alignment == 0
  else { return NBIOT_MEMORY.rawValue }
  unsafe device.pointee = nil
  // SAFETY: the caller guarantees that many bytes, and they are aligned.
  let held = unsafe memory.bindMemory(to: HeldDevice.self, capacity: 1)
  do throws(LibraryError) {
    unsafe held.initialize(to: try HeldDevice(config.pointee))
  } catch {
    return error.report()
  }
  unsafe device.pointee = OpaquePointer(held)
  return NBIOT_OK.rawValue
}

/// Accepts a report in JSON.
@c @implementation
public func nbiot_publish(
  _ device: OpaquePointer!,
  _ topic: UnsafePointer<CChar>!,
  _ payload: UnsafeRawPointer!,
  _ count: Int,
  _ lifetime: UInt32,
  _ id: UnsafeMutablePointer<UInt64>!
) -> Int32 {
  unsafe publish(device, topic, payload, count, lifetime, id, isCBOR: false)
}

/// Accepts a report in CBOR.
@c @implementation
public func nbiot_publish_cbor(
  _ device: OpaquePointer!,
  _ topic: UnsafePointer<CChar>!,
  _ payload: UnsafeRawPointer!,
  _ count: Int,
  _ lifetime: UInt32,
  _ id: UnsafeMutablePointer<UInt64>!
) -> Int32 {
  unsafe publish(device, topic, payload, count, lifetime, id, isCBOR: true)
}

/// Performs pending work without waiting.
@c @implementation
public func nbiot_drive(
  _ device: OpaquePointer!,
  _ event: UnsafeMutablePointer<nbiot_event>!
) -> Int32 {
  guard let held = unsafe held(device), let event = unsafe event,
    let happened = unsafe held.pointee.drive()
  else { return 0 }
  var told = unsafe nbiot_event()
  unsafe told.kind = Int32(happened.kind.rawValue)
  unsafe told.code = happened.code
  unsafe told.id = happened.id
  unsafe told.sequence = happened.sequence
  unsafe told.bytes_up = happened.bytesUp
  unsafe told.bytes_down = happened.bytesDown
  unsafe told.transmissions = happened.transmissions
  unsafe told.milliseconds = happened.milliseconds
  unsafe told.answer_extent = Int32(happened.extent.rawValue)
  unsafe told.reply_code = happened.replyCode
  unsafe told.reason = Int32(happened.reason.rawValue)
  unsafe told.detail = happened.detail
  #if MQTT
  unsafe held.pointee.describe(&told)
  #else
  if happened.hasAnswer { unsafe (told.answer, told.answer_count) = held.pointee.answer }
  #endif
  unsafe event.pointee = told
  return 1
}

/// The descriptor to wait for.
@c @implementation
public func nbiot_descriptor(_ device: OpaquePointer!) -> Int32 {
  unsafe held(device)?.pointee.descriptor ?? -1
}

/// The maximum time to wait, in milliseconds.
@c @implementation
public func nbiot_timeout(_ device: OpaquePointer!) -> Int32 {
  unsafe held(device)?.pointee.timeout() ?? -1
}

/// The number of waiting reports.
@c @implementation
public func nbiot_pending(_ device: OpaquePointer!) -> Int {
  unsafe held(device)?.pointee.driver.reports.pendingReports ?? 0
}

/// The counters so far.
@c @implementation
public func nbiot_read_counters(
  _ device: OpaquePointer!,
  _ counters: UnsafeMutablePointer<nbiot_counters>!
) {
  guard let held = unsafe held(device), let counters = unsafe counters else { return }
  unsafe held.pointee.read(&counters.pointee)
}

/// Where the bytes went.
@c @implementation
public func nbiot_read_ledger(
  _ device: OpaquePointer!,
  _ ledger: UnsafeMutablePointer<nbiot_ledger>!
) -> Int32 {
  guard let held = unsafe held(device), let ledger = unsafe ledger else {
    return NBIOT_ARGUMENT.rawValue
  }
  unsafe ledger.pointee = nbiot_ledger()
  #if !LEDGER
  _ = unsafe held
  return NBIOT_ARGUMENT.rawValue
  #else
  unsafe held.pointee.read(&ledger.pointee)
  return NBIOT_OK.rawValue
  #endif
}

/// Destroys the device.
@c @implementation
public func nbiot_destroy(_ device: OpaquePointer!) {
  guard let held = unsafe held(device) else { return }
  unsafe held.pointee.close()
  // SAFETY: created by nbiot_create, and destroyed once, as the header requires.
  unsafe held.deinitialize(count: 1)
  // The session's record and the rest are plain bytes.
  let count = MemoryLayout<HeldDevice>.size
  let start = unsafe UnsafeMutableRawPointer(held).bindMemory(to: UInt8.self, capacity: count)
  var bytes = unsafe MutableSpan(_unsafeStart: start, count: count)
  wipe(&bytes)
}

// MARK: - Between C and Swift

/// SAFETY, here and where it is used: the pointer comes from nbiot_create, and the caller uses the
/// device on one thread at a time.
@unsafe
func held(_ device: OpaquePointer?) -> UnsafeMutablePointer<HeldDevice>? {
  unsafe device.map { unsafe UnsafeMutablePointer<HeldDevice>($0) }
}

@unsafe
@inline(never)
private func publish(
  _ device: OpaquePointer?,
  _ topic: UnsafePointer<CChar>?,
  _ payload: UnsafeRawPointer?,
  _ count: Int,
  _ lifetime: UInt32,
  _ id: UnsafeMutablePointer<UInt64>?,
  isCBOR: Bool
) -> Int32 {
  guard let held = unsafe held(device), let payload = unsafe payload, count > 0 else {
    return NBIOT_ARGUMENT.rawValue
  }
  // SAFETY: the caller guarantees that many bytes during the call.
  let bytes = unsafe Span(
    _unsafeStart: payload.assumingMemoryBound(to: UInt8.self),
    count: count
  )
  do throws(LibraryError) {
    let number = unsafe try held.pointee.publish(
      topic: text(topic),
      payload: bytes,
      lifetime: lifetime,
      isCBOR: isCBOR
    )
    unsafe id?.pointee = number
    return NBIOT_OK.rawValue
  } catch {
    return error.report()
  }
}

/// The bytes of a C string; empty for NULL.
@unsafe
@_lifetime(immortal)
func text(_ start: UnsafePointer<CChar>?) -> Span<UInt8> {
  guard let start = unsafe start else { return Span() }
  var count = 0
  while unsafe start[count] != 0 { count += 1 }
  let bytes = unsafe UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self)
  return unsafe _overrideLifetime(Span(_unsafeStart: bytes, count: count), copying: ())
}
