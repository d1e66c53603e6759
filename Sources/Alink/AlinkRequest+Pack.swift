// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding

/// The position in a pack post.
struct PackPosition {
  enum Section {
    case none, properties, events
  }

  var section = Section.none
  var properties = 0
  var events = 0
  var subDevices = 0
}

extension AlinkRequest where Kind == PackPost, Writer: ~Copyable & ~Escapable {
  /// Adds a property of the gateway, or of the last named sub-device.
  public mutating func property(
    _ identifier: Span<UInt8>,
    time: UInt64,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try checkIdentifier(identifier)
    guard pack.section != .events else { throw .order }
    guard pack.properties < maxProperties else { throw .tooManyProperties }
    pack.properties += 1
    count += 1
    do throws(CapacityError) {
      if pack.section == .none {
        try writer.key("properties")
        try writer.beginObject()
        pack.section = .properties
      }
      try writer.property(identifier, time: time, value)
    } catch {
      throw fail()
    }
  }

  /// As above, with a literal as identifier.
  public mutating func property(
    _ identifier: StaticString,
    time: UInt64,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try property(identifier.bytes, time: time, value)
  }

  /// Adds an event of the gateway, or of the last named sub-device; `value` writes the members,
  /// keys and values alternating.
  public mutating func event(
    _ identifier: Span<UInt8>,
    time: UInt64,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try checkIdentifier(identifier)
    guard pack.events < 20 else { throw .tooManyEvents }
    pack.events += 1
    count += 1
    do throws(CapacityError) {
      if pack.section != .events {
        try endSection()
        try writer.key("events")
        try writer.beginObject()
        pack.section = .events
      }
      try writer.key(identifier)
      try writer.beginObject()
      try writer.eventMembers(time: time, value)
      try writer.endObject()
    } catch {
      throw fail()
    }
  }

  /// As above, with a literal as identifier.
  public mutating func event(
    _ identifier: StaticString,
    time: UInt64,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try event(identifier.bytes, time: time, value)
  }

  /// Starts a sub-device, whose properties and events follow.
  public mutating func subDevice(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try checkNames(productKey, deviceName, deviceNames)
    guard pack.subDevices < 20 else { throw .tooManySubDevices }
    count += 1
    do throws(CapacityError) {
      try endSection()
      if pack.subDevices == 0 {
        try writer.key("subDevices")
        try writer.beginArray()
      } else {
        try writer.endObject()
      }
      pack.subDevices += 1
      try writer.beginObject()
      try writer.key("identity")
      try writer.beginObject()
      try writer.key("productKey")
      try writer.string(productKey)
      try writer.key("deviceName")
      try writer.string(deviceName)
      try writer.endObject()
    } catch {
      throw fail()
    }
  }
}

extension AlinkRequest where Writer: ~Copyable & ~Escapable {
  /// Closes the open sections of a pack post.
  mutating func endSections() throws(CapacityError) {
    try endSection()
    guard pack.subDevices > 0 else { return }
    try writer.endObject()
    try writer.endArray()
  }

  private mutating func endSection() throws(CapacityError) {
    if pack.section != .none { try writer.endObject() }
    pack.section = .none
  }
}
